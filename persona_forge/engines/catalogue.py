"""Which engines there are, for which port, under which licence, and whether they can work here.

In the order of preference: where nobody named an engine, the first that can be had is taken. Engines that cost money
are never taken by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from persona_forge.core.errors import EngineError
from persona_forge.engines import weights

PortName = Literal["chat", "voice", "ear"]


@dataclass(frozen=True, slots=True)
class Engine:
    name: str
    port: PortName
    says: str
    licence: str
    lacks: str = ""
    modules: tuple[str, ...] = ()
    """What must be importable."""
    extra: str = ""
    """The extra of this project that brings it."""
    models: tuple[str, ...] = ()
    """Weights it may be given, the first being the default."""
    weights: tuple[str, ...] = ()
    """Weights it always needs."""
    unasked: bool = True
    """Whether it may be taken without being named."""


ENGINES = (
    Engine("local", "chat", "llama.cpp on this machine", "MIT; weights Apache-2.0 (Qwen)",
           "small models: bland lines; cannot judge", ("xllamacpp", "openai"), "local", ("qwen-1.5b", "qwen-0.5b")),
    Engine("openai", "chat", "any OpenAI-compatible endpoint", "the endpoint's terms",
           "needs base_url, model and a budget", ("openai",), "forge", unasked=False),
    Engine("scripted", "chat", "stock sentences, no model: for tests and dry runs", "Apache-2.0",
           "its dialogues mean nothing"),
    Engine("kokoro", "voice", "Kokoro-82M, neural, zh and en, on CPU",
           "Apache-2.0; English phonemes through espeak-ng (GPL-3)",
           "no breath, no sounds; mood by pitch and pace alone",
           ("kokoro_onnx", "onnxruntime", "onnx", "misaki"), "local", weights=("kokoro", "kokoro-voices")),
    Engine("coqui", "voice", "Coqui TTS: XTTS-v2 with reference clips, or any of its models; best on a GPU",
           "MPL-2.0; weights of XTTS-v2: Coqui Public Model License, non-commercial",
           "needs model and voices (clips with licence and consent); no pitch, breath or sounds", ("TTS",), "coqui",
           unasked=False),
    Engine("openai", "voice", "any OpenAI-compatible endpoint of /v1/audio/speech", "the endpoint's terms",
           "needs base_url, model and a budget; not the same samples twice", ("openai", "soundfile"), "forge,local",
           unasked=False),
    Engine("espeak", "voice", "espeak-ng, formant synthesis, very fast", "GPL-3.0",
           "its Mandarin is not for training", ("espeakng_loader",), "local"),
    Engine("tone", "voice", "hums instead of words: for tests and dry runs", "Apache-2.0", "no words"),
    Engine("whisper", "ear", "Whisper base on CPU", "MIT", "", ("faster_whisper",), "local", weights=("whisper-base",)),
    Engine("deaf", "ear", "hears nothing, and says so", "Apache-2.0", "checks no words"),
)  # fmt: skip


def engine(port: PortName, name: str) -> Engine:
    """Raises EngineError for a name that no engine of this port has."""
    for e in ENGINES:
        if e.port == port and e.name == name:
            return e
    raise EngineError(f"unknown {port} engine {name!r}", allowed=", ".join(e.name for e in ENGINES if e.port == port))


def missing(e: Engine) -> str:
    """Why it cannot work here whatever is fetched, with the way to mend it; empty where it can."""
    lacking = [m for m in e.modules if find_spec(m) is None]
    if not lacking:
        return ""
    return f"{', '.join(lacking)} not installed: pip install 'persona-forge[{e.extra}]'"


def needed(e: Engine, model: str | None) -> tuple[str, ...]:
    """The weights it needs for this model; raises EngineError for a model that it does not have."""
    if not e.models:
        return e.weights
    chosen = model or e.models[0]
    if chosen not in e.models:
        raise EngineError(f"the {e.name} engine has no model {chosen!r}", allowed=", ".join(e.models))
    return (chosen, *e.weights)


def lacking_weights(e: Engine, model: str | None = None) -> tuple[str, ...]:
    return tuple(n for n in needed(e, model) if weights.have(n) is None)
