"""The doors to the world outside: Chat (a language model), Voice (a synthesiser), Ear (a recogniser), Critic (a
predictor of what listeners would say).

A stage is handed a port and knows nothing of who stands behind it; engines/ implements them, one file a vendor, and
engines/contract_*.py hold the tests that every implementation must pass. Chat is async, because its time is spent
waiting; the other two are sync, because their time is spent computing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

Samples = npt.NDArray[np.float32]
"""Mono audio, shape (n,), full scale ±1."""

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a language model, and whose it is."""

    row_id: str
    """The row that the reply is for; with `sample`, it names the reply in the store."""
    seed_id: str
    """Whose words go out, so that a withdrawn seed's replies can be found."""
    messages: tuple[Message, ...]
    sample: int = 0
    max_tokens: int = 512
    temperature: float = 0.8


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    """Money, in the currency of the price table; 0 where the engine is free."""


@dataclass(frozen=True, slots=True)
class Reply:
    value: BaseModel
    """Validated: an instance of the model that was asked for."""
    raw: str
    usage: Usage
    stored: bool = False
    """True if it was read from the store and nothing was asked."""


@runtime_checkable
class Chat(Protocol):
    """Messages and a reply schema in; a validated reply out.

    Raises Transient when patience has run out, Refused for a final no, BadReply (with the raw text) for a reply that
    breaks its schema even after one repair round.
    """

    engine: str
    model: str

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pause:
    char_pos: int
    """Before which character of the spoken text."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Event:
    type: str
    """sigh, laugh, breath, gasp, cough or throat_clear."""
    char_pos: int


@dataclass(frozen=True, slots=True)
class Direction:
    """How to say it, in the labels of the scripts: for an engine that is directed in words."""

    emotion: str = "neutral"
    intensity: float = 0.5
    speed: str = "medium"
    pitch: str = "medium"
    volume: str = "normal"
    instruction: str = ""
    accent: str = ""
    cues: tuple[tuple[int, str, float | None], ...] = ()
    """Inline direction: before which character, the tag's name (text/tags.py), its value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How to say it, in numbers; 1 and 0 leave the voice as it is."""

    rate: float = 1.0
    """Speed as a ratio of the voice's own."""
    f0_scale: float = 1.0
    """Pitch as a ratio of the voice's own."""
    f0_range: float = 1.0
    """Spread of the pitch around the voice's centre, as a ratio."""
    formant_scale: float = 1.0
    """Frequencies of the formants as a ratio: above 1 a shorter throat, as a child has."""
    gain_db: float = 0.0
    breathiness: float = 0.0
    """0 is the voice's own, 1 is a whisper."""
    tremor: float = 0.0
    """Unsteadiness of pitch and level, as age brings it: 0 is the voice's own, 1 the strongest that is still speech."""
    pauses: tuple[Pause, ...] = ()
    events: tuple[Event, ...] = ()
    direction: Direction | None = None
    """The same in words; an engine that goes by it names it among its controls, and goes by no number."""

    def asks(self) -> frozenset[str]:
        """The names of the controls that are not left alone; direction is these in words, and none of them."""
        neutral = Delivery()
        return frozenset(n for n in CONTROLS if getattr(self, n) != getattr(neutral, n))


CONTROLS = ("rate", "f0_scale", "f0_range", "formant_scale", "gain_db", "breathiness", "tremor", "pauses", "events")


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """One voice that an engine has."""

    name: str
    language: str
    gender: str
    """female or male, as its maker says."""
    age_group: str
    """child, teen, young_adult, middle_aged or elderly, as its maker says or as it is commonly heard."""
    licence: str
    lacks: str = ""
    """What this voice can't do well, in a sentence."""
    accent: str = ""
    """As the trait space names it, american or british, say; empty where its maker says none."""


@dataclass(frozen=True, slots=True)
class Spoken:
    samples: Samples
    rate: int
    """Samples a second."""
    not_obeyed: frozenset[str] = frozenset()
    """Names of controls of the Delivery (see Delivery.asks) that this engine did not carry out."""
    events: tuple[tuple[str, float, float], ...] = ()
    """Non-verbal events that were rendered: type, start and end in seconds."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What the engine was given, for the row's made_parameters; JSON values."""


@runtime_checkable
class Voice(Protocol):
    """Text and a Delivery in; samples out, and what was not obeyed.

    Deterministic engines give the same samples for the same input, in any order, in any process. Raises Permanent for
    text that cannot be spoken (nothing but punctuation, say) and Misuse for a voice that it does not have.
    """

    engine: str
    model: str
    licence: str
    controls: frozenset[str]
    """Of CONTROLS, or `direction`."""
    blends: bool
    """Whether "a+b:0.4" is a voice as well, for any two of its own of one language: four tenths of the way to b."""

    def voices(self, language: str) -> tuple[VoiceCard, ...]: ...

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken: ...


@runtime_checkable
class Ear(Protocol):
    """Samples in; the words that are heard out, as text in the language's usual writing."""

    engine: str
    model: str
    honest: bool
    """False for a fake that hears nothing: its words are no evidence."""

    def hear(self, samples: Samples, rate: int, *, language: str) -> str: ...


@runtime_checkable
class Critic(Protocol):
    """Samples in; the opinion score that listeners would give them out, 1 (bad) to 5 (excellent)."""

    model: str

    def score(self, samples: Samples, rate: int) -> float | None:
        """None where a prediction would not be fair."""
