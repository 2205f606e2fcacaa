from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from stage import LONG, pair, performed, scene, script, tables, talk, turn

from persona_forge.core.errors import ConfigError, Misuse, Permanent, Stopped, Transient, WeightsError
from persona_forge.core.ports import Delivery, Spoken
from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING, PAIRS
from persona_forge.engines.tone import Tone
from persona_forge.speech.audio import decode
from persona_forge.speech.cast import cast
from persona_forge.speech.placing import CONTINUERS, waiting
from persona_forge.speech.speak import RATE, speak

NEAR_S = 0.02
"""Where a sound begins and ends is known to a frame."""


class Moody(Tone):
    """Tone, but for some texts something else."""

    def __init__(self, **instead: Any) -> None:
        self.instead = instead

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        found = self.instead.get(text.split()[0].lower().strip(".,"))
        if isinstance(found, Exception):
            raise found
        return found or super().speak(text, voice=voice, language=language, delivery=delivery)


def spoken(*scripts: list[dict[str, Any]], voice: Tone | None = None, **asked: Any) -> Made:
    scenes = [scene(f"s{n}") for n in range(len(scripts))]
    both = [(s, script(s, turns)) for s, turns in zip(scenes, scripts, strict=True)]
    return performed(*both, voice=voice, **asked)


def seconds(row: dict[str, Any]) -> float:
    samples, rate = decode(row["audio"]["bytes"])
    assert rate == RATE
    return samples.size / rate


# In time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlaps", [0.0, 1.0])
def test_turns_follow_each_other_in_time(overlaps: float) -> None:
    texts = ("One and one.", "Two of them, or so it seems.", "Three.")
    rows = spoken(talk(*texts), talk("Four.", "Five."), overlaps=overlaps).rows
    assert rows["turn"].to_list() == [0, 1, 2, 0, 1]
    assert rows["role"].to_list() == ["partner", "persona", "partner", "partner", "persona"]
    assert rows["part"].to_list() == ["turn"] * 5
    early = "overlap" if overlaps else "gap"
    assert rows["floor"].to_list() == ["start", early, early, "start", early]
    for _, dialogue in rows.group_by("scene_id"):
        ends = 0.0
        for row in dialogue.sort("turn").iter_rows(named=True):
            assert row["offset_s"] == pytest.approx(ends + row["gap_s"], abs=NEAR_S)
            assert (row["gap_s"] < 0) == (row["floor"] == "overlap")
            ends = row["offset_s"] + seconds(row)


def test_silence_at_the_edges_of_a_clip_is_no_gap() -> None:
    padded = np.concatenate([np.zeros(RATE), 0.3 * np.sin(np.arange(RATE) / 20), np.zeros(RATE)]).astype(np.float32)
    rows = spoken(talk("One.", "Padded.", "Three."), voice=Moody(padded=Spoken(padded, RATE))).rows
    heard = []
    for row in rows.iter_rows(named=True):
        loud = np.flatnonzero(np.abs(decode(row["audio"]["bytes"])[0]) > 0.02) / RATE
        heard.append((row["offset_s"] + loud[0], row["offset_s"] + loud[-1]))
    assert [b[0] - a[1] for a, b in pairwise(heard)] == pytest.approx(rows["gap_s"].to_list()[1:], abs=NEAR_S)


def test_a_listener_hums_softly_in_its_own_voice_inside_a_longer_turn() -> None:
    made = spoken(talk("Well?", LONG["en"], "I see."), hums=1.0)
    assert made.rows["part"].to_list() == ["turn", "turn", "back_channel", "turn"]
    long, hum, after = (made.rows.row(n, named=True) for n in (1, 2, 3))
    assert (hum["turn"], hum["role"], hum["floor"], hum["pair_id"]) == (1, "partner", "back_channel", None)
    assert hum["text"] in CONTINUERS["en"]
    assert (hum["want_volume"], hum["want_emotion"], hum["want_instruction"]) == ("soft", "neutral", "")
    assert hum["made_voice"] == after["made_voice"] != long["made_voice"]
    ends = long["offset_s"] + seconds(long)
    assert long["offset_s"] < hum["offset_s"] < hum["offset_s"] + seconds(hum) < ends
    clause = (LONG["en"].index(",") + 1) / len(LONG["en"])
    assert (hum["offset_s"] - long["offset_s"]) / seconds(long) == pytest.approx(clause, abs=0.01)
    assert hum["gap_s"] == pytest.approx(hum["offset_s"] - ends, abs=NEAR_S)


