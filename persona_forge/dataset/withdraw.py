"""Withdraws seeds from a run: every row that came of them goes, every reply, reject, event and line of the log.

The stages are gone through in order, on a copy made of links (see journal): a shard with such a row is written anew
without it, a shard that nothing is left of goes, and every seal below is sealed again, with the sha256 of its parents,
the digest of the rows it used and the units it accounts for. So nothing has to be made anew, and no id of another row
changes. What names the seed elsewhere goes too: as its family's name, as another's neighbour or near-duplicate.

A tombstone holds a hash of the seed's id. By it the source stage knows the seed when it reads its files again, and
rejects it without a word of it.

Not reached: the seed files themselves, what is beside them, what has left the run (listed), and what an endpoint or a
server of flows keeps by its own rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Reject, rejects_frame
from persona_forge.core.tables import REJECTS, TABLES, Table, personas
from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.journal import begin
from persona_forge.dataset.ledger import (
    TOMBSTONES,
    WITHDRAWN,
    mark,
    record_in,
    whose,
    with_tombstones,
    withdrawn,
    withdrawn_reject,
)
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import digest_of, sha256, write_table, write_text
from persona_forge.dataset.traces import clear_events, clear_log, clear_unsealed

By = Literal["seed", "source", "licence"]
Stage = dict[str, Any]
"""As run.json has it: name, shape, reads, writes."""
Inputs = Callable[[Path, str, str], tuple[dict[str, pl.DataFrame], dict[str, str]]]
"""Of a run in a folder, a stage and a shard: the rows that it uses, and the sha256 of the files they are from."""
Forget = Callable[[Path, Collection[str]], int]
"""Deletes the replies of these seeds from a folder of replies; how many there were."""

SHOWN = 10


def chosen(folder: Folder, by: By, values: Collection[str]) -> dict[str, list[str]]:
    """The seeds to withdraw, each with its records; raises Misuse for a value that no seed has."""
    column = "seed_id" if by == "seed" else by
    rows = folder.scan("seeds").filter(_among(pl.col(column), values)).collect()
    found = {row["seed_id"]: [canonical(row)] for row in rows.iter_rows(named=True)}
    missed = set(values).difference(rows[column])
    for path in folder.rejects_of(["seeds"]):
        for seed_id, raw in pl.read_parquet(path).select("seed_id", "raw").iter_rows():
            said = whose(seed_id, raw) if by == "seed" else record_in(raw).get(by)
            if said in values and (name := whose(seed_id, raw)):
                found.setdefault(name, []).append(raw or "")
                missed.discard(said)
    if not missed:
        return found
    value = min(missed)
    if by == "seed" and mark(value) in withdrawn(folder.root):
        raise Misuse(f"{value!r} was withdrawn before", todo=f"see {folder.root / TOMBSTONES}")
    there = folder.scan("seeds").select(column).unique().sort(column).head(SHOWN).collect()[column].to_list()
    raise Misuse(f"no seed of this run has the {by} {value!r}", allowed=", ".join(there))


@dataclass(slots=True)
class Withdrawal:
    """Seeds to withdraw, by id, with their records; `stage` does it on the copy, and counts."""

    folder: Folder
    seeds: dict[str, list[str]]
    inputs: Inputs
    forget: Forget
    counts: Counter[str] = field(default_factory=Counter)
    """Table → rows; also replies, rejects, and lines of the log."""
    rewritten: list[str] = field(default_factory=list)
    """<table>/<shard>."""
    copy: Folder = field(init=False)
    gone: pl.Expr = field(init=False)

    def stage(self, why: str) -> None:
        """Everything, but for the journal that makes it so."""
        self.copy = Folder(begin(self.folder.root))
        self.gone = pl.col("seed_id").is_in(list(self.seeds))
        self.counts["lines of events"] = clear_events(self.copy.root, self.seeds)
        for stage in self.folder.read_card()["stages"]:
            planned = self._planned(stage) if stage["shape"] == "map" else None
            for seal in self.folder.seals(stage["writes"]):
                self._shard(stage, seal, planned is None or seal.shard in planned)
            sealed = {seal.shard: bool(seal.rejects_sha256) for seal in self.copy.seals(stage["writes"])}
            clear_unsealed(self.copy.root, stage["writes"], stage["name"], sealed)
        for folder in sorted(p for p in self.copy.root.glob("replies/*/*") if p.is_dir()):
            self.counts["replies"] += self.forget(folder, self.seeds.keys())
        self.counts["lines of the log"] = clear_log(self.copy.root, self.seeds)
        (self.copy.root / "certificate.json").unlink(missing_ok=True)
        records = {seed_id: digest("record", *texts) for seed_id, texts in self.seeds.items()}
        write_text(self.copy.root / TOMBSTONES, with_tombstones(self.folder.root, records, why))

    # A shard ----------------------------------------------------------------------------------------------------------

    def _shard(self, stage: Stage, seal: Seal, planned: bool) -> None:
        table, shard = seal.table, seal.shard
        lost = TABLES[table].empty()
        if "seed_id" in TABLES[table].names:
            lost = self._lost(table, [shard]).select(pl.exclude("audio")).collect()
        self.counts[table] += lost.height
        new, cleared, stand_ins = self._rejects(seal)
        if not planned:
            self.copy.unseal(table, shard)
            return
        if (kept := self._kept(seal, lost.height)) is not None:
            size, sha = write_table(self.copy.rows(table, shard), _table(table, kept), kept)
            new = replace(new, rows=kept.height, bytes=size, sha256=sha)
            self.rewritten.append(f"{table}/{shard}")
        new = replace(new, taken=seal.taken - self._units(seal, lost, cleared) + stand_ins)
        new = self._lineage(stage, seal, new)
        if new != seal:
            write_seal(self.copy.seal(table, shard), new)

    def _planned(self, stage: Stage) -> set[str]:
        """The shards that a map still has."""
        walked = stage["reads"][0]
        if "shard" not in TABLES[walked].names:
            return set(self.copy.names(walked))
        return set(self.copy.scan(walked).select("shard").unique().collect()["shard"])

    def _kept(self, seal: Seal, lost: int) -> pl.DataFrame | None:
        """What stays of a shard, with no mention of the seeds; None where it stays as it is."""
        if not lost and seal.table not in ("families", "seeds"):
            return None
        before = pl.read_parquet(self.folder.rows(seal.table, seal.shard), glob=False)
        text = pl.col("seed_id").cast(pl.String)
        after = before.filter(~text.is_in(list(self.seeds)))
        if seal.table == "personas":  # an Enum's words stand in the file, used or not
            after = after.with_columns(text.cast(pl.Enum(after["seed_id"].cast(pl.String).unique(maintain_order=True))))
        if seal.table == "families":
            after = self._families(after)
        if seal.table == "seeds":
            flag = pl.element().struct
            of_twin = (flag["kind"] == "near_duplicate") & _among(flag["evidence"], self.seeds)
            after = after.with_columns(pl.col("flags").list.filter(~of_twin))
        return None if after.equals(before) else after

    def _families(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A family that was called after a seed that goes is called after the first that stays."""
        others = self.folder.scan("families").filter(~self.gone, _among(pl.col("family"), self.seeds))
        names = dict(others.group_by("family").agg(pl.col("seed_id").min()).collect().iter_rows())
        near = _among(pl.col("near"), self.seeds).fill_null(False)
        return rows.with_columns(
            pl.col("family").replace(names),
            near=pl.when(~near).then("near"),
            similarity=pl.when(near).then(0.0).otherwise("similarity"),
        )

    def _rejects(self, seal: Seal) -> tuple[Seal, int, int]:
        """The seal with its rejects as they are to be; how many went, and how many came in their place."""
        before = _rejected(self.folder, seal)
        owners = (whose(*row) for row in before.select("seed_id", "raw").iter_rows())
        theirs = pl.Series([owner in self.seeds for owner in owners], dtype=pl.Boolean)
        kept = before.filter(~theirs).with_columns(self._unnamed(pl.col("detail")))
        stand_ins = list(self._stand_ins(seal)) if seal.table == "seeds" else []
        kept = pl.concat([kept, rejects_frame(seal.stage, stand_ins)])
        last = pl.col("reason") == WITHDRAWN
        kept = pl.concat([kept.filter(~last), kept.filter(last).sort("row_id")])  # as the source stage has them
        cleared = int(theirs.sum())
        self.counts["rejects"] += cleared
        if kept.equals(before):
            return seal, 0, 0
        mine, sha = self.copy.rejects(seal.stage, seal.shard), None
        if kept.height:
            _, sha = write_table(mine, REJECTS, kept)
        else:
            mine.unlink()
        return replace(seal, rejected=kept.height, rejects_sha256=sha), cleared, len(stand_ins)

    def _stand_ins(self, seal: Seal) -> Iterator[Reject]:
        """One for each record of a seed, row or reject, in this part of the source; numbered through all parts."""
        for seed_id in self.seeds:
            here, before = (
                sum(self._records(seed_id, other) for other in self.folder.seals("seeds") if which(other.shard))
                for which in (seal.shard.__eq__, seal.shard.__gt__)
            )
            yield from (withdrawn_reject(seed_id, before + n) for n in range(here))

    def _records(self, seed_id: str, seal: Seal) -> int:
        rows = self.folder.scan("seeds", [seal.shard]).filter(pl.col("seed_id") == seed_id).collect().height
        rejects = _rejected(self.folder, seal).select("seed_id", "raw").iter_rows()
        return rows + sum(whose(*row) == seed_id for row in rejects)

    def _unnamed(self, text: pl.Expr) -> pl.Expr:
        """Without the names of the seeds, as curate and families spell them."""
        spelt = {f"like {s} (": "like a withdrawn seed (" for s in self.seeds}
        spelt |= {repr(s): "withdrawn" for s in self.seeds}
        return text.str.replace_many(list(spelt), list(spelt.values()))

    # A seal -----------------------------------------------------------------------------------------------------------

    def _units(self, seal: Seal, lost: pl.DataFrame, cleared: int) -> int:
        """Units of input of these seeds that a shard accounted for."""
        match seal.table:
            case "quotas":
                return lost.filter(pl.col("first") == 0).height + cleared
            case "weights" | "cover" if seal.taken:
                parts = [p.partition("/")[2] for p in seal.asked["input"] if p.startswith("quotas/")]
                return self._lost("quotas", parts).collect()["seed_id"].n_unique()
            case "personas":
                home = seal.shard.partition("-")[0]
                return self._lost("quotas", [home]).filter(pl.col("shard") == seal.shard).collect().height
            case "judgements":
                return self._lost("candidates", [seal.shard]).collect().height
            case "scenes":
                before = [n for n in self.folder.names("scenes") if n < seal.shard]
                return len({*lost["persona_id"]} - {*self._lost("scenes", before).collect()["persona_id"]})
            case "casting":
                return lost["scene_id"].n_unique()
        return lost.height + cleared

    def _lost(self, table: str, shards: list[str]) -> pl.LazyFrame:
        return self.folder.scan(table, shards).filter(self.gone)

    def _lineage(self, stage: Stage, old: Seal, new: Seal) -> Seal:
        """The seal with what stands above it as it is now; what was out of date before stays so."""
        if stage["shape"] == "source":
            if old.sha256 == new.sha256 and old.rejects_sha256 == new.rejects_sha256 and old.table != "events":
                return new
            rows = self.copy.scan(new.table, [new.shard]).collect()
            rejects = _rejected(self.copy, new)
            asked = {"files": self._files(new.asked["files"])} if new.table == "events" else new.asked
            return replace(new, used=digest_of({"seeds": rows, "rejects": rejects}), asked=asked)
        if stage["shape"] == "plan":
            parents = self._now(old.parents)
            asked = {**old.asked, "input": self._now(old.asked["input"])}
            return replace(new, parents=parents, used=digest(canonical(parents)), asked=asked)
        if self._now(old.parents) == old.parents or any(self.folder.sha256_of(p) != s for p, s in old.parents.items()):
            return new
        rows_used, parents = self.inputs(self.copy.root, stage["name"], new.shard)
        return replace(new, used=digest_of(rows_used), parents=parents)

    def _files(self, files: list[list[str]]) -> list[list[str]]:
        """The annotators' files with their sha256, as `_now`."""
        was, now = ({p.name: sha256(p) for p in f.root.glob("events/*.jsonl")} for f in (self.folder, self.copy))
        return [[name, now[name] if was[name] == sha else sha] for name, sha in files if name in now]

    def _now(self, files: dict[str, str]) -> dict[str, str]:
        """The sha256 of these files as they are now, where the one given was theirs; without those that went."""
        pairs = ((f, old, self.folder.sha256_of(f), self.copy.sha256_of(f)) for f, old in files.items())
        return {f: new if old == was and new else old for f, old, was, new in pairs if new or old != was}


def _rejected(folder: Folder, seal: Seal) -> pl.DataFrame:
    path = folder.rejects(seal.stage, seal.shard)
    return pl.read_parquet(path, glob=False) if seal.rejects_sha256 else rejects_frame(seal.stage, ())


def _among(column: pl.Expr, values: Collection[str]) -> pl.Expr:
    return column.is_in(list(values))


def _table(name: str, frame: pl.DataFrame) -> Table:
    if name != "personas":
        return TABLES[name]
    fixed = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}
    return personas({column: () for column in frame.columns if column not in fixed})
