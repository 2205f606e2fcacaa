"""Any OpenAI-compatible endpoint for speech: POST /v1/audio/speech, one turn a request, in the dialect it understands.

    openai         gpt-4o-mini-tts and the like: `instructions` in words, at most 4,096 characters of text
    stepfun        StepAudio 2.5: `instruction` and inline direction in round brackets, at most 1,000
    stepfun_label  step-tts-2 and -mini: `voice_label`, `speed` and `volume`, at most 1,000
    plain          tts-1 and other servers: words and `speed`

What a turn's direction asks for is compiled by text/dialects.py; what could not be said comes back as not obeyed, the
rest is the endpoint's to obey. WAV is asked for, its rate is read and not believed. What may pass is tried again
with patience; what the answer holds is not: it is paid for. The key comes from an environment variable and stands
nowhere else, redirects are not followed. Characters sent are counted before they go out, in `ledger` too, so that
what a killed run spent counts in the next; a request that was not answered counts as spent.

Left out: the same samples twice (the models draw), streaming, an endpoint that trickles its headers.
"""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import numpy as np
import openai

from persona_forge.core.errors import ConfigError, ForgeError, Permanent, Stopped, Transient
from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Ask, Delivery, Direction, Samples, Spoken, VoiceCard
from persona_forge.engines.budget import Unanswered, is_loopback
from persona_forge.engines.openai import blotted, endpoint, translated
from persona_forge.engines.patience import Patience
from persona_forge.engines.spoken_text import speakable
from persona_forge.engines.voice_file import Speaker, read_voices, refuse_stranger
from persona_forge.engines.waveform import RATE, checked, resampled, usable
from persona_forge.text.dialects import DIALECTS, Compiled
from persona_forge.text.tags import EMOTIONS, EVENTS, PAUSE, SPEEDS, VOLUMES, Cue

DialectName = Literal["openai", "stepfun", "stepfun_label", "plain"]
LONGEST = {"openai": 4096, "stepfun": 1000, "stepfun_label": 1000, "plain": 4096}
"""Characters of `input`, as the references of the two makers say."""
DEAF = {"openai": "tts-1", "stepfun": "step-tts", "stepfun_label": "stepaudio"}
"""How the names of models begin that don't understand a dialect."""
SPEEDS_OF = (0.25, 4.0)
MOST_BYTES = 64 * 2**20
RATES = (8_000, 192_000)
FEMALE, MALE = "coral nova sage shimmer marin", "ash ballad cedar echo onyx verse"
"""OpenAI's own voices, as they are commonly heard: their maker names no gender. Two of which opinions differ are left
out."""
CONTROL = {
    "emotion": "f0_range",
    "speed": "rate",
    "pitch": "f0_scale",
    "volume": "gain_db",
    PAUSE: "pauses",
    **dict.fromkeys(EVENTS, "events"),
    **dict.fromkeys(EMOTIONS, "f0_range"),
    **dict.fromkeys(SPEEDS, "rate"),
    **dict.fromkeys(VOLUMES, "gain_db"),
    "whisper": "breathiness",
}
"""What a dialect names as dropped, as a control; an instruction and an accent are none."""


