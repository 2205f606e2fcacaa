"""Measures on signals whose truth is known, and on Kokoro, where the controls must move them the right way."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.core.errors import Corrupt, Permanent
from persona_forge.core.ports import Delivery, Pause, Samples
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.tone import Tone
from persona_forge.speech.audio import activity, decode, encode, pauses
from persona_forge.speech.measure import Measured, measure
from persona_forge.speech.noise import signal_to_noise, spectral_tilt
from persona_forge.text.syllables import syllables

RATE = 24_000


def hum(seconds: float, hz: float | np.ndarray, level: float = 0.2) -> Samples:
    """Five harmonics."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, round(seconds * RATE))) / RATE
    return (level * sum(np.sin(k * phase) / k for k in range(1, 6)) / 2).astype(np.float32)


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


# ---- audio


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-32767, 32767), min_size=1, max_size=3000), st.sampled_from([16_000, 24_000]))
def test_flac_keeps_every_16_bit_sample(values: list[int], rate: int) -> None:
    samples = (np.array(values) / 32768).astype(np.float32)
    back, back_rate = decode(encode(samples, rate))
    assert back_rate == rate
    assert np.array_equal(back, samples)


@pytest.mark.parametrize("samples", [[], [0.0, np.nan], [1.5]])
def test_samples_that_flac_would_falsify_are_refused(samples: list[float]) -> None:
    with pytest.raises(Permanent):
        encode(np.array(samples, np.float32), RATE)


def test_bytes_that_are_no_audio_are_corrupt() -> None:
    with pytest.raises(Corrupt):
        decode(b"not audio at all")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.25, 1.0), min_size=1, max_size=4), st.floats(0, 0.5), st.floats(0.001, 0.9))
def test_pauses_are_found_to_20_ms_at_any_level(gaps: list[float], lead: float, level: float) -> None:
    pieces, truth, clock = [quiet(lead), hum(0.5, 150, level)], [], lead + 0.5
    for gap in gaps:
        pieces += [quiet(gap), hum(0.5, 150, level)]
        truth.append((clock, clock + gap))
        clock += gap + 0.5
    found = pauses(activity(np.concatenate([*pieces, quiet(lead)]), RATE))
    assert np.allclose(found, truth, atol=0.02)


def test_a_quiet_room_is_no_speech() -> None:
    clip = np.concatenate([hum(0.5, 150), quiet(0.6), hum(0.5, 150)])
    room = 0.0005 * np.random.default_rng(1).standard_normal(clip.size)
    assert np.allclose(pauses(activity((clip + room).astype(np.float32), RATE)), [(0.5, 1.1)], atol=0.02)


def test_a_short_gap_is_no_pause() -> None:
    assert pauses(activity(np.concatenate([hum(0.5, 150), quiet(0.15), hum(0.5, 150)]), RATE)) == []


def test_nobody_speaks_in_silence() -> None:
    assert not activity(quiet(1), RATE).any()
    assert not activity(quiet(0), RATE).any()


# ---- measure


@pytest.mark.parametrize("hz", [75.0, 110.0, 200.0, 320.0, 450.0])
def test_a_steady_tone_has_its_pitch_and_no_spread(hz: float) -> None:
    found = measure(hum(1, hz), RATE, "a", "en")
    assert found.f0_median_hz == pytest.approx(hz, rel=0.005)
    assert found.f0_sd_st == pytest.approx(0, abs=0.15)
    assert found.voiced_ratio > 0.95


@pytest.mark.parametrize("centre", [100.0, 220.0])
@pytest.mark.parametrize("spread_st", [1.0, 2.5, 4.0])
def test_a_swinging_tone_has_the_spread_of_its_sine(centre: float, spread_st: float) -> None:
    swing = spread_st * np.sqrt(2) * np.sin(2 * np.pi * 1.0 * np.arange(3 * RATE) / RATE)
    found = measure(hum(3, centre * 2 ** (swing / 12)), RATE, "a", "en")
    assert found.f0_median_hz == pytest.approx(centre, rel=0.02)
    assert found.f0_sd_st == pytest.approx(spread_st, rel=0.06)


