"""Shares the rows asked for among the seeds: evenly, and no seed is asked for more than it has.

A level is found such that the sum of min(vectors of a seed, level) is what was asked for; the odd rows go to seeds in
an order of their own. What a seed was allotted before stays, so that growing adds rows and rewrites none. A seed that
no family took in has no rows, and the split is its family's.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from persona_forge.core.ids import key64
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import QUOTAS
from persona_forge.personas.evidence import given
from persona_forge.space.compile import Space


def allot(
    made: pl.DataFrame,
    seeds: pl.LazyFrame,
    families: pl.LazyFrame,
    *,
    space: Space,
    key: str,
    rows: int,
    rows_per_shard: int,
) -> Made:
    """Quotas for what the seeds still lack; a seed whose pins contradict each other is rejected with the reason."""
    columns = (
        seeds.select("seed_id", "language", "pins", "withheld", "review")
        .join(families.select("seed_id", "split"), on="seed_id", maintain_order="left")
        .collect()
    )
    split = dict(columns.select("seed_id", "split").iter_rows())
    done = {seed_id: int(stop) for seed_id, stop in made.group_by("seed_id").agg(pl.col("stop").max()).iter_rows()}
    rejects: list[Reject] = []
    vectors: dict[str, int] = {}
    language: dict[str, str] = {}
    for seed in columns.iter_rows(named=True):
        seed_id = seed["seed_id"]
        if seed["review"] == "rejected":
            rejects.append(Reject(seed_id, seed_id, "review", "an annotator rejected this seed"))
            continue
        law = given(space, seed)
        if isinstance(law, Reject):
            rejects.append(law)
            continue
        vectors[seed_id], language[seed_id] = law.room(rows), seed["language"]
    order = sorted(vectors, key=lambda s: key64(key, "allot", s))
    fair = share(rows, {s: vectors[s] for s in order})
    shard, room, out = 0, rows_per_shard, []
    for seed_id in order:
        first, stop = done.get(seed_id, 0), max(fair[seed_id], done.get(seed_id, 0))
        if stop == first:
            continue
        if room < stop - first and room < rows_per_shard:
            shard, room = shard + 1, rows_per_shard
        room -= stop - first
        out.append({"seed_id": seed_id, "language": language[seed_id], "split": split[seed_id],
                    "first": first, "stop": stop, "shard": f"{shard:04d}"})  # fmt: skip
    fresh = {row["seed_id"] for row in out} - set(done)
    return Made(QUOTAS.frame(out), taken=len(fresh) + len(rejects), rejects=tuple(rejects))


def share(rows: int, vectors: Mapping[str, int]) -> dict[str, int]:
    """min(vectors, level) for each seed, so that the sum is `rows` (or all there are); odd rows in the given order."""
    quota = dict.fromkeys(vectors, 0)
    left, open_seeds = rows, list(vectors)
    while left and open_seeds:
        level, odd = divmod(left, len(open_seeds))
        full = [s for s in open_seeds if vectors[s] - quota[s] <= level]
        if not full:
            for n, seed_id in enumerate(open_seeds):
                quota[seed_id] += level + (n < odd)
            break
        for seed_id in full:
            left -= vectors[seed_id] - quota[seed_id]
            quota[seed_id] = vectors[seed_id]
        open_seeds = [s for s in open_seeds if quota[s] < vectors[s]]
    return quota
