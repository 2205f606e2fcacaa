"""Coqui TTS: XTTS-v2, which speaks like the clips that it is given, and any other Coqui model by name. Best on a GPU.

`voices` is a file of voices (see `voice_file`). XTTS takes the mood from the reference clips: those of the wanted
emotion if the voice has some, else its neutral ones, else all, and says so. Pace is XTTS's `speed`; a turn's direction
is cut where mood, pace or volume change. A voice without clips is one of the model's own speakers, by its name; in a
model of one speaker any name will do. `model` is Coqui's name for it, or a folder with config.json and weights. Draws
are seeded by the text and the voice, so that a turn sounds the same in any order.

The weights of XTTS are under the Coqui Public Model License: no commercial use, of what they speak neither. Left out:
pitch, breath and sounds, for which these models have no control; training.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from persona_forge.core.errors import EngineError, Permanent
from persona_forge.core.ids import key64
from persona_forge.core.ports import Delivery, Direction, Samples, Spoken, VoiceCard
from persona_forge.engines.spoken_text import readable, speakable
from persona_forge.engines.voice_file import Clip, read_voices, refuse_stranger
from persona_forge.engines.waveform import RATE, amplified, checked, cut, joined, resampled
from persona_forge.text.tags import EMOTIONS, EVENTS, PAUSE

LANGUAGES = {"en": "en", "zh": "zh-cn"}
CPML = "Coqui Public Model License 1.0.0, non-commercial"
AGREED = "COQUI_TOS_AGREED"
"""The environment variable by which Coqui's users agree to that licence."""
RATES = {"slow": 0.78, "medium_slow": 0.89, "medium": 1.0, "medium_fast": 1.12, "fast": 1.26}
GAINS_DB = {"whisper": -8.0, "soft": -4.0, "normal": 0.0, "loud": 3.0, "shout": 5.0}
SLOWEST, FASTEST = 0.5, 2.0
LEVEL_DB = -3.0
"""Room for a gain."""


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    emotion: str = "neutral"
    rate: float = 1.0
    gain_db: float = 0.0


