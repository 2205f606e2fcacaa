"""How far a run is, what it cost, how fast it goes; and whether seeds can be used, without a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from persona_forge.beside import beside
from persona_forge.core.errors import Uninstalled
from persona_forge.core.stage import Reject
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import Step, funnel

if TYPE_CHECKING:
    from persona_forge.dataset.certificate import Certificate
    from persona_forge.space.model import Ontology


@dataclass(frozen=True, slots=True)
class Status:
    steps: list[Step]
    engines: dict[str, Any]
    prompt_tokens: int
    completion_tokens: int
    cost: float
    seconds: dict[str, float]
    """Stage → mean seconds a shard, by the log."""

    @property
    def seconds_left(self) -> float:
        """Of the shards that are planned so far."""
        return sum((s.shards_planned - s.shards) * self.seconds.get(s.stage, 0.0) for s in self.steps)

    @property
    def done(self) -> bool:
        return all(s.shards == s.shards_planned for s in self.steps)

    def as_json(self) -> dict[str, Any]:
        rest = {k: v for k, v in asdict(self).items() if k != "steps"}
        left = round(self.seconds_left, 1)
        return {"done": self.done, "seconds_left": left, "funnel": [s.as_json() for s in self.steps], **rest}

    def lines(self) -> list[str]:
        engines = ", ".join(f"{port}: {c['engine']} ({c['model']})" for port, c in self.engines.items()) or "none yet"
        rate = ", ".join(f"{stage} {s:.1f} s" for stage, s in self.seconds.items() if s >= 0.05) or "no shard done yet"
        lines = [
            f"engines        {engines}",
            f"tokens, cost   {self.prompt_tokens:,} in, {self.completion_tokens:,} out, {self.cost:g}",
            f"a shard takes  {rate}",
        ]
        if self.done:
            return [*lines, "left to do     nothing"]
        open_shards = ", ".join(
            f"{s.stage} {s.shards}/{s.shards_planned}" for s in self.steps if s.shards < s.shards_planned
        )
        return [*lines, f"left to do     {open_shards}: about {self.seconds_left:,.0f} s, as far as it is planned"]


def status(folder: Folder) -> Status:
    from persona_forge.hands import spent

    folder.sync(folder.root / "replies")
    usage = spent(folder.root / "replies")
    return Status(funnel(folder), folder.read_card()["engines"], usage.prompt_tokens, usage.completion_tokens,
                  usage.cost, _seconds(folder.root / "log.jsonl"))  # fmt: skip


def _seconds(path: Path) -> dict[str, float]:
    times: dict[str, list[float]] = {}
    if path.exists():
        with path.open(encoding="utf-8") as f:
            for line in f:
                try:
                    entry = json.loads(line)
                except ValueError:  # a torn last line
                    continue
                if "seconds" in entry:
                    times.setdefault(entry["stage"], []).append(entry["seconds"])
    return {stage: sum(t) / len(t) for stage, t in times.items()}


@dataclass(frozen=True, slots=True)
class Checked:
    """Files of seeds as a run would read them, under the bundled ontology."""

    seeds: pl.DataFrame
    """Those that can be used."""
    rejects: tuple[Reject, ...]
    flags: tuple[tuple[str, str, str, str], ...]
    """Of these seeds: the record's place, and the flag's kind, evidence and detail."""
    ontology: Ontology


def look_over(paths: Sequence[Path]) -> Checked:
    from persona_forge.core.tables import SEEDS
    from persona_forge.personas.config import SeedsConfig
    from persona_forge.personas.curate import curated
    from persona_forge.personas.evidence import contradictions
    from persona_forge.personas.readers import read, seed_files
    from persona_forge.space.compile import compile_space
    from persona_forge.space.ontology import read_ontology

    path = beside("seeds", "traits.toml")
    space = compile_space(read_ontology(path.read_text(encoding="utf-8"), path.name))
    found = [(r.where, x) for r, x in curated(read(seed_files(paths)), space.ontology, SeedsConfig().hold)]
    rows = [(where, x) for where, x in found if not isinstance(x, Reject)]
    seeds = SEEDS.frame([row for _, row in rows])
    dead = tuple(contradictions(space, seeds))
    return Checked(
        seeds.filter(~pl.col("seed_id").is_in([r.seed_id for r in dead])),
        (*(x for _, x in found if isinstance(x, Reject)), *dead),
        tuple((where, f["kind"], f["evidence"], f["detail"]) for where, row in rows for f in row["flags"]),
        space.ontology,
    )


def certificate(folder: Folder, t: int) -> Certificate:
    """The run's certificate against its own targets, written beside run.json; Uninstalled where an extra is missing."""
    if missing := [m for m in ("numpy", "pysat") if find_spec(m) is None]:
        raise Uninstalled(f"the certificate needs {' and '.join(missing)}", todo="pip install 'persona-forge[forge]'")
    from persona_forge.config import make_config
    from persona_forge.dataset.certificate import write_certificate
    from persona_forge.space.targets import Target

    config = make_config(folder.read_card()["config"], where=str(folder.card))
    targets = [Target.of(x.of, x.combinations(), x.language) for x in config.personas.targets]
    return write_certificate(folder, t, targets)
