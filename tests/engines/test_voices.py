"""Every voice engine runs through the contract; then what is an engine's own."""

from __future__ import annotations

import ctypes
import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.choices import Choice, choose
from persona_forge.config import make_config
from persona_forge.core.errors import Misuse, Permanent, Stopped
from persona_forge.core.ports import Delivery, Pause, Spoken, Voice
from persona_forge.engines import contract_voice
from persona_forge.engines.apart import Apart
from persona_forge.engines.espeak import Espeak
from persona_forge.engines.kokoro import CARDS, LIMIT, NEUTRAL, VOICED_HZ, Kokoro, _Controls, blend
from persona_forge.engines.spoken_text import readable, runs, split
from persona_forge.engines.tone import SECONDS, Tone
from persona_forge.engines.waveform import amplified, checked, cut, resampled, trimmed, usable, with_pauses
from persona_forge.hands import Hands

KOKORO = Kokoro()
ENGINES = [Tone(), Espeak(), pytest.param(KOKORO, marks=pytest.mark.real)]


@pytest.mark.parametrize("voice", ENGINES, ids=lambda voice: voice.engine)
@pytest.mark.parametrize("rule", contract_voice.RULES, ids=lambda rule: rule.__name__)
def test_the_contract_holds(voice: Voice, rule: Callable[[Voice], None]) -> None:
    if voice is KOKORO and rule is contract_voice.it_speaks_or_refuses_5000_characters:
        pytest.skip("takes five minutes; how the text is parted is tested below")
    rule(voice)


FRESH = """
import hashlib
from persona_forge.core.ports import Delivery
from persona_forge.engines.{module} import {name}
spoken = {name}().speak("早上好。", voice="{voice}", language="zh", delivery=Delivery(f0_range=1.5))
print(hashlib.sha256(spoken.samples.tobytes()).hexdigest())
"""


@pytest.mark.parametrize(
    ("engine", "voice"),
    [(Espeak(), "cmn+f3"), pytest.param(KOKORO, "zf_xiaoni", marks=pytest.mark.real)],
    ids=["espeak", "kokoro"],
)
def test_a_fresh_process_gives_the_same_samples(engine: Voice, voice: str) -> None:
    code = FRESH.format(module=engine.engine, name=type(engine).__name__, voice=voice)
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    engine.speak("好。", voice=voice, language="zh", delivery=Delivery())
    spoken = engine.speak("早上好。", voice=voice, language="zh", delivery=Delivery(f0_range=1.5))
    assert hashlib.sha256(spoken.samples.tobytes()).hexdigest() == there


# ---- tone


def test_the_tone_is_as_long_as_its_letters() -> None:
    spoken = Tone().speak("ab cd!", voice="male0", language="en", delivery=Delivery(rate=2.0))
    assert spoken.samples.size / spoken.rate == pytest.approx(4 * SECONDS["en"] / 2)


def test_the_tones_formants_and_tremor_are_where_its_docstring_says() -> None:
    def spectrum(delivery: Delivery) -> np.ndarray:
        spoken = Tone().speak("a" * 60, voice="male0", language="en", delivery=replace(delivery, f0_range=0.0))
        return np.abs(np.fft.rfft(spoken.samples[: 3 * spoken.rate]))[:9000]

    usual, higher = spectrum(Delivery()), spectrum(Delivery(formant_scale=1.2))
    lift = 20 * np.log10([usual[3 * 600] / usual[3 * 300] * 2, higher[3 * 700] / higher[3 * 300] * 7 / 3])
    assert lift == pytest.approx([10.2, 11.9], abs=0.1)
    shaken = spectrum(Delivery(tremor=1.0))
    assert usual[300 - 15] < 0.02 * usual[300]
    assert shaken[300 - 15] > 0.1 * shaken[300]


# ---- espeak


def test_espeak_whispers_by_a_variant_and_names_a_breath_it_cannot_give() -> None:
    espeak = Espeak()
    whisper = espeak.speak("Good morning.", voice="en-us+f2", language="en", delivery=Delivery(breathiness=0.9))
    assert whisper.not_obeyed == frozenset()
    assert whisper.parameters["voice"] == "en-us+whisperf"
    breathy = espeak.speak("Good morning.", voice="en-us+f2", language="en", delivery=Delivery(breathiness=0.4))
    assert breathy.not_obeyed == {"breathiness"}


