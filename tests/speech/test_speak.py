from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import scene, script, tables, turn

from persona_forge.core.errors import Misuse, Permanent, Transient
from persona_forge.core.ports import Delivery, Spoken
from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING, CHECKS, CLIPS, MEASURES
from persona_forge.engines.tone import Tone
from persona_forge.engines.whisper import Deaf
from persona_forge.speech.audio import decode
from persona_forge.speech.cast import cast
from persona_forge.speech.speak import RATE, gap_s, speak
from persona_forge.speech.verify import checks, measures


class Moody(Tone):
    """Tone, but for some texts something else."""

    def __init__(self, **instead: Any) -> None:
        self.instead = instead

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        found = self.instead.get(text.split()[0].lower().strip(".,"))
        if isinstance(found, Exception):
            raise found
        return found or super().speak(text, voice=voice, language=language, delivery=delivery)


def spoken(*scripts: list[dict[str, Any]], voice: Tone | None = None, language: str = "en") -> Made:
    scenes = [scene(f"s{n}", language) for n in range(len(scripts))]
    frames = tables(*((s, script(s, turns)) for s, turns in zip(scenes, scripts, strict=True)))
    voices = cast(CASTING.empty(), frames[1].lazy(), frames[0].lazy(), voice=Tone(), count=None, per_shard=9)
    made = speak(voices.rows, frames[1], frames[0], voice=voice or Tone())
    CLIPS.conform(made.rows)
    assert made.taken == sum(map(len, scripts)) == made.rows.height + len(made.rejects)
    return made


def talk(*texts: str) -> list[dict[str, Any]]:
    return [turn(n, text) for n, text in enumerate(texts)]


def test_turns_follow_each_other_in_time() -> None:
    rows = spoken(talk("One.", "Two of them.", "Three."), talk("Four.", "Five.")).rows
    assert rows["turn"].to_list() == [0, 1, 2, 0, 1]
    assert rows["role"].to_list() == ["partner", "persona", "partner", "partner", "persona"]
    for _, dialogue in rows.group_by("scene_id"):
        ends = 0.0
        for row in dialogue.sort("turn").iter_rows(named=True):
            samples, rate = decode(row["audio"]["bytes"])
            assert rate == RATE
            assert row["offset_s"] == pytest.approx(ends + row["gap_s"], abs=1e-3)
            assert row["gap_s"] == gap_s(row["script_id"], row["turn"])
            ends = row["offset_s"] + samples.size / rate


@given(st.text(max_size=5), st.integers(0, 40))
def test_gaps_are_those_of_a_conversation(script_id: str, number: int) -> None:
    gap = gap_s(script_id, number)
    assert gap == 0 if number == 0 else 0.15 <= gap <= 0.7


def test_what_was_wanted_and_how_it_was_made_stand_apart() -> None:
    said = turn(1, "Not again.", emotion="sad", intensity=0.55, speed="slow", volume="soft",
                events=[{"type": "sigh", "char_pos": 0}])  # fmt: skip
    row = spoken([turn(0, "Hello."), said]).rows.row(1, named=True)
    wants = {k: row[f"want_{k}"] for k in ("gender", "age_group", "timbre", "emotion", "intensity", "style", "speed")}
    assert wants == {"gender": "female", "age_group": "young_adult", "timbre": "warm", "emotion": "sad",
                     "intensity": 0.55, "style": "brisk", "speed": "slow"}  # fmt: skip
    assert (row["want_speed_ratio"], row["want_volume"], row["want_pitch"]) == (0.78, "soft", "medium")
    assert row["want_events"] == [{"type": "sigh", "char_pos": 0}]
    assert (row["made_engine"], row["made_licence"], row["made_not_obeyed"]) == ("tone", "Apache-2.0", [])
    assert row["made_events"] == [{"type": "sigh", "start_s": 0.0, "end_s": 0.4}]
    assert row["made_voice"].startswith("female")
    assert row["audio"]["path"] == f"{row['utterance_id']}.flac"


def test_the_partner_has_no_timbre_and_the_gender_of_the_scene() -> None:
    row = spoken(talk("Hello.", "Hm.")).rows.row(0, named=True)
    assert (row["want_gender"], row["want_age_group"], row["want_timbre"]) == ("male", "elderly", None)