def test_what_is_far_outside_of_the_speaker_s_range_is_not_the_speaker() -> None:
    found = measure(np.concatenate([hum(1, 110), hum(0.25, 430), hum(1, 110)]), RATE, "a", "en")
    assert found.f0_median_hz == pytest.approx(110, rel=0.01)
    assert found.f0_sd_st < 0.5


def test_a_creak_is_not_the_pitch_of_a_voice() -> None:
    periods = RATE / 75 * (1 + 0.15 * np.random.default_rng(1).uniform(-1, 1, 100))
    pulses = np.zeros(round(1.4 * RATE))
    pulses[np.cumsum(periods).astype(int)] = 1
    creak = 0.2 * np.convolve(pulses, np.exp(-np.arange(200) / 40) * np.sin(np.arange(200) / 8))[: pulses.size]
    for hz in (110.0, 128.0):
        voice = np.concatenate([hum(0.6, hz), creak.astype(np.float32), hum(0.5, hz)])
        assert measure(voice, RATE, "a", "en").f0_median_hz == pytest.approx(hz, rel=0.01)


def test_rate_leaves_silence_out() -> None:
    clip = np.concatenate([quiet(0.7), hum(1, 150), quiet(0.5), hum(1, 150), quiet(0.4)])
    found = measure(clip, RATE, "一二三四五六七八", "zh")
    assert found.duration_s == pytest.approx(3.6)
    assert found.rate_unit == "characters/s"
    assert found.rate == pytest.approx(8 / 2, rel=0.02)
    assert np.allclose(found.pauses, [(1.7, 2.2)], atol=0.015)


def test_english_is_counted_in_syllables_and_mixed_text_in_both() -> None:
    found = measure(hum(2, 150), RATE, "Remember, remember!", "en")
    assert (found.rate_unit, found.rate) == ("syllables/s", pytest.approx(6 / 2, rel=0.02))
    assert measure(hum(2, 150), RATE, "我爱happy的3", "zh").rate == pytest.approx(6 / 2, rel=0.02)
    assert measure(hum(2, 150), RATE, "…", "zh").rate is None


def test_loudness_is_that_of_the_standard() -> None:
    """EBU Tech 3341, cases 1 and 2: a 997 Hz sine of -23 dBFS in one channel is -26 LUFS (3 dB under two)."""
    time = np.arange(5 * RATE) / RATE
    for level in (-23.0, -33.0):
        sine = (10 ** (level / 20) * np.sin(2 * np.pi * 997 * time)).astype(np.float32)
        found = measure(sine, RATE, "a", "en")
        assert found.lufs == pytest.approx(level - 3.01, abs=0.15)
        assert found.peak_dbfs == pytest.approx(level, abs=0.01)


def test_what_cannot_be_measured_is_none() -> None:
    silent = measure(quiet(1), RATE, "a", "en")
    assert (silent.rate, silent.f0_median_hz, silent.f0_sd_st, silent.lufs, silent.peak_dbfs) == (None,) * 5
    assert (silent.voiced_ratio, silent.pauses) == (0.0, ())
    assert measure(quiet(0), RATE, "a", "en").duration_s == 0
    assert measure(hum(0.3, 200), RATE, "a", "en").lufs is None


def test_noise_has_next_to_no_pitch() -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal(2 * RATE)).astype(np.float32)
    assert measure(noise, RATE, "a", "en").voiced_ratio < 0.1


# ---- how clean


def noise(seconds: float, level: float = 1.0) -> Samples:
    """White, of this root mean square."""
    return (level * np.random.default_rng(1).standard_normal(round(seconds * RATE))).astype(np.float32)


