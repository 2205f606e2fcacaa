"""The funnel: for each stage what went in, and that all of it was used, not chosen, or rejected.

Everything is read from the seals and, for what waits to be done, from the plans. The run's own card says which stages
there are, so that no code of theirs is needed to ask how far it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from persona_forge.core.tables import TABLES
from persona_forge.dataset.folder import Folder

PROBED = pl.col("probe_turn").is_not_null()


@dataclass(frozen=True, slots=True)
class Step:
    stage: str
    table: str
    came_in: int
    """Units of input there are: records, rows or lines."""
    unit: str
    used: int
    not_chosen: int
    """By a plan, whose task is to choose."""
    rejected: int
    waiting: int
    """Of a map, or of a plan that was not made yet: still to do."""
    rows: int
    shards: int
    shards_planned: int

    @property
    def begun(self) -> bool:
        return self.shards > 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def funnel(folder: Folder) -> list[Step]:
    """One step a stage, in the order of the pipeline."""
    return [_step(folder, stage) for stage in folder.read_card()["stages"]]


def _step(folder: Folder, stage: dict[str, Any]) -> Step:
    seals = folder.seals(stage["writes"])
    taken, rejected = sum(s.taken for s in seals), sum(s.rejected for s in seals)
    came_in, unit = (taken, "records") if stage["shape"] == "source" else _population(folder, stage, taken)
    planned = _planned(folder, stage["reads"][0]) if stage["shape"] == "map" else max(1, len(seals))
    left = came_in - taken
    chooses = stage["shape"] == "plan" and bool(seals)
    return Step(stage["name"], stage["writes"], came_in, unit, taken - rejected, left if chooses else 0, rejected,
                0 if chooses else left, sum(s.rows for s in seals), len(seals), planned)  # fmt: skip


def _population(folder: Folder, stage: dict[str, Any], taken: int) -> tuple[int, str]:
    first = stage["reads"][0]
    if stage["writes"] == "pairs":
        return folder.scan("scripts").filter(PROBED).select(pl.len()).collect().item(), "probes"
    if stage["writes"] == "candidates":  # a probe is asked on until there is a pair: here, of its own reply and another
        waiting = [shard for shard in folder.names("scripts") if shard not in {*folder.names("candidates")}]
        another = PROBED & (folder.read_card()["config"]["dialogues"]["candidates"] > 0)
        own = folder.scan("scripts", waiting).select(pl.len() + another.sum())
        return taken + int(own.collect().item() or 0), "replies"
    if stage["writes"] == "baselines":  # how many sentences a voice needs, speech/ knows
        return taken, "sentences"
    if stage["writes"] == "clips":  # what else is said in a dialogue is known once it is spoken
        spoken = pl.col("shard").is_in(folder.names("clips"))
        scenes = folder.scan("casting").filter(~spoken).select("scene_id").unique().collect()["scene_id"]
        scripts = folder.scan("scripts").filter(pl.col("scene_id").is_in(scenes.implode()))
        return taken + int(scripts.select(pl.col("turns").list.len().sum()).collect().item() or 0), "lines"
    return sum(s.rows for s in folder.seals(first)), first


def _planned(folder: Folder, walked: str) -> int:
    if "shard" not in TABLES[walked].names:
        return len(folder.names(walked))
    return int(folder.scan(walked).select(pl.col("shard").n_unique()).collect().item())
