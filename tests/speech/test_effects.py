"""Effects on tones whose truth is known, measured by other means than those that made them."""

from __future__ import annotations

import numpy as np
import pytest
import pyworld
from scipy.signal import find_peaks
from vowels import vowel

from persona_forge.core.ports import Delivery, Samples
from persona_forge.engines.tone import Tone
from persona_forge.speech.effects import RATE, TREMOR_HZ, applied, effort, limited, rms
from persona_forge.speech.measure import Measured, measure

TEXT = "one two three four five six seven"


def plain(voice: str = "female1") -> Samples:
    return Tone().speak(TEXT, voice=voice, language="en", delivery=Delivery()).samples


def heard(samples: Samples) -> Measured:
    return measure(samples, RATE, TEXT, "en")


def under(todo: Delivery, voice: str = "female1") -> tuple[Measured, Measured]:
    """Before and after."""
    before = plain(voice)
    return heard(before), heard(applied(before, todo, key="k"))


def formants_of(samples: Samples) -> list[float]:
    """Peaks of the mean log envelope under 5 kHz."""
    wave = samples.astype(np.float64)
    f0, times = pyworld.harvest(wave, RATE)
    envelope = np.log(pyworld.cheaptrick(wave, f0, times, RATE))[f0 > 0].mean(axis=0)
    peaks, _ = find_peaks(envelope, prominence=0.5)
    return [float(p * RATE / 1024) for p in peaks if p * RATE / 1024 < 5000]


def f0_track(samples: Samples) -> np.ndarray:
    f0, _ = pyworld.harvest(samples.astype(np.float64), RATE)
    return f0[(f0 > 0)]


@pytest.mark.parametrize("voice", ["female1", "male0"])
def test_a_whisper_has_no_voice_and_is_thin(voice: str) -> None:
    before, after = under(Delivery(breathiness=1.0), voice)
    assert before.voiced_ratio > 0.9
    assert after.voiced_ratio < 0.02
    assert after.f0_median_hz is None
    assert after.tilt_db is not None
    assert before.tilt_db is not None
    assert after.tilt_db < before.tilt_db - 5
    assert after.duration_s == before.duration_s


def test_breath_raises_the_noise_step_by_step() -> None:
    clear, some, much = (
        heard(applied(plain("male0"), Delivery(breathiness=b, tremor=1e-9), key="k")).hnr_db for b in (0.0, 0.2, 0.4)
    )
    assert clear is not None
    assert some is not None
    assert much is not None
    assert much + 2 < some < clear - 2


@pytest.mark.parametrize("scale", [0.85, 1.2])
@pytest.mark.parametrize("f0", [105.0, 150.0])
def test_formants_move_by_their_ratio_and_the_pitch_stays(f0: float, scale: float) -> None:
    before = vowel((700.0, 1800.0, 3000.0), f0)
    after = applied(before, Delivery(formant_scale=scale), key="k")
    found = np.array(formants_of(after)) / np.array(formants_of(before))
    assert found == pytest.approx([scale] * 3, rel=0.04)
    assert np.median(f0_track(after)) == pytest.approx(np.median(f0_track(before)), rel=0.01)


