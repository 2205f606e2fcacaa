"""Settings of act 2."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DialoguesConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(default=8, ge=0)
    """Dialogues in all, half of them in each language where there are seeds of both."""
    per_shard: int = Field(default=4, ge=1)
    """Dialogues a shard; with a fast endpoint, more."""
    turns: int = Field(default=6, ge=2, le=64, multiple_of=2)
    attack_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the scenes in which the partner presses the persona to break character."""
    max_tokens: int = Field(default=300, ge=32)
    temperature: float = Field(default=0.8, ge=0, le=2)
    engine: str | None = None
    """local, openai or scripted; none: the best that can be had here, and no paid one."""
    model: str | None = None
    """The engine's name for the model; local: qwen-1.5b or qwen-0.5b."""
    base_url: str | None = None
    """openai: where the endpoint is."""
    key_from: str = "OPENAI_API_KEY"
    """openai: the environment variable that holds the key; the key itself stands nowhere else."""
    concurrency: int = Field(default=16, ge=1)
    """openai: requests under way at most; it adapts below that."""
    timeout_s: float = Field(default=120, gt=0)
    threads: int = Field(default=2, ge=1)
    """local: threads of computation."""
    budget_tokens: int | None = Field(default=None, ge=1)
    budget_money: float | None = Field(default=None, gt=0)
    price_prompt: float = Field(default=0, ge=0)
    """Money per million prompt tokens."""
    price_completion: float = Field(default=0, ge=0)
    """Money per million completion tokens."""