class SpeechAPI:
    """A Voice behind `base_url`, which ends in /v1 or the like; a loopback one needs no key and no budget."""

    engine, licence, blends = "openai", "the endpoint's terms", False

    def __init__(
        self,
        model: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        key_from: str = "OPENAI_API_KEY",
        dialect: DialectName = "openai",
        voices: str | None = None,
        budget_characters: int | None = None,
        ledger: Path | None = None,
        timeout_s: float = 120.0,
        patience: Patience | None = None,
        at_once: int = 2,
    ) -> None:
        self.model, self.dialect, self.at_once = model, dialect, at_once
        self.controls = frozenset({"rate" if dialect == "plain" else "direction"})
        self._where, self._key = endpoint(base_url, key_from)
        if dialect in DEAF and model.startswith(DEAF[dialect]):
            raise ConfigError(f"{model} does not understand the dialect {dialect!r}",
                              todo="set speech.dialect to one that its maker documents for it")  # fmt: skip
        if budget_characters is None and not is_loopback(base_url):
            raise ConfigError(f"{urlsplit(base_url).hostname} may cost money, and no budget is set",
                              todo="set speech.budget_characters, or use an endpoint on this machine")  # fmt: skip
        self._speakers = read_voices(Path(voices)) if voices else _own_voices(dialect)
        self._account = _Account(budget_characters, ledger)
        self._timeout_s, self._patience = timeout_s, patience or Patience(tries=4)
        self._client = openai.OpenAI(
            api_key=self._key or "none",
            base_url=base_url,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                timeout=httpx2.Timeout(timeout_s, connect=min(10.0, timeout_s)), follow_redirects=False
            ),
        )

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        return tuple(s.card(name, language) for name, s in self._speakers.items() if language in s.languages)

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        refuse_stranger(voice, self.voices(language), language, self.model)
        if not speakable(text):
            raise Permanent(f"there is nothing to say in {text!r}")
        made, lost = self._compiled(text, language, delivery)
        if len(made.text) > LONGEST[self.dialect]:
            raise Permanent(f"{len(made.text)} characters are more than the {LONGEST[self.dialect]} that "
                            f"{self.model} takes at once")  # fmt: skip
        body = {"model": self.model, "voice": voice, "input": made.text, "response_format": "wav", **made.fields}
        samples = self._decoded(self._answer(body))
        parameters: dict[str, Any] = {"dialect": self.dialect, **made.fields}
        if made.text != text:
            parameters["input"] = made.text
        if made.dropped:
            parameters["dropped"] = made.dropped
        return usable(Spoken(samples, RATE, lost, (), parameters), self.model)

    def close(self) -> None:
        self._client.close()

    def _compiled(self, text: str, language: str, delivery: Delivery) -> tuple[Compiled, frozenset[str]]:
        """What is sent, and the controls that are not obeyed."""
        told = delivery.direction if "direction" in self.controls else None
        if told is not None:
            made = DIALECTS[self.dialect](text, [Cue(*cue) for cue in told.cues], _labels(told), language)
            lost = {CONTROL[name] for name in made.dropped if name in CONTROL}
            if "volume" in made.dropped and told.volume == "whisper":
                lost.add("breathiness")
            return made, frozenset(lost)
        made = DIALECTS[self.dialect](text, (), {}, language)
        lost = set(delivery.asks() - self.controls)
        if "rate" in self.controls and delivery.rate != 1:
            made.fields["speed"] = min(max(delivery.rate, SPEEDS_OF[0]), SPEEDS_OF[1])
            lost |= {"rate"} if made.fields["speed"] != delivery.rate else set()
        return made, frozenset(lost)

    def _answer(self, body: dict[str, Any]) -> bytes:
        """The bytes that came, with patience for what may pass."""
        size = len(body["input"]) + sum(len(body.get(name, "")) for name in ("instruction", "instructions"))
        ask = Ask(digest(canonical(body)), "", ())
        tried = 0
        while True:
            self._account.take(size)
            try:
                return self._once(body)
            except ForgeError as error:
                if not isinstance(error, Unanswered):  # a plain no costs nothing
                    self._account.take(-size)
                tried += 1
                wait = self._patience.wait_s(ask, tried, error) if isinstance(error, Transient) else None
                if wait is None:
                    raise
            time.sleep(wait)

    def _once(self, body: dict[str, Any]) -> bytes:
        known = {name: body[name] for name in ("model", "voice", "input", "response_format")}
        own = {name: value for name, value in body.items() if name not in known}
        until = time.monotonic() + self._timeout_s
        try:
            with self._client.audio.speech.with_streaming_response.create(**known, extra_body=own) as answer:
                return b"".join(_within(answer.iter_bytes(), until))
        except (openai.OpenAIError, httpx2.HTTPError, TimeoutError) as exc:
            error = translated(exc, f"{self.model} at {self._where}", self._key)
            # an error that repeats the key must not reach a traceback as a cause
            raise error from (None if self._key and self._key in str(exc) else exc)

    def _decoded(self, raw: bytes) -> Samples:
        """Mono samples at our rate, from whatever format libsndfile knows."""
        import soundfile

        try:
            samples, rate = soundfile.read(io.BytesIO(raw), dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, MemoryError) as error:
            said = blotted(raw[:80].decode(errors="replace"), self._key)
            raise Permanent(f"{self.model} at {self._where} sent no audio: {said!r}") from error
        if not RATES[0] <= rate <= RATES[1]:
            raise Permanent(f"{self.model} at {self._where} says that it gave {rate} samples a second")
        mono = checked(np.asarray(samples.mean(axis=1), np.float32), self.model)
        return resampled(mono, int(rate), RATE)


def _labels(told: Direction) -> dict[str, Any]:
    names = ("emotion", "intensity", "speed", "pitch", "volume", "instruction", "accent")
    return {name: getattr(told, name) for name in names}


def _own_voices(dialect: str) -> dict[str, Speaker]:
    if dialect.startswith("stepfun"):
        raise ConfigError("StepFun's voices are not known here", todo="name a TOML file of them as speech.voices")
    usual = {
        "language": ("en", "zh"),
        "age_group": "young_adult",
        "licence": "OpenAI's terms of use",
        "lacks": "its maker's word on gender and age: as commonly heard",
    }
    return {
        name: Speaker.model_validate({"gender": gender, **usual})
        for gender, names in (("female", FEMALE), ("male", MALE))
        for name in names.split()
    }


def _within(chunks: Iterable[bytes], until: float) -> Iterator[bytes]:
    """The chunks, as long as time and memory last."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES or time.monotonic() > until:
            raise TimeoutError("the answer does not end")
        yield chunk


class _Account:
    """Characters sent, by this process and by those before it."""

    def __init__(self, limit: int | None, ledger: Path | None) -> None:
        self._limit, self._ledger, self._lock = limit, ledger, threading.Lock()
        lines = ledger.read_text().splitlines(keepends=True) if ledger and ledger.exists() else []
        self.spent = sum(int(line) for line in lines if line.endswith("\n"))

    def take(self, size: int) -> None:
        """Writes them down before they go out; raises Stopped where they would pass the budget."""
        with self._lock:
            if self._limit is not None and size > 0 and self.spent + size > self._limit:
                raise Stopped(
                    f"the next turn may pass the budget: {self.spent} characters are sent, it has {size}",
                    allowed=f"{self._limit} characters",
                    todo="every finished shard is kept; raise speech.budget_characters and run the same command",
                )
            self.spent += size
            if self._ledger is not None:
                self._ledger.parent.mkdir(parents=True, exist_ok=True)
                with self._ledger.open("a") as file:
                    file.write(f"{size}\n")
                    file.flush()
                    os.fsync(file.fileno())