def test_a_tremor_swings_pitch_and_level_at_its_rate() -> None:
    after = applied(plain(), Delivery(tremor=1.0), key="k")
    f0 = f0_track(after)
    time = np.arange(f0.size) * 0.005
    slow = np.polynomial.Polynomial.fit(time, f0, 12)(time)
    level = np.array([rms(part) for part in np.array_split(after, after.size // 240)])
    for track, step in ((f0 - slow, 0.005), (level - level.mean(), 0.01)):
        spectrum = np.abs(np.fft.rfft(track * np.hanning(track.size), 8192))
        hz = np.fft.rfftfreq(8192, step)
        among = (hz > 4) & (hz < 12)
        assert hz[among][spectrum[among].argmax()] == pytest.approx(TREMOR_HZ, abs=0.5)
    assert np.std(f0 - slow) / np.median(f0) == pytest.approx(0.05 / np.sqrt(2), rel=0.2)


def test_a_low_voice_stays_low() -> None:
    before = vowel((700.0, 1800.0, 3000.0), 62.0)
    after = applied(before, Delivery(f0_scale=1.25), key="k")
    assert heard(after).f0_median_hz == pytest.approx(1.25 * 62, rel=0.03)


def test_pitch_range_and_rate_are_what_was_asked() -> None:
    before, after = under(Delivery(f0_scale=0.8, f0_range=1.5, rate=1.25))
    assert after.duration_s == pytest.approx(before.duration_s / 1.25, abs=0.005)
    assert after.f0_median_hz / before.f0_median_hz == pytest.approx(0.8, rel=0.02)
    assert after.f0_sd_st / before.f0_sd_st == pytest.approx(1.5, rel=0.05)


@pytest.mark.parametrize(
    "todo", [Delivery(breathiness=1.0), Delivery(breathiness=0.4), Delivery(formant_scale=1.25), Delivery(tremor=0.5)]
)
def test_level_and_length_stay(todo: Delivery) -> None:
    before = plain()
    after = applied(before, todo, key="k")
    assert after.size == before.size
    assert 20 * np.log10(rms(after) / rms(before)) == pytest.approx(0, abs=0.01)


def test_the_same_key_gives_the_same_samples_and_another_does_not() -> None:
    todo = Delivery(tremor=0.8, breathiness=0.3)
    assert np.array_equal(applied(plain(), todo, key="a"), applied(plain(), todo, key="a"))
    assert not np.array_equal(applied(plain(), todo, key="a"), applied(plain(), todo, key="b"))


@pytest.mark.parametrize("todo", [Delivery(), Delivery(formant_scale=1.1)])
def test_a_stressed_stretch_is_longer_louder_and_higher_and_the_rest_is_not(todo: Delivery) -> None:
    before = applied(plain(), todo, key="k")
    after = applied(plain(), todo, key="k", stresses=[(0.6, 1.0)])
    more = after.size - before.size
    assert more / RATE == pytest.approx(0.3 * 0.4, abs=0.03)
    word, stressed = before[14_400:24_000], after[14_400 : 24_000 + more]
    assert 20 * np.log10(rms(stressed) / rms(word)) == pytest.approx(3.5, abs=0.8)
    steps = 12 * np.log2(np.median(f0_track(stressed)) / np.median(f0_track(word)))
    assert steps == pytest.approx(2, abs=0.7)
    for a, b in ((before[:11_000], after[:11_000]), (before[-11_000:], after[-11_000:])):
        assert 20 * np.log10(rms(b) / rms(a)) == pytest.approx(0, abs=0.3)


def test_where_nothing_but_stress_is_asked_the_rest_keeps_its_samples() -> None:
    before = plain()
    after = applied(before, Delivery(), key="k", stresses=[(0.6, 1.0)])
    assert np.array_equal(after[:11_000], before[:11_000])
    assert np.array_equal(after[-11_000:], before[-11_000:])
    assert np.array_equal(applied(before, Delivery(), key="k"), before)


def test_a_raised_voice_has_more_of_its_high_partials_at_the_same_level() -> None:
    before = plain()
    soft, loud = effort(before, -6.0), effort(before, 7.0)
    assert heard(loud).tilt_db < heard(before).tilt_db - 1 < heard(soft).tilt_db - 2
    assert rms(loud) == pytest.approx(rms(before), rel=1e-3)


def test_samples_are_held_within_full_scale_and_a_level_that_was_lost_is_named() -> None:
    wave = np.sin(np.arange(2400) / 10).astype(np.float32)
    fine, held = limited(wave * np.float32(0.7))
    assert held
    assert np.array_equal(fine, wave * np.float32(0.7))
    loud, held = limited(wave * np.float32(5))
    assert not held
    assert np.abs(loud).max() <= 0.99


def test_what_has_no_pitch_can_be_bent_too() -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)
    after = applied(noise, Delivery(f0_scale=1.2, formant_scale=1.1, tremor=0.5, breathiness=0.5), key="k")
    assert np.isfinite(after).all()
    assert after.size == noise.size
