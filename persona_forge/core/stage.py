"""A stage is a plain function in a frozen value; a pipeline is a tuple of them.

Three shapes:
    source  reads files of the world outside, seals what it found as one part, and later additions as further parts
    plan    reads whole tables (lazily) and seals one small table, in parts g000, g001, …: one a growth step
    map     turns one shard into one shard: the rows of the table it walks (the first it reads), and of every other
            table it reads the rows that these point at; a plan whose key they do not have, it reads whole

What a stage needs is what its function's parameters are called, and nothing else is handed to it:
    a table's name   rows of that table: a LazyFrame for a plan, a DataFrame for a map
    `made`           for a plan: the rows it sealed in earlier parts, as a DataFrame; it returns only what is missing
    a hand's name    `chat`, `voice`, `ear` (ports), `judge` (a chat too, or None where no model is to judge),
                     `critic` (or None where none is installed), `ontology` (with its words), `space` (the
                     ontology, compiled), `key` (of this run's randomness), `records` and `acts` (a
                     source's input: authored seeds, what annotators did)
    any other name   a key of the stage's config section
So the signature is the declaration: it makes the fingerprint, and `check` refuses a pipeline that cannot work.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl

from persona_forge.core.errors import ForgeError
from persona_forge.core.tables import REJECTS, TABLES

PORTS = ("chat", "voice", "ear")
HANDS = frozenset({*PORTS, "judge", "critic", "ontology", "space", "key", "records", "acts"})


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: a reason to count by, and the detail to mend it by."""

    row_id: str
    seed_id: str | None
    reason: str
    detail: str
    raw: str | None = None


def rejects_frame(stage: str, rejects: Collection[Reject]) -> pl.DataFrame:
    return REJECTS.frame([{"stage": stage, **asdict(r)} for r in rejects])


@dataclass(frozen=True, slots=True)
class Made:
    """What a stage made of its input: every unit `taken` was `used` (it led to rows) or rejected, exactly once."""

    rows: pl.DataFrame
    taken: int
    rejects: tuple[Reject, ...] = ()

    @property
    def used(self) -> int:
        return self.taken - len(self.rejects)


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    shape: Literal["source", "plan", "map"]
    reads: tuple[str, ...]
    """Tables; the first is the one that a map walks."""
    writes: str
    version: int
    """Raised when the function would make other rows of the same input."""
    function: Callable[..., Made | Awaitable[Made]]
    section: str
    """The config section that its settings stand in."""
    quantities: tuple[str, ...] = ()
    """Settings that say how much and not what: changing them redoes nothing."""
    files: tuple[str, ...] = ()
    """Files of the package (prompts) that shape its output, relative to persona_forge/."""
    may_lack: tuple[str, ...] = ()
    """Tables of which a shard may not be there yet; once it is, what was made without it is made anew."""
    once: bool = False
    """A plan that is made once a run and then stands, whatever comes later; only --redo makes it again."""
    yields: Literal["one", "many"] = "one"
    """Whether a unit of input that a map takes leads to one row or to many."""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(inspect.signature(self.function).parameters)

    @property
    def hands(self) -> tuple[str, ...]:
        return tuple(p for p in self.parameters if p in HANDS)

    @property
    def ports(self) -> tuple[str, ...]:
        """The ports it works through; who judges is a chat."""
        return tuple(p for p in PORTS if p in self.hands or (p == "chat" and "judge" in self.hands))

    @property
    def one_at_a_time(self) -> bool:
        """Whether its shards share an engine, which each of them uses whole."""
        return bool(self.ports)

    @property
    def settings(self) -> tuple[str, ...]:
        return tuple(p for p in self.parameters if p not in HANDS and p not in self.reads and p != "made")


def check(pipeline: tuple[Stage, ...], sections: Mapping[str, Collection[str]]) -> None:
    """Refuses a pipeline that reads what was not written before, or asks for what nobody has.

    `sections` is every config section with its keys. Raises ForgeError naming the stage and what is available.
    """
    written: dict[str, Stage] = {}
    for stage in pipeline:
        there = ", ".join(written) or "nothing yet"
        if stage.name in {s.name for s in written.values()}:
            raise ForgeError(f"two stages are called {stage.name!r}", todo="rename one of them")
        if missing := [t for t in stage.reads if t not in written]:
            raise ForgeError(f"stage {stage.name!r} reads {missing}, which no stage before it writes", allowed=there)
        if stage.writes not in TABLES:
            raise ForgeError(f"stage {stage.name!r} writes unknown table {stage.writes!r}", allowed=", ".join(TABLES))
        if stage.writes in written:
            raise ForgeError(f"stages {written[stage.writes].name!r} and {stage.name!r} both write {stage.writes!r}")
        if unread := [t for t in stage.reads if t not in stage.parameters]:
            raise ForgeError(f"stage {stage.name!r} declares that it reads {unread}, but its function does not take it")
        if unknown := [s for s in stage.settings if s not in sections.get(stage.section, ())]:
            allowed = ", ".join(sorted(sections.get(stage.section, ())))
            raise ForgeError(f"stage {stage.name!r} asks for {unknown}, not keys of [{stage.section}]", allowed=allowed)
        if odd := [q for q in stage.quantities if q not in stage.settings]:
            raise ForgeError(f"stage {stage.name!r} counts {odd} as quantities, which its function does not take",
                             allowed=", ".join(stage.settings))  # fmt: skip
        if stage.shape == "map" and not stage.reads:
            raise ForgeError(f"stage {stage.name!r} is a map and reads no table", todo="say which table it walks")
        if stage.shape == "map":
            _check_walk(stage, written)
        written[stage.writes] = stage


def _check_walk(stage: Stage, written: Mapping[str, Stage]) -> None:
    walked = written[stage.reads[0]]
    if walked.shape != "map" and "shard" not in TABLES[walked.writes].names:
        raise ForgeError(
            f"stage {stage.name!r} walks {walked.writes!r}, a plan without a shard column: it has no shards to walk",
            todo=f"give {walked.writes!r} a shard column, or walk a table that a map writes",
        )
    for other in stage.reads[1:]:
        if written[other].shape == "map" and TABLES[other].key not in TABLES[walked.writes].names:
            raise ForgeError(f"stage {stage.name!r} cannot tell which rows of {other!r} belong to a shard: "
                             f"{walked.writes!r} has no column {TABLES[other].key!r}")  # fmt: skip