def test_espeak_repeats_itself_where_others_hold_its_library() -> None:
    held = ctypes.CDLL(espeakng_loader.get_library_path())
    first, second = (
        Espeak().speak("Good morning.", voice="en-us+m1", language="en", delivery=Delivery()).samples for _ in range(2)
    )
    assert np.array_equal(first, second)
    assert held is not None


def test_espeak_does_not_read_emoji_aloud() -> None:
    plain, smiling = (
        Espeak().speak(text, voice="en-us+m1", language="en", delivery=Delivery()).samples
        for text in ("Good morning.", "Good morning. \N{GRINNING FACE}")
    )
    assert np.array_equal(plain, smiling)


def test_espeak_names_a_control_past_its_end() -> None:
    spoken = Espeak().speak("Good morning.", voice="en-us+m2", language="en", delivery=Delivery(rate=4.0, f0_range=2.5))
    assert spoken.not_obeyed == {"rate", "f0_range"}


# ---- kokoro


def test_kokoro_offers_28_english_and_8_mandarin_voices() -> None:
    assert len(CARDS["en"]) == 28
    assert [c.name for c in CARDS["zh"]] == [
        *("zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi"),
        *("zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang"),
    ]
    assert {c.gender for c in CARDS["en"] if c.name[1] == "m"} == {"male"}
    assert [c.name for cards in CARDS.values() for c in cards if c.age_group != "young_adult"] == ["zm_yunxia"]


@pytest.mark.real
def test_every_offered_voice_is_among_the_weights() -> None:
    KOKORO.speak("Hi.", voice="af_sky", language="en", delivery=Delivery())
    for card in (*CARDS["en"], *CARDS["zh"]):
        assert (KOKORO._loaded().voices / f"{card.name}.bin").stat().st_size == 510 * 256 * 4


@pytest.mark.real
def test_at_a_range_of_one_the_centre_changes_nothing() -> None:
    model = KOKORO._loaded()
    phonemes, _ = model.phonemes("Good morning.", "en", british=False)
    heart = blend("af_heart", ["af_heart"], "en")
    controls = KOKORO._controls(model, heart, "en", Delivery())[0]
    plain, f0 = model.run(phonemes, heart, controls)
    moved, same = model.run(phonemes, heart, replace(controls, f0_center=200.0))
    assert np.allclose(plain, moved, atol=1e-3)
    assert np.array_equal(f0, same)


@pytest.mark.real
def test_latin_words_in_mandarin_are_read_as_english_and_the_other_way_round() -> None:
    model = KOKORO._loaded()
    english, _ = model.phonemes("OK", "en", british=False)
    mandarin, _ = model.phonemes("你好", "zh", british=False)
    assert model.phonemes("他说OK。", "zh", british=False)[0].endswith(f"{english}.")
    assert mandarin in model.phonemes("Say 你好 to him.", "en", british=False)[0]


@pytest.mark.real
def test_no_character_is_dropped_in_silence() -> None:
    spoken = KOKORO.speak("你𠮷好カ", voice="zf_xiaoni", language="zh", delivery=Delivery())
    assert spoken.parameters["unspoken"] == "カ𠮷"
    model = KOKORO._loaded()
    assert model.phonemes("2024年5月6日，3.5元，〇", "zh", british=False)[1] == set()


@pytest.mark.real
def test_long_numbers_are_read_digit_by_digit_in_mandarin() -> None:
    model = KOKORO._loaded()
    for number, words in (("13812345678", "一三八一二三四五六七八"), ("9" * 30, "九" * 30)):
        spoken = model.phonemes(number, "zh", british=False)
        assert spoken == model.phonemes(words, "zh", british=False)
        assert spoken[1] == set()


@pytest.mark.real
def test_a_text_of_5000_characters_is_spoken_in_parts() -> None:
    model = KOKORO._loaded()
    for language, text in (("en", "The best of times, they say. " * 172), ("zh", "今天天气很好，我们走吧。" * 416)):
        parts = split(model.phonemes(text, language, british=False)[0], LIMIT)
        assert max(map(len, parts)) <= LIMIT
        assert all(part.endswith(".") for part in parts)


