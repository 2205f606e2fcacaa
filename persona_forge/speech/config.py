"""Settings of act 3."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SpeechConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int | None = Field(default=4, ge=0)
    """Dialogues to speak, half of them in each language; none: all."""
    per_shard: int = Field(default=2, ge=1)
    """Dialogues a shard: what a kill may cost; a shard of 100 dialogues is about 100 MB."""
    engine: str | None = None
    """kokoro, espeak or tone; none: the best that can be had here."""
    ear: str | None = None
    """whisper or deaf; none: the best that can be had here."""
    threads: int = Field(default=2, ge=1)
    max_error_rate: float = Field(default=0.35, ge=0)
    """A clip passes if WER (en) or CER (zh) stays at or under this."""
