"""Voices that do what engines should not, each when it is told to by the word it has to say; else they hum."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from persona_forge.core.errors import Transient
from persona_forge.core.ports import Delivery, Spoken
from persona_forge.engines.tone import Tone


class Bad(Tone):
    engine = "bad"

    def __init__(self, note: str = "") -> None:
        self.note = note

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        if self.note:  # which process is at which word
            with Path(self.note).open("a") as file:
                file.write(f"{os.getpid()} {text}\n")
        match text:
            case "leave":
                os._exit(3)
            case "fault":
                ctypes.string_at(0)
            case "hang":
                time.sleep(1000)
            case "spin":
                while True:
                    pass
            case "raise":
                raise ZeroDivisionError("one over none")
            case "quit":
                raise SystemExit(0)
            case "busy":
                raise Transient("the vendor is busy")
            case "many":
                return super().speak("o" * 3000, voice=voice, language=language, delivery=delivery)
        spoken = super().speak(text, voice=voice, language=language, delivery=delivery)
        match text:
            case "nan":
                spoken.samples[100] = np.nan
            case "silence":
                spoken.samples[:] = 0
            case "nothing":
                return replace(spoken, samples=spoken.samples[:0])
            case "clip":
                return replace(spoken, samples=np.clip(spoken.samples * 20, -1, 1))
            case "rate":
                return replace(spoken, rate=16_000)
            case "secret":
                return replace(spoken, parameters={"a function": lambda: None})
        return spoken


class Unmakeable(Tone):
    engine = "unmakeable"

    def __init__(self) -> None:
        if "OMP_NUM_THREADS" in os.environ:  # only in a process apart
            raise RuntimeError("no model file")