@settings(deadline=None, max_examples=60)
@given(
    st.text(alphabet="0123456789.,:/-%~+ 年月日个亿万我你好，。！？…“”—ABab'’é〇儿々½²①Ⅳ℃カ\n", min_size=1, max_size=30)
)
@pytest.mark.real
def test_no_text_crashes_the_phonemes(text: str) -> None:
    model = KOKORO._loaded()
    for language in ("en", "zh"):
        phonemes, _ = model.phonemes(text, language, british=False)
        assert set(phonemes) <= set(model.tokenizer.vocab)


@pytest.mark.real
def test_a_blend_lies_on_the_way_and_speaks_with_the_accent_of_the_nearer() -> None:
    model = KOKORO._loaded()
    names = [c.name for c in CARDS["en"]]
    mix = blend("af_sky+bm_lewis:0.25", names, "en")
    assert (mix.first, mix.second, mix.share, mix.british) == ("af_sky", "bm_lewis", 0.25, False)
    assert blend("af_sky+bm_lewis:0.75", names, "en").british
    phonemes, _ = model.phonemes(NEUTRAL["en"], "en", british=False)
    medians = [
        float(np.median(f0[f0 > VOICED_HZ]))
        for f0 in (model.run(phonemes, blend(v, names, "en"), _Controls())[1]
                   for v in ("af_sky", "af_sky+bm_lewis:0.5", "bm_lewis"))
    ]  # fmt: skip
    assert medians[0] > medians[1] + 10 > medians[2] + 20


# ---- which voice a run has


