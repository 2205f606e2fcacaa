"""Settings of act 3."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SpeechConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int | None = Field(default=4, ge=0)
    """Dialogues to speak, half of them in each language; none: all."""
    per_shard: int = Field(default=2, ge=1)
    """Dialogues a shard: what a kill may cost; a shard of 100 dialogues is about 100 MB."""
    speak_pairs: bool = True
    """Whether the chosen and rejected replies of those dialogues are spoken, too."""
    overlap_share: float = Field(default=0.15, ge=0, le=1)
    """Share of the turns that begin before the one before them has ended."""
    back_channel_share: float = Field(default=0.1, ge=0, le=1)
    """Share of the longer turns into which the listener puts a word."""
    engine: str | None = None
    """kokoro, coqui, openai, espeak or tone; none: the best that can be had here, and no paid one."""
    model: str | None = None
    """The engine's name for the model; coqui, openai."""
    base_url: str | None = None
    """openai: where the endpoint of /v1/audio/speech is."""
    key_from: str = "OPENAI_API_KEY"
    """openai: the environment variable that holds the key; the key itself stands nowhere else."""
    dialect: Literal["openai", "stepfun", "stepfun_label", "plain"] = "openai"
    """openai: how the endpoint is told mood, pace and sounds."""
    voices: str | None = None
    """openai, coqui: a TOML file with the voices there are; for coqui with reference clips, licences and consents."""
    budget_characters: int | None = Field(default=None, ge=1)
    """openai: characters to speak at most; nothing that may cost money runs without it."""
    timeout_s: float = Field(default=120, gt=0)
    """For one turn; an engine that takes longer is started anew, and the turn is rejected."""
    processes: int = Field(default=2, ge=1)
    """Voice engines side by side, each in a process of its own, with one thread."""
    ear: str | None = None
    """whisper or deaf; none: the best that can be had here."""
    threads: int = Field(default=2, ge=1)
    """Of the ear."""
    measured_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the clips that are heard by the ear and scored; all are measured."""
    max_error_rate: float = Field(default=0.35, ge=0)
    """A clip passes if WER (en) or CER (zh) stays at or under this."""
    min_mos: float | None = Field(default=None, ge=1, le=5)
    """A clip passes if its predicted opinion score is at least this, where one is fair; none: no gate."""
    failing: Literal["keep", "reject"] = "keep"
    """A clip that fails a gate keeps its row with qc_pass = false, or goes to the rejects."""