class Coqui:
    engine, blends = "coqui", False

    def __init__(self, model: str, voices: str) -> None:
        """Reads the file of voices; the model is loaded on the first word."""
        folder = Path(model) if (Path(model) / "config.json").is_file() else None
        self.model, self._folder = (folder.name if folder else model), folder
        self._copies = (json.loads((folder / "config.json").read_text())["model"] if folder else model).find(
            "xtts"
        ) >= 0
        if self._copies and not folder and os.environ.get(AGREED) != "1":
            raise EngineError(f"the weights of {model} are under the {CPML}", todo=f"if you agree: export {AGREED}=1")
        self.licence = CPML if self._copies else "the model's own"
        self.controls = frozenset({"direction", "gain_db", "pauses", *(["rate"] if self._copies else [])})
        self._speakers = read_voices(Path(voices))
        self._lock, self._loaded = threading.Lock(), None

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        cards = (s.card(name, language) for name, s in self._speakers.items() if language in s.languages)
        return tuple(replace(c, licence=f"{c.licence}; {CPML}") if self._copies else c for c in cards)

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        refuse_stranger(voice, self.voices(language), language, self.model)
        if not speakable(text):
            raise Permanent(f"there is nothing to say in {text!r}")
        if delivery.direction:
            pieces, silences, lost = _directed(text, delivery.direction)
        else:
            texts, silences = cut(text, delivery.pauses)
            pieces = [_Piece(t, rate=delivery.rate, gain_db=delivery.gain_db) for t in texts]
            lost = set(delivery.asks() - self.controls)
        spoken: list[Samples] = []
        clips: list[str] = []
        for piece in pieces:
            chosen = self._reference(voice, piece.emotion)
            clips += [Path(c.path).name for c in chosen if speakable(piece.text)]
            samples, missed = self._piece(piece, voice, language, chosen)
            spoken.append(samples)
            lost |= missed
        raw = checked(joined(spoken, silences, RATE), "coqui")
        parameters = {"clips": list(dict.fromkeys(clips)), "pieces": [[p.emotion, p.rate, p.gain_db] for p in pieces]}
        return Spoken(raw, RATE, frozenset(lost), (), parameters)

    def _reference(self, voice: str, emotion: str) -> tuple[Clip, ...]:
        clips = self._speakers[voice].clips
        for wanted in (emotion, "neutral"):
            if found := tuple(c for c in clips if c.emotion == wanted):
                return found
        return clips

    def _piece(self, piece: _Piece, voice: str, language: str, clips: tuple[Clip, ...]) -> tuple[Samples, set[str]]:
        """The samples, and the controls that were missed."""
        if not speakable(piece.text):
            return np.zeros(0, np.float32), set()
        rate = min(max(piece.rate, SLOWEST), FASTEST) if self._copies else 1.0
        raw = checked(self._say(piece, rate, voice, language, clips), "coqui")
        samples, obeyed = amplified(raw, LEVEL_DB + piece.gain_db)
        moody = piece.emotion in {"neutral", *(c.emotion for c in clips)}
        missed = {"rate": rate != piece.rate, "gain_db": not obeyed, "f0_range": not moody}
        return samples, {name for name, was in missed.items() if was}

    def _say(self, piece: _Piece, rate: float, voice: str, language: str, clips: tuple[Clip, ...]) -> Samples:
        with self._lock:
            tts, torch = self._model(), import_module("torch")
            how: dict[str, Any] = {"speed": rate} if self._copies else {}
            if clips:
                how["speaker_wav"] = [c.path for c in clips]
            elif tts.is_multi_speaker:
                how["speaker"] = voice
            if tts.is_multi_lingual:
                how["language"] = LANGUAGES[language]
            torch.manual_seed(key64("coqui", voice, language, piece.emotion, piece.text) >> 1)
            try:
                native = tts.tts(readable(piece.text)[0], **how)
            except Exception as error:  # whatever its layers raise, of too long a sentence for one
                raise Permanent(f"coqui could not say it: {type(error).__name__}: {error}"[:300]) from error
            own_rate = int(tts.synthesizer.output_sample_rate)
        padded = np.asarray(native, np.float32)  # Coqui adds 10,000 zeros to each sentence
        return resampled(np.trim_zeros(padded, "b"), own_rate, RATE)

    def _model(self) -> Any:
        if self._loaded is None:
            try:
                api, torch = import_module("TTS.api"), import_module("torch")
            except ImportError as error:
                raise EngineError("coqui is not installed", todo='pip install "persona-forge[coqui]"') from error
            xtts: Any = import_module("TTS.tts.models.xtts")
            xtts.load_audio = _load_audio  # torchcodec and ffmpeg stay out of it
            where: dict[str, Any] = {"model_name": self.model}
            if self._folder:
                where = {"model_path": str(self._folder), "config_path": str(self._folder / "config.json")}
            self._loaded = api.TTS(progress_bar=False, **where).to("cuda" if torch.cuda.is_available() else "cpu")
        return self._loaded


def _directed(text: str, told: Direction) -> tuple[list[_Piece], list[float], set[str]]:
    """Pieces, the silences around them, and what none of these models can do."""
    emotion, speed, volume = told.emotion, told.speed, told.volume
    pieces: list[_Piece] = []
    silences, last = [0.0], 0
    lost = {"f0_scale"} if told.pitch != "medium" else set()
    for place, name, value in [*sorted(told.cues, key=lambda c: c[0]), (len(text), "", None)]:
        if name in EVENTS:
            lost.add("events")
            continue
        if text[last:place] or not name:
            pieces.append(_Piece(text[last:place], emotion, RATES[speed], GAINS_DB[volume]))
            silences.append(0.0)
            last = place
        silences[-1] += (value or 0.0) if name == PAUSE else 0.0
        emotion = name if name in EMOTIONS else emotion
        speed = name if name in RATES else speed
        volume = name if name in GAINS_DB else volume
        lost |= {"breathiness"} if volume == "whisper" else set()
    return pieces, silences, lost


def _load_audio(path: str, rate: int) -> Any:
    """A clip for XTTS: a tensor of shape (1, n)."""
    import soundfile

    samples, native = soundfile.read(path, dtype="float32", always_2d=True)
    mono = resampled(samples.mean(axis=1), native, rate)
    return import_module("torch").from_numpy(np.clip(mono, -1, 1)[np.newaxis])
