"""espeak-ng, in this process: a formant synthesiser, hundreds of times faster than speech. GPL-3.

For bulk and tests: every voice is one speaker bent by a variant (five female, eight male), and its Mandarin is not
understood well enough to train on. espeak keeps its state (flutter, phase, a generator seeded by the clock) in globals
that nothing resets, so the samples would depend on what was said before: each piece of text therefore gets a fresh copy
of the library, one at a time under a lock, which costs 2 ms. Its 22.05 kHz come out as 24 kHz.
Breath is a whisper or nothing: from a breathiness of 0.75 on a whispering variant speaks.
"""

from __future__ import annotations

import _ctypes
import ctypes
import math
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from persona_forge.core.errors import EngineError, Misuse, Permanent
from persona_forge.core.ports import Delivery, Samples, Spoken, VoiceCard
from persona_forge.engines.spoken_text import readable, speakable
from persona_forge.engines.waveform import amplified, checked, resampled, with_pauses

RATE = 24_000
WORDS_A_MINUTE, SLOWEST, FASTEST = 175, 80, 450
LANGUAGES = {"en": "en-us", "zh": "cmn"}
LACKS = {"en": "sounds like a machine", "zh": "Mandarin is hard to understand (CER 0.48): not for training"}
PITCH_SHARES = {"en": (0.62, 0.15, 0.23), "zh": (0.82, 0.0, 0.18)}
"""Of the median F0, measured over its settings: the share of the baseline, of the range, and of what is left: espeak
lifts the melody from a baseline, so that pitch alone or range alone would move the wrong thing as well."""
WHISPER_FROM = 0.75
LEVEL_DB = -6.0
"""Room for a gain."""
_SYNCHRONOUS, _UTF8, _DONT_EXIT = 2, 1, 0x8000
_SPEED, _PITCH, _RANGE = 1, 3, 4
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_lock = threading.Lock()


class Espeak:
    engine, model, licence = "espeak", "espeak-ng-1.52", "GPL-3.0-or-later"
    controls, blends = frozenset({"rate", "f0_scale", "f0_range", "gain_db", "pauses", "breathiness"}), False

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        if language not in LANGUAGES:
            return ()
        variants = [(f"f{i}", "female") for i in range(1, 6)] + [(f"m{i}", "male") for i in range(1, 9)]
        return tuple(
            VoiceCard(f"{LANGUAGES[language]}+{name}", language, sex, "young_adult", self.licence, LACKS[language])
            for name, sex in variants
        )

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        names = [card.name for card in self.voices(language)]
        if voice not in names:
            raise Misuse(f"espeak has no voice {voice!r} for {language!r}", allowed=", ".join(names) or "en, zh")
        if not speakable(text):
            raise Permanent(f"there is nothing to say in {text!r}")
        settings, lost = _settings(delivery, language)
        name = voice
        if delivery.breathiness >= WHISPER_FROM:
            name = f"{LANGUAGES[language]}+whisper{'f' if '+f' in voice else ''}"
        elif delivery.breathiness:
            lost |= {"breathiness"}

        def speak(piece: str) -> Samples:
            native, rate = _synthesise(readable(piece)[0], name, settings)
            return resampled(native, rate, RATE)

        raw = checked(with_pauses(text, delivery.pauses, RATE, speakable, speak), "espeak")
        samples, obeyed = amplified(raw, LEVEL_DB + delivery.gain_db)
        if not obeyed:
            lost |= {"gain_db"}
        parameters = {"voice": name, **{_NAMES[key]: value for key, value in settings.items()}}
        return Spoken(samples, RATE, frozenset(lost | (delivery.asks() - self.controls)), (), parameters)


_NAMES = {_SPEED: "words_a_minute", _PITCH: "pitch", _RANGE: "range"}


def _settings(delivery: Delivery, language: str) -> tuple[dict[int, int], set[str]]:
    """espeak's own numbers, and what was past their ends: of pitch nothing is done then. Speed is in words a minute;
    pitch 0 to 99 is an octave down to one up, but of the baseline alone; a range of 50 is the voice's own, 99 twice."""
    baseline, slope, rest = PITCH_SHARES[language]
    spread = delivery.f0_range * delivery.f0_scale
    base = max((delivery.f0_scale - slope * spread - rest) / baseline, 0.01)
    wanted = {
        "rate": (_SPEED, WORDS_A_MINUTE * delivery.rate, SLOWEST, FASTEST),
        "f0_scale": (_PITCH, 50 + 50 * math.log2(base), 0, 99),
        "f0_range": (_RANGE, 50 * spread, 0, 99),
    }
    settings = {key: round(min(max(value, low), high)) for key, value, low, high in wanted.values()}
    lost = {name for name, (_, value, low, high) in wanted.items() if not low <= round(value) <= high}
    if pitch := lost - {"rate"}:
        as_it_is: dict[str, Any] = dict.fromkeys(pitch, 1.0)
        settings, more = _settings(replace(delivery, **as_it_is), language)
        return settings, lost | more
    return settings, lost


@contextmanager
def _library() -> Iterator[tuple[Any, bytes]]:
    """A copy of its own, loaded and unloaded, and the folder of its data. Kokoro's phonemes hold the original."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise EngineError("espeak is not installed", todo='pip install "persona-forge[local]"') from error
    with tempfile.TemporaryDirectory() as folder:
        library = ctypes.CDLL(shutil.copy(espeakng_loader.get_library_path(), folder))
        try:
            yield library, espeakng_loader.get_data_path().encode()
        finally:
            _ctypes.dlclose(library._handle)


def _synthesise(text: str, voice: str, settings: dict[int, int]) -> tuple[Samples, int]:
    heard: list[bytes] = []

    def hear(wave: int | None, count: int, events: int | None) -> int:
        if wave and count:
            heard.append(ctypes.string_at(wave, 2 * count))
        return 0

    callback = _CALLBACK(hear)  # held here, or it would be collected while espeak calls it
    with _lock, _library() as (library, data):
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if rate <= 0:
            raise EngineError("espeak-ng does not start here", todo="reinstall espeakng-loader")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EngineError(f"espeak-ng does not know {voice!r}", todo="reinstall espeakng-loader")
        for key, value in settings.items():
            library.espeak_SetParameter(key, value, 0)
        raw = text.encode() + b"\0"
        library.espeak_Synth(raw, ctypes.c_size_t(len(raw)), 0, 0, 0, _UTF8, None, None)
        library.espeak_Terminate()
    samples = np.frombuffer(b"".join(heard), "<i2").astype(np.float32) / np.float32(32768)
    return samples, int(rate)
