"""Settings of act 1."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SeedsConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: tuple[str, ...] = ()
    """Files or folders of seeds, relative to the config file; empty: the bundled starter set."""
    ontology: str | None = None
    """A trait file; none: the bundled seeds/traits.toml."""


class PersonasConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(default=1_000_000, ge=1)
    """Persona rows in all, shared evenly among the seeds."""
    rows_per_shard: int = Field(default=250_000, ge=1)
    validation: float = Field(default=0.05, ge=0, lt=1)
    """Share of the seeds whose rows are kept for validation."""
    test: float = Field(default=0.05, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_for_training(self) -> PersonasConfig:
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing for training: their sum must be below 1")
        return self
