"""Settings of act 2."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class ModelPrice(BaseModel):
    """Money per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)


class DialoguesConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(default=8, ge=0)
    """Dialogues in all, half of them in each language where there are seeds of both."""
    per_shard: int = Field(default=4, ge=1)
    """Dialogues a shard; with a fast endpoint, more."""
    turns: int = Field(default=6, ge=2, le=64, multiple_of=2)
    attack_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the scenes in which the partner presses the persona to break character."""
    exit_share: float = Field(default=0.25, ge=0, le=1)
    """Share of the scenes in which leaving the role is right, each with its twin, in which it is not."""
    contrast_share: float = Field(default=0.125, ge=0, le=1)
    """Share of the scenes whose words are the same as another's in another delivery."""
    depths: tuple[int, ...] = (2,)
    """Turns before an attack: each probe is tried at all of these depths; 0, 2, 4, 8, 16, 32 give a drift curve."""
    one_shot_turns: int = Field(default=12, ge=2)
    """A longer dialogue is written turn by turn, as self-play."""
    code_switched_share: float = Field(default=0, ge=0, le=1)
    """Share of the scenes in which the persona mixes words of the other language in."""
    candidates: int = Field(default=1, ge=0, le=16)
    """Replies to a probe of each kind, right and wrong, at most: it asks until code is sure of a pair; 0: none."""
    judge_samples: int = Field(default=0, ge=0, le=16)
    """How often a model judges each reply; 0: code alone judges, as a small local model cannot."""
    judge_model: str | None = None
    """The model that judges, at the same endpoint; none: the one that writes."""
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
    batch: bool = False
    """openai: questions go as batches (cheaper, within a day) instead of one by one."""
    timeout_s: float = Field(default=120, gt=0)
    threads: int = Field(default=2, ge=1)
    """local: threads of computation."""
    budget_tokens: int | None = Field(default=None, ge=1)
    budget_money: float | None = Field(default=None, gt=0)
    prices: dict[str, ModelPrice] = Field(default_factory=dict)
    """Of each model, by the engine's name for it; one that is not named costs nothing."""

    @field_validator("depths")
    @classmethod
    def _even_and_rising(cls, depths: tuple[int, ...]) -> tuple[int, ...]:
        if not depths or any(d % 2 or d < 0 or d > 62 for d in depths) or list(depths) != sorted(set(depths)):
            raise ValueError("depths are even numbers from 0 to 62, rising: the partner speaks first")
        return depths

    @model_validator(mode="after")
    def _shares_of_a_whole(self) -> DialoguesConfig:
        if self.attack_share + self.exit_share + self.contrast_share > 1 + 1e-9:  # decimals may miss 1 by a rounding
            raise ValueError("attack_share, exit_share and contrast_share are more than 1 together")
        return self
