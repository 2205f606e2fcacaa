"""Settings of act 1."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from persona_forge.personas.flags import Kind


class SeedsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: tuple[str, ...] = ()
    """Files or folders of seeds, relative to the config file; empty: the bundled starter set."""
    ontology: str | None = None
    """A trait file; none: the bundled seeds/traits.toml."""
    hold: tuple[Kind, ...] = ("personal_data", "unsafe", "not_a_persona", "near_duplicate")
    """Kinds of flags: a seed that has one is not used until it is approved in `seeds review`. Others are only shown:
    distressing, minor, too_short, too_long, mixed_language, hidden_characters, formula, placeholder."""


class TargetConfig(BaseModel):
    """Wanted shares of the values of one dimension, or of two together; what is not named shares the rest as it did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str | tuple[str, str]
    shares: dict[str, float]
    """Value → share from 0 to 1; of two dimensions, "value/value"."""
    language: Literal["zh", "en"] | None = None
    """None: over both languages together."""

    def combinations(self) -> dict[str | tuple[str, ...], float]:
        single = isinstance(self.of, str)
        return {value if single else tuple(value.split("/")): share for value, share in self.shares.items()}


class PersonasConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=1_000_000, ge=1)
    """Persona rows in all, shared evenly among the seeds."""
    rows_per_shard: int = Field(default=250_000, ge=1)
    cover_t: int = Field(default=2, ge=0, le=3)
    """Combinations of so many values are covered before the fill; 3 needs many rows, 0 is no cover."""
    targets: tuple[TargetConfig, ...] = ()
    """Marginals that the rows are raked to, under constraints, pins and what is withheld."""
    validation: float = Field(default=0.05, ge=0, lt=1)
    """Share of the seeds whose rows are kept for validation."""
    test: float = Field(default=0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_for_training(self) -> PersonasConfig:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing for training: their sum must be below 1")
        return self