def test_what_is_hummed_into_a_turn_that_fails_is_not_spoken() -> None:
    made = spoken(talk("Well?", LONG["en"], "I see."), hums=1.0, voice=Moody(the=Permanent("no")))
    assert made.rows["turn"].to_list() == [0, 2]
    assert [r.reason for r in made.rejects] == ["unspeakable", "no_turn"]


# Rows -----------------------------------------------------------------------------------------------------------------


def test_what_was_wanted_and_how_it_was_made_stand_apart() -> None:
    said = turn(1, "Not again.", emotion="sad", intensity=0.55, speed="slow", volume="soft",
                tagged="{sad:0.55}{slow}{soft}{sigh}Not again.", events=[{"type": "sigh", "char_pos": 0}])  # fmt: skip
    of = scene("s", traits={"gender": "female", "age_band": "adult", "voice_timbre": "warm"})
    row = performed((of, script(of, [turn(0, "Hello."), said]))).rows.row(1, named=True)
    wants = {k: row[f"want_{k}"] for k in ("gender", "age_group", "timbre", "emotion", "intensity", "style", "speed")}
    assert wants == {"gender": "female", "age_group": "young_adult", "timbre": "warm", "emotion": "sad",
                     "intensity": 0.55, "style": "brisk", "speed": "slow"}  # fmt: skip
    assert (row["want_speed_ratio"], row["want_volume"], row["want_pitch"]) == (0.78, "soft", "medium")
    assert row["want_events"] == [{"type": "sigh", "char_pos": 0}]
    assert (row["text"], row["want_instruction"]) == ("Not again.", "Brisk.")
    assert (row["made_engine"], row["made_licence"], row["made_not_obeyed"]) == ("tone", "Apache-2.0", [])
    assert [e["type"] for e in row["made_events"]] == ["sigh"]
    assert row["made_voice"].startswith("female")
    assert row["audio"]["path"] == f"{row['utterance_id']}.flac"


def test_the_partner_has_no_timbre_and_the_gender_of_the_scene() -> None:
    row = spoken(talk("Hello.", "Hm, yes.")).rows.row(0, named=True)
    assert (row["want_gender"], row["want_age_group"], row["want_timbre"]) == ("male", "elderly", None)


def test_another_cast_gives_another_id() -> None:
    of = scene("s")
    scenes, scripts = tables((of, script(of)))
    voices = cast(CASTING.empty(), scripts.lazy(), scenes.lazy(), voice=Tone(), count=None, per_shard=9).rows
    asked: dict[str, Any] = {"voice": Tone(), "speak_pairs": True, "overlap_share": 0.0, "back_channel_share": 0.0}
    before, deeper = (speak(v, scripts, scenes, PAIRS.empty(), **asked).rows["utterance_id"].to_list()
                      for v in (voices, voices.with_columns(formant_scale=voices["formant_scale"] * 0.9)))  # fmt: skip
    assert set(before).isdisjoint(deeper)
    assert before == speak(voices, scripts, scenes, PAIRS.empty(), **asked).rows["utterance_id"].to_list()


# Pairs ----------------------------------------------------------------------------------------------------------------