NAN = np.array([0.1, np.nan], np.float32)


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        (Permanent("no phonemes for this"), "no phonemes for this"),
        (Transient("the engine hung"), "the engine hung"),
        (Spoken(np.zeros(RATE, np.float32), RATE), "the voice engine returned silence (peak 0.0e+00)"),
        (Spoken(np.zeros(0, np.float32), RATE), "the voice engine returned no sound, or numbers that are not finite"),
        (Spoken(NAN, RATE), "the voice engine returned no sound, or numbers that are not finite"),
        (Spoken(np.ones(9, np.float32), 22_050), "the voice engine gave 22050 samples a second"),
    ],
)
def test_a_turn_that_fails_costs_that_turn_alone(fault: Any, detail: str) -> None:
    made = spoken(talk("One.", "Bad one.", "Three."), talk("Four.", "Five."), voice=Moody(bad=fault))
    assert [(r.reason, r.detail, r.raw) for r in made.rejects] == [("unspeakable", detail, "Bad one.")]
    assert made.rejects[0].seed_id == "seed of p1"
    first = made.rows.filter(scene_id="s0")
    assert first["turn"].to_list() == [0, 2]
    ends = decode(first["audio"][0]["bytes"])[0].size / RATE
    assert first["offset_s"][1] == pytest.approx(ends + gap_s("script of s0", 2), abs=1e-3)


def test_a_text_without_words_is_a_reject() -> None:
    made = spoken(talk("One.", "…"))
    assert [r.raw for r in made.rejects] == ["…"]


def test_a_voice_that_the_engine_does_not_have_stops_the_shard() -> None:
    with pytest.raises(Misuse, match="no such voice"):
        spoken(talk("One.", "Two."), voice=Moody(two=Misuse("no such voice")))


def test_samples_past_full_scale_are_cut_off() -> None:
    loud = Spoken(np.full(RATE, 1.7, np.float32), RATE)
    row = spoken(talk("One.", "Loud."), voice=Moody(loud=loud)).rows.row(1, named=True)
    assert decode(row["audio"]["bytes"])[0].max() == pytest.approx(1.0, abs=1e-4)


def test_the_same_script_is_spoken_to_the_same_bytes() -> None:
    assert spoken(talk("One.", "Two.")).rows.equals(spoken(talk("One.", "Two.")).rows)


class Parrot:
    """An ear that always hears the same."""

    engine, model, honest = "parrot", "one", True

    def __init__(self, words: str) -> None:
        self.words = words

    def hear(self, samples: Any, rate: int, *, language: str) -> str:
        assert rate == RATE
        return self.words


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_shard_goes_the_whole_way_with_tone_and_a_deaf_ear(language: str) -> None:
    lines = {"en": ("Is it done?", "Nearly."), "zh": ("修好了没有？", "快了，再等一天。")}[language]
    clips = spoken(talk(*lines), language=language).rows
    measured = measures(clips)
    MEASURES.conform(measured.rows)
    assert measured.taken == measured.rows.height == 2
    assert measured.rows["utterance_id"].to_list() == clips["utterance_id"].to_list()
    assert set(measured.rows["meas_rate_unit"]) == {"syllables/s" if language == "en" else "characters/s"}
    for clip, row in zip(clips.iter_rows(named=True), measured.rows.iter_rows(named=True), strict=True):
        samples, rate = decode(clip["audio"]["bytes"])
        assert row["meas_duration_s"] == samples.size / rate
        assert 60 < row["meas_f0_median_hz"] < 300
    checked = checks(clips, ear=Deaf(), max_error_rate=0.35)
    CHECKS.conform(checked.rows)
    assert checked.rows["qc_asr"].to_list() == ["deaf/deaf"] * 2
    for column in ("qc_asr_text", "qc_error_rate", "qc_pass"):
        assert checked.rows[column].null_count() == 2


def test_a_clip_passes_if_its_words_are_heard() -> None:
    clips = spoken(talk("Is it done yet?", "It is done now.")).rows
    rows = checks(clips, ear=Parrot("It is done yet"), max_error_rate=0.3).rows
    assert rows["qc_error_rate"].to_list() == [0.5, 0.25]
    assert rows["qc_pass"].to_list() == [False, True]
    assert rows["qc_reasons"].to_list() == [["words"], []]
    assert rows["qc_asr_text"].to_list() == ["It is done yet"] * 2


def test_a_whisper_is_not_judged_by_its_words() -> None:
    clips = spoken([turn(0, "Hello."), turn(1, "Hush now.", volume="whisper")]).rows
    rows = checks(clips, ear=Parrot("hello"), max_error_rate=0.3).rows
    assert rows["qc_pass"].to_list() == [True, None]


def test_nothing_in_nothing_out() -> None:
    empty = CLIPS.empty()
    assert (measures(empty).taken, checks(empty, ear=Deaf(), max_error_rate=0.3).taken) == (0, 0)
    frames = tables()
    assert speak(CASTING.empty(), frames[1], frames[0], voice=Tone()).rows.height == 0
    assert isinstance(empty, pl.DataFrame)