def test_a_voice_is_chosen_as_the_settings_say_and_what_they_lack_is_said_at_once(tmp_path: Path) -> None:
    def chosen(**speech: Any) -> Choice:
        return choose("voice", make_config({"speech": speech}, where="test"), lambda line: None)

    assert chosen(engine="tone") == Choice("tone", "tone")
    assert chosen(engine="tone", model="tone").identity == "tone/tone"
    for lacking, says in (
        ({"engine": "tone", "model": "other"}, "the tone engine has no model 'other'"),
        ({"engine": "nobody"}, "unknown voice engine 'nobody'"),
        ({"model": "xtts"}, "speech.model needs speech.engine"),
        ({"engine": "openai", "model": "m"}, 'speech.engine = "openai" needs speech.base_url'),
        ({"engine": "openai", "base_url": "http://127.0.0.1:9/v1"}, 'speech.engine = "openai" needs speech.model'),
        (
            {"engine": "openai", "model": "m", "base_url": "https://example.org/v1", "key_from": "PATH"},
            "may cost money",
        ),
    ):
        with pytest.raises(Misuse, match=re.escape(says)):
            chosen(**lacking)
    here = {"engine": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    assert chosen(**here).identity == "openai/m/openai"
    voices = tmp_path / "voices.toml"
    voices.write_text('[a]\nlanguage = "zh"\ngender = "male"\nage_group = "teen"\nlicence = "x"\n')
    first = chosen(**here, dialect="stepfun", voices=str(voices))
    voices.write_text(voices.read_text() + 'lacks = "y"\n')
    assert first.identity.startswith("openai/m/stepfun/")
    assert chosen(**here, dialect="stepfun", voices=str(voices)) != first


def test_a_runs_voice_is_apart_kept_and_closed() -> None:
    config = make_config({"speech": {"engine": "espeak", "processes": 2, "timeout_s": 30}}, where="test")
    hands = Hands(config, "", "", {"voice": choose("voice", config, lambda line: None)})
    voice = hands.voice
    assert isinstance(voice, Apart)
    assert (voice.engine, voice.at_once, hands.ticking_voice(lambda: None).at_once) == ("espeak", 2, 2)
    assert voice.speak("Hi.", voice="en-us+m1", language="en", delivery=Delivery()).samples.size > 0
    assert hands.voice is voice
    hands.release()
    with pytest.raises(Stopped):
        voice.speak("Hi.", voice="en-us+m1", language="en", delivery=Delivery())


# ---- text


def test_emoji_and_controls_are_not_read_and_other_scripts_are_named() -> None:
    assert readable("Hi \N{GRINNING FACE}\u200d\ufe0f ＯＫ９ カ!") == ("Hi OK9 !", {"カ"})
    assert readable("{sigh} So {pause:0.4}{happy:0.6}it is.") == ("So it is.", set())


def test_runs_change_sides_with_the_script() -> None:
    assert runs("我用iPhone 15给Tom Smith打电话。", "zh") == [
        *(("zh", "我用"), ("en", "iPhone"), ("zh", "15给"), ("en", "Tom Smith"), ("zh", "打电话。")),
    ]
    assert runs("Say 你好，朋友 now.", "en") == [("en", "Say"), ("zh", "你好，朋友"), ("en", "now.")]


@given(st.text(alphabet="ab .,!", max_size=80), st.integers(3, 20))
def test_splitting_loses_no_letter_and_keeps_the_limit(phonemes: str, limit: int) -> None:
    parts = split(phonemes, limit)
    assert all(len(part) <= limit for part in parts)
    assert [c for part in parts for c in part if c.isalpha()] == [c for c in phonemes if c.isalpha()]


# ---- samples


def test_a_text_is_cut_where_its_pauses_stand() -> None:
    pauses = (Pause(3, 0.5), Pause(0, 0.1), Pause(99, 0.2), Pause(3, 0.25))
    assert cut("abcdef", pauses) == (["abc", "def"], [0.1, 0.75, 0.2])


def test_a_pause_is_as_long_as_it_was_asked_for_whatever_an_engine_pads() -> None:
    padded = np.concatenate([np.zeros(6000), np.ones(2400), np.zeros(6000)]).astype(np.float32)
    out = with_pauses("one. two", (Pause(4, 0.5),), 24_000, str.isprintable, lambda piece: padded)
    loud = np.flatnonzero(out)
    assert np.diff(loud).max() / 24_000 == pytest.approx(0.5, abs=0.021)
    assert (loud[0], out.size - loud[-1] - 1) == (6000, 6000)
    whole = with_pauses("one. two", (), 24_000, str.isprintable, lambda piece: padded)
    assert np.array_equal(whole, padded)


def test_loud_samples_stay_under_full_scale_and_a_gain_that_was_eaten_is_named() -> None:
    wave = np.sin(np.arange(2400) / 10).astype(np.float32) * np.float32(0.5)
    louder, obeyed = amplified(wave, 3.0)
    assert obeyed
    assert np.abs(louder).max() == pytest.approx(0.5 * 10 ** (3 / 20), rel=1e-3)
    loudest, obeyed = amplified(wave, 20.0)
    assert not obeyed
    assert np.abs(loudest).max() <= 0.99


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rate": 22_050}, "22050 samples a second"),
        ({"samples": np.sign(np.sin(np.arange(99.0), dtype="f4"))}, "cut off"),
    ],
)
def test_what_no_clip_can_be_made_of_is_refused(changed: dict[str, Any], says: str) -> None:
    good = Spoken(np.full(99, 0.5, np.float32), 24_000)
    assert usable(good, "test") is good
    with pytest.raises(Permanent, match=says):
        usable(replace(good, **changed), "test")


@pytest.mark.parametrize("samples", [np.zeros(10), np.zeros(0), np.array([0.1, np.nan]), np.array([np.inf])])
def test_silence_and_numbers_that_are_none_do_not_leave_an_engine(samples: np.ndarray) -> None:
    with pytest.raises(Permanent):
        checked(samples.astype(np.float32), "test")


def test_trimming_leaves_ten_milliseconds() -> None:
    samples = np.concatenate([np.zeros(5000), np.ones(100), np.zeros(7000)]).astype(np.float32)
    assert trimmed(samples, 24_000).size == pytest.approx(100 + 2 * 240, abs=2)
    assert trimmed(samples, 24_000, end=False).size == 100 + 240 + 7000


def test_another_rate_keeps_length_and_pitch() -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050).astype(np.float32)
    out = resampled(wave, 22_050, 24_000)
    assert out.size == 24_000
    assert np.argmax(np.abs(np.fft.rfft(out))) == 440