def contrast() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Two scenes with the same words in two deliveries."""
    deliveries = ({"emotion": "happy", "speed": "medium_fast"}, {"emotion": "fearful", "volume": "soft"})
    made = []
    for n, delivery in enumerate(deliveries):
        of = scene(f"s{n}", kind="contrast", contrast_id="c", probe_id="p", probe="I'm fine.")
        said = [turn(0, "I'm fine.", intensity=0.55, **delivery), turn(1, f"Answer {n}."), turn(2, "Well.")]
        made.append((of, script(of, said, probe_turn=0)))
    return made


def paired() -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], list[dict[str, Any]]]:
    both = contrast()
    return both, [pair(of, of["turns"][1], turn(1, f"Wrong {n}.", emotion="sad")) for n, (_, of) in enumerate(both)]


def test_the_replies_of_a_pair_are_spoken_where_the_turn_would_stand() -> None:
    both, pairs = paired()
    rows = performed(*both, pairs=pairs, overlaps=1.0).rows.filter(scene_id="s0")
    assert rows["part"].to_list() == ["turn", "turn", "turn", "chosen", "rejected"]
    replies = rows.filter(rows["pair_id"].is_not_null())
    assert (replies["turn"].to_list(), replies["role"].to_list()) == ([1, 1], ["persona"] * 2)
    assert set(replies["pair_id"]) == {"pair of script of s0"}
    assert replies["offset_s"].to_list() == [rows["offset_s"][1]] * 2
    assert replies["made_voice"].to_list() == [rows["made_voice"][1]] * 2
    assert replies["want_instruction"].to_list() == ["Brisk.", ""]  # it was written for another mood
    assert replies["audio"][0]["bytes"] == rows["audio"][1]["bytes"] != replies["audio"][1]["bytes"]


def test_a_reply_to_pressure_comes_as_early_as_the_turn_did() -> None:
    of = scene("s", attack="insult_escalation")
    said = script(of, talk("You never get anything right.", "That is quite enough.", "Oh."), probe_turn=0)
    rows = performed((of, said), pairs=[pair(said, turn(1, "Right."), turn(1, "Wrong, wrong."))], overlaps=1.0).rows
    assert rows["floor"].to_list() == ["start", "interruption", "overlap", "interruption", "interruption"]
    assert rows["gap_s"][3] == rows["gap_s"][4] == rows["gap_s"][1] < 0


def test_the_two_prompts_of_a_contrast_differ_in_the_delivery_alone() -> None:
    both, pairs = paired()
    rows = performed(*both, pairs=pairs, overlaps=1.0, hums=1.0).rows
    prompts = rows.filter(part="turn", turn=0)
    same = ("text", "role", "made_voice", "want_gender", "want_age_group", "want_style", "offset_s")
    assert prompts.select(same).unique().height == 1
    assert prompts["want_emotion"].to_list() == ["happy", "fearful"]
    assert prompts["audio"][0]["bytes"] != prompts["audio"][1]["bytes"]
    assert (rows.filter(rows["turn"] == 1)["gap_s"] > 0).all()


def test_a_pair_whose_prompt_failed_keeps_its_replies() -> None:
    both, pairs = paired()
    made = performed(*both, pairs=pairs, voice=Moody(**{"i'm": Transient("the engine hung")}))
    assert [r.detail for r in made.rejects] == ["Transient: the engine hung"] * 2
    gaps = [waiting(f"script of s{n}", "1").gap_s for n in (0, 1)]
    assert made.rows.filter(part="rejected")["offset_s"].to_list() == pytest.approx(gaps, abs=NEAR_S)


def test_pairs_are_left_out_where_nobody_asks_for_them() -> None:
    both, pairs = paired()
    assert set(performed(*both, pairs=pairs, speak_pairs=False).rows["part"]) == {"turn"}


# Faults ---------------------------------------------------------------------------------------------------------------

NAN = np.array([0.1, np.nan], np.float32)


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        (Permanent("no phonemes for this"), "unspeakable", "no phonemes for this"),
        (Transient("the engine hung"), "engine_failed", "Transient: the engine hung"),
        (ZeroDivisionError("division by zero"), "engine_failed", "ZeroDivisionError: division by zero"),
        (Spoken(np.zeros(RATE, np.float32), RATE), "unspeakable", None),
        (Spoken(np.zeros(0, np.float32), RATE), "unspeakable", None),
        (Spoken(NAN, RATE), "unspeakable", None),
    ],
)
def test_a_turn_that_fails_costs_that_turn_alone(fault: Any, reason: str, detail: str | None) -> None:
    made = spoken(talk("One.", "Bad one.", "Three."), talk("Four.", "Five."), voice=Moody(bad=fault))
    (reject,) = made.rejects
    assert (reject.reason, reject.raw, reject.seed_id) == (reason, "Bad one.", "seed of p1")
    assert detail in (None, reject.detail)
    first = made.rows.filter(scene_id="s0")
    assert first["turn"].to_list() == [0, 2]
    gap = waiting("script of s0", "2").gap_s
    assert first["offset_s"][1] == pytest.approx(seconds(first.row(0, named=True)) + gap, abs=NEAR_S)


@pytest.mark.parametrize("text", ["...", "！？", "  "])
def test_a_text_without_words_is_a_reject(text: str) -> None:
    made = spoken(talk("One.", text))
    assert [(r.reason, r.raw) for r in made.rejects] == [("unspeakable", text)]


@pytest.mark.parametrize("stop", [Misuse("no such voice"), ConfigError("x"), Stopped("x"), WeightsError("x")])
def test_what_is_wrong_with_the_run_and_not_with_the_turn_stops_it(stop: Exception) -> None:
    for at_once in (1, 2):
        voice = Moody(two=stop)
        voice.at_once = at_once  # type: ignore[attr-defined]
        with pytest.raises(type(stop)):
            spoken(talk("One.", "Two.", "Three."), voice=voice)


def test_samples_past_full_scale_are_held_under_it() -> None:
    loud = Spoken(np.full(RATE, 1.7, np.float32), RATE)
    row = spoken(talk("One.", "Loud."), voice=Moody(loud=loud)).rows.row(1, named=True)
    assert 0.9 < np.abs(decode(row["audio"]["bytes"])[0]).max() <= 1


# Several at once --------------------------------------------------------------------------------------------------


class Slow(Tone):
    """Takes longest over what it is asked first, and counts how many it does at once."""

    def __init__(self, at_once: int) -> None:
        self.at_once, self.most, self.now, self.asked = at_once, 0, 0, 0
        self._lock = threading.Lock()

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        with self._lock:
            self.now, self.asked = self.now + 1, self.asked + 1
            self.most, turn = max(self.most, self.now), self.asked
        time.sleep(max(0.0, 0.06 - 0.01 * turn))
        with self._lock:
            self.now -= 1
        return super().speak(text, voice=voice, language=language, delivery=delivery)


def test_rows_and_bits_are_the_same_however_many_are_spoken_at_once() -> None:
    both, pairs = paired()
    voices = [Slow(1), Slow(3)]
    one, three = (performed(*both, pairs=pairs, voice=v, overlaps=0.5, hums=0.5).rows for v in voices)
    assert one.equals(three)
    assert [v.most for v in voices] == [1, 3]


def test_what_is_asked_for_twice_is_spoken_once() -> None:
    both, pairs = paired()
    voice = Slow(1)
    rows = performed(*both, pairs=pairs, voice=voice).rows
    assert rows.height == 10
    assert voice.asked == 7  # both chosen replies are turns of their dialogues, and both last turns are one


def test_nothing_in_nothing_out() -> None:
    frames = tables()
    made = speak(CASTING.empty(), frames[1], frames[0], PAIRS.empty(), voice=Tone(), speak_pairs=True,
                 overlap_share=0.5, back_channel_share=0.5)  # fmt: skip
    assert (made.taken, made.rows.height) == (0, 0)
