"""Whisper (base, int8 on CPU): what words are heard. And a deaf ear for where it is not wanted.

A beam of five and no fallback temperatures, so that the same samples give the same words; the language is told, never
guessed. Mandarin is asked for in simplified characters by the usual prompt; where traditional ones come all the same,
they are converted. Samples of any rate are brought to Whisper's 16 kHz. It leaves out: timestamps, and any judgement of
whether speech was there (on silence and noise Whisper is known to invent words).
"""

from __future__ import annotations

import threading
from typing import Any

from persona_forge.core.errors import EngineError, Misuse
from persona_forge.core.ports import Samples
from persona_forge.engines import weights
from persona_forge.engines.waveform import resampled
from persona_forge.text.simplified import simplified

RATE = 16_000
PROMPTS = {"en": None, "zh": "以下是普通话的句子。"}


class Whisper:
    engine, model, honest = "whisper", "whisper-base-int8", True

    def __init__(self, *, threads: int = 2, say: weights.Say = lambda line: None) -> None:
        """Loads when it first hears; `say` hears about weights that must be fetched."""
        self.threads, self.say = threads, say
        self._lock = threading.Lock()
        self._model: Any = None

    def hear(self, samples: Samples, rate: int, *, language: str) -> str:
        if language not in PROMPTS:
            raise Misuse(f"whisper is not set up for {language!r}", allowed=", ".join(PROMPTS))
        if not samples.size:
            return ""
        segments, _ = self._loaded().transcribe(
            resampled(samples, rate, RATE),
            language=language,
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            initial_prompt=PROMPTS[language],
            without_timestamps=True,
            vad_filter=False,
        )
        words = [segment.text.strip() for segment in segments]
        return simplified("".join(words)) if language == "zh" else " ".join(words)

    def _loaded(self) -> Any:
        with self._lock:
            if self._model is None:
                try:
                    from faster_whisper import WhisperModel
                except ImportError as error:
                    raise EngineError("whisper is not installed", todo='pip install "persona-forge[local]"') from error
                folder = weights.pull("whisper-base", self.say)
                self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=self.threads)
            return self._model


class Deaf:
    """Hears nothing and says so: its words are no evidence."""

    engine, model, honest = "deaf", "deaf", False

    def hear(self, samples: Samples, rate: int, *, language: str) -> str:
        return ""
