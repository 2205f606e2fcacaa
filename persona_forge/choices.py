"""Which engine stands behind each port of a run.

One that was named must work, and all that it lacks is said before anything is spent; where none was named the first of
the catalogue that can be had is taken, aloud. The choice is written into the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persona_forge.config import Config
from persona_forge.core.errors import ConfigError, EngineError, StorageError, WeightsError
from persona_forge.core.ports import Voice
from persona_forge.engines import catalogue, weights
from persona_forge.engines.catalogue import PortName

if TYPE_CHECKING:
    from persona_forge.speech.config import SpeechConfig

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which engine stands behind a port in this run."""

    engine: str
    model: str
    how: str = ""
    """What else makes its output another: the dialect that it is told in, the digest of a file of voices."""

    @property
    def identity(self) -> str:
        return "/".join(filter(None, (self.engine, self.model, self.how)))


def choose(port: PortName, config: Config, say: Say) -> Choice:
    """The engine for a port, ready to work: its weights are there.

    Raises EngineError or WeightsError if one was named and cannot be had, and EngineError if none can.
    """
    named, model = _named(port, config)
    if named:
        return _ready(port, named, model, config, say)
    tried: list[str] = []
    for e in catalogue.ENGINES:
        if e.port != port or not e.unasked:
            continue
        try:
            choice = _ready(port, e.name, model if e.models else None, config, say)
        except (EngineError, WeightsError, StorageError) as error:
            say(f"{e.name} cannot be had: {error.what}")
            tried.append(e.name)
            continue
        if tried:
            say(f"{choice.engine} takes its place ({e.says}; {e.lacks or 'no known lacks'})")
        return choice
    raise EngineError(f"no {port} engine can be had here; tried {', '.join(tried)}")


def _named(port: PortName, config: Config) -> tuple[str | None, str | None]:
    """Engine and model as configured; who names a model alone names the engine whose model it is."""
    if port == "chat":
        d = config.dialogues
        return d.engine or ("local" if d.model else None), d.model
    if port == "ear":
        return config.speech.ear, None
    if config.speech.model and not config.speech.engine:
        raise ConfigError("speech.model needs speech.engine", allowed="coqui, openai")
    return config.speech.engine, config.speech.model


def _ready(port: PortName, name: str, model: str | None, config: Config, say: Say) -> Choice:
    e = catalogue.engine(port, name)
    if why := catalogue.missing(e):
        raise EngineError(f"the {port} engine {name} is not installed", todo=why.partition(": ")[2])
    if port == "chat" and name == "openai":
        return _endpoint(config)
    if port == "chat" and config.dialogues.batch:
        raise ConfigError(f"dialogues.batch is for an endpoint, and the chat engine is {name}",
                          allowed='engine = "openai"', todo="take batch out of [dialogues]")  # fmt: skip
    if port == "voice" and name in ("coqui", "openai"):
        return _voice_as_told(name, config.speech)
    for needed in catalogue.needed(e, model):
        weights.pull(needed, say)
    usual = (e.models or e.weights or (e.name,))[0]
    if port == "voice" and model not in (None, usual):
        raise EngineError(f"the {name} engine has no model {model!r}", allowed=usual)
    return Choice(name, model or usual)


def _endpoint(config: Config) -> Choice:
    """Refuses, before anything is spent, an endpoint without address, model or (where it may cost) key and budget."""
    from persona_forge.engines.budget import Limits, must_have_budget
    from persona_forge.engines.openai import OpenAIChat

    d = config.dialogues
    for key in ("base_url", "model"):
        if not getattr(d, key):
            raise ConfigError(f'dialogues.engine = "openai" needs dialogues.{key}', todo=f"set {key} in [dialogues]")
    assert d.base_url is not None
    assert d.model is not None
    must_have_budget(d.base_url, Limits(tokens=d.budget_tokens, money=d.budget_money))
    OpenAIChat(d.model, base_url=d.base_url, key_from=d.key_from)  # a missing key is said now
    return Choice("openai", d.model)


def _voice_as_told(name: str, speech: SpeechConfig) -> Choice:
    """A voice that is what its settings say; all that they lack is said now."""
    from persona_forge.engines.voice_file import digest_of

    voice = make_voice(name, speech, None)
    how = (speech.dialect if name == "openai" else "", digest_of(Path(speech.voices)) if speech.voices else "")
    return Choice(name, voice.model, "/".join(filter(None, how)))


def make_voice(name: str, speech: SpeechConfig, ledger: Path | None) -> Voice:
    """The voice engine of this name; those that compute are apart, several side by side."""
    for key in {"openai": ("base_url", "model"), "coqui": ("model", "voices")}.get(name, ()):
        if not getattr(speech, key):
            raise ConfigError(f'speech.engine = "{name}" needs speech.{key}', todo=f"set {key} in [speech]")
    if name == "openai":
        from persona_forge.engines.speech_api import SpeechAPI

        shared = ("base_url", "key_from", "dialect", "voices", "budget_characters", "timeout_s")
        return SpeechAPI(speech.model or "", **{key: getattr(speech, key) for key in shared},
                         ledger=ledger, at_once=speech.processes)  # fmt: skip
    if name == "tone":
        from persona_forge.engines.tone import Tone

        return Tone()
    keywords: dict[str, Any] = {}
    make: Callable[..., Voice]
    if name == "kokoro":
        from persona_forge.engines.kokoro import Kokoro as make

        keywords = {"threads": 1}
    elif name == "coqui":
        from persona_forge.engines.coqui import Coqui as make

        keywords = {"model": speech.model, "voices": speech.voices}
    else:
        from persona_forge.engines.espeak import Espeak as make
    from persona_forge.engines.apart import Apart

    return Apart(make, keywords, processes=speech.processes, timeout_s=speech.timeout_s)