def complex_tone(seconds: float, hz: float) -> Samples:
    """Twenty harmonics, of a root mean square of 0.1."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * k * hz * time + k) / k for k in range(1, 21) if k * hz < 11_000)
    return (0.1 * tone / np.std(tone)).astype(np.float32)


@pytest.mark.parametrize("hz", [80.0, 130.0, 220.0, 380.0])
@pytest.mark.parametrize("decibels", [0.0, 5.0, 10.0, 20.0, 30.0])
def test_harmonics_stand_over_white_noise_as_far_as_it_was_put_under_them(hz: float, decibels: float) -> None:
    clip = complex_tone(1.5, hz) + noise(1.5, 0.1 * 10 ** (-decibels / 20))
    found = measure(clip, RATE, "a", "en").hnr_db
    assert found == pytest.approx(decibels, abs=2.5 if decibels == 30 else 1.5)


def test_a_voice_without_pitch_has_no_harmonics() -> None:
    assert measure(noise(1, 0.1), RATE, "a", "en").hnr_db is None


@pytest.mark.parametrize("decibels", [5.0, 10.0, 20.0, 30.0, 40.0])
def test_speech_stands_over_its_pauses_as_far_as_the_noise_was_put_under_it(decibels: float) -> None:
    clip = np.concatenate([quiet(0.3), complex_tone(1, 150), quiet(0.4), complex_tone(1, 150), quiet(0.2)])
    clip = clip + noise(clip.size / RATE, 0.1 * 10 ** (-decibels / 20))
    assert signal_to_noise(clip, RATE) == pytest.approx(decibels, abs=1)


def test_noise_is_not_told_without_a_pause_nor_in_digital_silence() -> None:
    assert signal_to_noise(complex_tone(1, 150) + noise(1, 0.01), RATE) is None
    assert signal_to_noise(np.concatenate([complex_tone(1, 150), quiet(0.5)]), RATE) is None
    assert signal_to_noise(quiet(0.01), RATE) is None


@pytest.mark.parametrize("decibels", [-6.0, 0.0, 12.0])
def test_tilt_is_the_level_below_1_khz_over_that_above(decibels: float) -> None:
    time = np.arange(RATE) / RATE
    clip = np.sin(2 * np.pi * 500 * time) + 10 ** (-decibels / 20) * np.sin(2 * np.pi * 2500 * time)
    assert spectral_tilt(0.1 * clip, RATE, activity(clip, RATE)) == pytest.approx(decibels, abs=0.1)


# ---- syllables


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("…!", 0),
        ("The table is made of wood.", 7),
        ("walked wanted handled houses makes", 1 + 2 + 2 + 2 + 1),
        ("I didn't know; don't go!", 1 + 2 + 1 + 1 + 1),
        ("idea going client quiet radio serious", 3 + 2 + 2 + 2 + 3 + 3),
        ("dialogue unique basically", 3 + 2 + 3),
        ("0 7 20 77 100 1234 007", 2 + 2 + 2 + 5 + 3 + 9 + 6),
    ],
)
def test_syllables_of_known_words(text: str, count: int) -> None:
    assert syllables(text) == count


@given(st.text(max_size=40), st.text(max_size=40))
def test_syllables_add_up(a: str, b: str) -> None:
    assert syllables(f"{a} | {b}") == syllables(a) + syllables(b)


# ---- voices


def test_the_tone_is_heard_as_it_was_told() -> None:
    told = Delivery(rate=1.25, f0_scale=0.9, f0_range=1.5, gain_db=-6.0, pauses=(Pause(4, 0.5),))
    text = "一二三四五六七八"
    plain, moved = (
        measure(spoken.samples, spoken.rate, text, "zh")
        for spoken in (Tone().speak(text, voice="female0", language="zh", delivery=d) for d in (Delivery(), told))
    )
    assert moved.rate / plain.rate == pytest.approx(1.25, rel=0.03)
    assert moved.f0_median_hz / plain.f0_median_hz == pytest.approx(0.9, rel=0.03)
    assert moved.f0_sd_st / plain.f0_sd_st == pytest.approx(1.5, rel=0.1)
    assert moved.peak_dbfs - plain.peak_dbfs == pytest.approx(-6, abs=0.1)
    assert [end - start for start, end in moved.pauses] == pytest.approx([0.5], abs=0.02)


KOKORO = Kokoro()
TEXTS = {
    "af_heart": ("en", "You really remembered my birthday!"),
    "zm_yunxi": ("zh", "你真的还记得我的生日！"),
}


@functools.cache
def clip(voice: str, delivery: Delivery = Delivery()) -> Samples:  # noqa: B008
    language, text = TEXTS[voice]
    spoken = KOKORO.speak(text, voice=voice, language=language, delivery=delivery)
    assert spoken.not_obeyed == frozenset()
    return spoken.samples


@functools.cache
def heard(voice: str, delivery: Delivery = Delivery()) -> Measured:  # noqa: B008
    language, text = TEXTS[voice]
    return measure(clip(voice, delivery), RATE, text, language)


def stretched(samples: Samples, times: float, f0_scale: float) -> Samples:
    """So many times as long and as high, by WORLD."""
    import pyworld

    wave = samples.astype(np.float64)
    f0, at = pyworld.harvest(wave, RATE)
    parts = (f0_scale * f0, pyworld.cheaptrick(wave, f0, at, RATE), pyworld.d4c(wave, f0, at, RATE))
    return np.asarray(pyworld.synthesize(*parts, RATE, 5.0 * times), np.float32)


@pytest.mark.real
@pytest.mark.parametrize("voice", TEXTS)
def test_speed_is_heard_on_kokoro(voice: str) -> None:
    slow, plain, fast = (heard(voice, Delivery(rate=rate)).rate for rate in (0.75, 1.0, 1.3))
    assert slow / plain < 0.85
    assert fast / plain > 1.15


@pytest.mark.real
@pytest.mark.parametrize("voice", TEXTS)
def test_pitch_is_heard_on_kokoro(voice: str) -> None:
    low, plain, high = (heard(voice, Delivery(f0_scale=scale)).f0_median_hz for scale in (0.85, 1.0, 1.2))
    assert low / plain == pytest.approx(0.85, rel=0.06)
    assert high / plain == pytest.approx(1.2, rel=0.06)


@pytest.mark.real
@pytest.mark.parametrize("voice", TEXTS)
def test_range_is_heard_on_kokoro(voice: str) -> None:
    flat, plain, wide = (heard(voice, Delivery(f0_range=spread)) for spread in (0.4, 1.0, 1.6))
    assert flat.f0_sd_st < 0.8 * plain.f0_sd_st
    assert wide.f0_sd_st > 1.15 * plain.f0_sd_st
    assert flat.f0_median_hz == pytest.approx(plain.f0_median_hz, rel=0.08)
    assert wide.f0_median_hz == pytest.approx(plain.f0_median_hz, rel=0.08)


@pytest.mark.real
@pytest.mark.parametrize("voice", TEXTS)
def test_speech_that_was_stretched_and_shifted_is_measured_so(voice: str) -> None:
    language, text = TEXTS[voice]
    same = measure(stretched(clip(voice), 1, 1), RATE, text, language)
    for times, scale in ((1.3, 0.85), (0.8, 1.2)):
        found = measure(stretched(clip(voice), times, scale), RATE, text, language)
        assert found.rate / same.rate == pytest.approx(1 / times, rel=0.03)
        assert found.f0_median_hz / same.f0_median_hz == pytest.approx(scale, rel=0.04)
        assert found.f0_sd_st == pytest.approx(same.f0_sd_st, rel=0.1)


@pytest.mark.real
@pytest.mark.parametrize("voice", TEXTS)
def test_praat_measures_the_same(voice: str) -> None:
    parselmouth = pytest.importorskip("parselmouth", reason="Praat (GPL-3) is no part of any extra")
    found, sound = heard(voice), parselmouth.Sound(clip(voice).astype(np.float64), RATE)
    floor, ceiling = 0.6 * found.f0_median_hz, 2 * found.f0_median_hz
    f0 = sound.to_pitch_ac(0.01, floor, pitch_ceiling=ceiling).selected_array["frequency"]
    assert found.f0_median_hz == pytest.approx(np.median(f0[f0 > 0]), rel=0.04)
    harmonics = sound.to_harmonicity_cc(0.01, floor).values
    assert found.hnr_db == pytest.approx(harmonics[harmonics > -100].mean(), abs=2.5)
