"""Sources and plans: tables that grow in parts, and the parts that no change has touched stay as they are.

A plan is asked again whenever the quantities or its input differ from what it last saw; it returns only the rows that
are missing, and they become the next part. A part whose own input files have changed is made again in its place, from
the same files and quantities as before. A source is read again when its files have changed: its records go to the
parts that have them already, and new ones to a new part; a seed that is gone from its file stays. What annotators did
on this run (`events/` in its folder) is a source of one part. A seed that was withdrawn is rejected, by its tombstone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import polars as pl

from persona_forge.beside import beside
from persona_forge.core.errors import ConfigError, Corrupt, RunMismatch, SeedsError
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made, Reject, Stage, rejects_frame
from persona_forge.dataset.events import EventLog
from persona_forge.dataset.ledger import mark, whose, withdrawn, withdrawn_reject
from persona_forge.dataset.seals import Seal
from persona_forge.dataset.shards import digest_of, sha256, write_text
from persona_forge.personas.curate import curated
from persona_forge.personas.readers import read, seed_files

if TYPE_CHECKING:
    from persona_forge.run import Run

__all__ = ["read_text", "refuse_source", "update", "write_text"]


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", todo="check the path and its encoding (UTF-8)") from error


def update(run: Run, stage: Stage) -> None:
    """Brings the parts of a source or plan up to date with its input and quantities."""
    if stage.shape == "plan":
        _update_plan(run, stage)
    elif "acts" in stage.hands:
        _update_acts(run, stage)
    else:
        _update_source(run, stage)


def _part(number: int) -> str:
    return f"g{number:03d}"


# Plans ----------------------------------------------------------------------------------------------------------------


def _update_plan(run: Run, stage: Stage) -> None:
    seals = run.folder.seals(stage.writes)
    if stage.once and seals:
        if run.folder.whole(seals[0]):
            return
        run.folder.unseal(stage.writes, seals.pop().shard)
    for number, seal in enumerate(seals):
        changed = any(run.folder.sha256_of(parent) != sha for parent, sha in seal.parents.items())
        if changed or not run.folder.whole(seal):
            seals[number] = _make_part(run, stage, number, list(seal.parents), seal.step, seal.asked)
    parents = [f"{table}/{name}" for table in stage.reads for name in run.folder.names(table)]
    step = {k: v for k, v in run.settings(stage).items() if k in stage.quantities}
    asked = {"quantities": step, "input": {p: run.folder.sha256_of(p) for p in parents}}
    if seals and seals[-1].asked == asked:
        return
    began = perf_counter()
    made = _call(run, stage, len(seals), parents, step)
    if not seals or made.rows.height or made.rejects:
        _seal_part(run, stage, len(seals), made, began, parents, step, asked)
    else:
        run.folder.put(replace(seals[-1], asked=asked))


def _make_part(
    run: Run, stage: Stage, number: int, parents: list[str], step: dict[str, Any], asked: dict[str, Any]
) -> Seal:
    parents = [p for p in parents if run.folder.sha256_of(p)]
    began = perf_counter()
    return _seal_part(run, stage, number, _call(run, stage, number, parents, step), began, parents, step, asked)


def _call(run: Run, stage: Stage, number: int, parents: list[str], step: dict[str, Any]) -> Made:
    """The rows of part `number`, given those of the parts before it."""
    names: dict[str, list[str]] = {table: [] for table in stage.reads}
    for parent in parents:
        table, _, shard = parent.partition("/")
        names[table].append(shard)
    inputs: dict[str, Any] = {table: run.folder.scan(table, shards) for table, shards in names.items()}
    earlier = [_part(n) for n in range(number)]
    inputs["made"] = run.folder.scan(stage.writes, earlier).collect()
    made = run.call(stage, {**inputs, **step}, _part(number))
    known = _rejected(run, stage, earlier)
    fresh = tuple(r for r in made.rejects if r.row_id not in known)
    rows = made.rows
    if "shard" in rows.columns:
        rows = rows.with_columns(pl.concat_str(pl.lit(f"{_part(number)}-"), "shard").alias("shard"))
    return Made(rows, made.taken - (len(made.rejects) - len(fresh)), fresh)


def _rejected(run: Run, stage: Stage, parts: list[str]) -> set[str]:
    paths = [p for p in (run.folder.rejects(stage.name, part) for part in parts) if p.exists()]
    return set(pl.read_parquet(paths, columns=["row_id"])["row_id"]) if paths else set()


def _seal_part(
    run: Run, stage: Stage, number: int, made: Made, began: float,
    parents: list[str], step: dict[str, Any], asked: dict[str, Any],
) -> Seal:  # fmt: skip
    files = {} if stage.once else {p: run.folder.sha256_of(p) or "" for p in parents}
    used = digest(canonical(files))
    return run.seal(stage, _part(number), made, began, used=used, parents=files, asked=asked, step=step)


# Sources --------------------------------------------------------------------------------------------------------------


def refuse_source(run: Run, stages: tuple[Stage, ...], again: tuple[Stage, ...]) -> None:
    """Raises SeedsError for files that hold no seed, and RunMismatch for those of another run."""
    for stage in stages:
        if "records" not in stage.hands:
            continue
        asked, files = _asked(run)
        seals = run.folder.seals(stage.writes) if stage not in again else []
        if _up_to_date(run, seals, asked):
            continue
        now = _read(run, stage, asked, files)
        where = ", ".join(str(p) for p in _paths(run))
        if not now.taken:
            raise SeedsError(f"no seeds in {where}", todo="write some, or name another file with --seeds")
        if not now.rows.height:
            raise SeedsError(f"none of the {now.taken} records can be used; the first: {now.rejects[0].detail}",
                             todo="mend the file; `persona-forge seeds check PATH` names every bad row")  # fmt: skip
        known = run.folder.scan(stage.writes).select("seed_id").collect()["seed_id"] if seals else now.rows["seed_id"]
        if not now.rows["seed_id"].is_in(known.implode()).any():
            raise RunMismatch(
                f"{run.folder.where} is another run: none of its {len(known)} seeds is in {where}",
                allowed="the seeds it was begun with, changed, fewer or more",
                todo=f"choose another --out, or begin this run again with --redo {stage.name}",
            )


def _update_source(run: Run, stage: Stage) -> None:
    asked, files = _asked(run)
    seals = run.folder.seals(stage.writes)
    if _up_to_date(run, seals, asked):
        return
    began = perf_counter()
    left = _read(run, stage, asked, files)
    parts = []
    for seal in seals:
        there = _readable(run, seal)
        part, left = _claim(left, set(there["seed_id"]), _rejected(run, stage, [seal.shard]))
        kept = there.filter(~pl.col("seed_id").is_in(part.rows["seed_id"].implode()))
        parts.append((seal, there, Made(pl.concat([part.rows, kept]), part.taken + kept.height, part.rejects)))
    if left.taken:  # first, so that after a kill the parts before it show that they were not looked at
        _seal_records(run, stage, _part(len(seals)), left, began, asked)
    for seal, there, made in parts:
        same = made.rows.sort("seed_id").equals(there) and _rejects(run, stage, seal).equals(
            rejects_frame(stage.name, made.rejects)
        )
        if same and run.folder.whole(seal):
            run.folder.put(replace(seal, asked=asked))
        else:
            _seal_records(run, stage, seal.shard, made, began, asked)


def _update_acts(run: Run, stage: Stage) -> None:
    """One part, made anew whenever an annotator has done something since."""
    folder = run.folder.root / "events"
    run.folder.sync(folder)
    files = sorted(folder.glob("*.jsonl"))
    asked = {"files": [[p.name, sha256(p)] for p in files]}
    if not _up_to_date(run, run.folder.seals(stage.writes), asked):
        began = perf_counter()
        acts = [
            event for app in sorted({p.name.partition(".")[0] for p in files}) for event in EventLog(folder, app).news()
        ]
        _seal_records(run, stage, _part(0), run.call(stage, {"acts": acts}, _part(0)), began, asked)


def _paths(run: Run) -> list[Path]:
    return [Path(p) for p in run.config.seeds.paths] or [beside("seeds", "en"), beside("seeds", "zh")]


def _asked(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """The state of the seed files, and the files."""
    files = seed_files(_paths(run))
    try:
        return {"files": [[f"{p.parent.name}/{p.name}", sha256(p)] for p in files]}, files
    except OSError as error:
        raise SeedsError(f"the seed file {error.filename} cannot be read: {error.strerror}") from error


def _up_to_date(run: Run, seals: list[Seal], asked: dict[str, Any]) -> bool:
    return bool(seals) and all(seal.asked == asked and run.folder.whole(seal) for seal in seals)


def _read(run: Run, stage: Stage, asked: dict[str, Any], files: list[Path]) -> Made:
    """The records of the files in this state; read once. For one of a withdrawn seed stands a reject without words."""
    gone = withdrawn(run.folder.root)
    state = {**asked, "withdrawn": sorted(gone)}
    if run.records is None or run.records[0] != state:
        theirs = _withdrawn(run, files, gone) if gone else {}
        records = (record for n, record in enumerate(read(files)) if n not in theirs)
        made = run.call(stage, {"records": records}, "all")
        stand_ins = sorted(theirs.values(), key=lambda r: r.row_id)
        run.records = state, Made(made.rows, made.taken + len(theirs), (*made.rejects, *stand_ins))
    return run.records[1]


def _withdrawn(run: Run, files: list[Path], gone: Collection[str]) -> dict[int, Reject]:
    """The records of withdrawn seeds by their number, each with what stands for it.

    They are left out before the others are curated: else those would be held for being like them.
    """
    found: dict[int, Reject] = {}
    of: Counter[str] = Counter()
    for n, (_, seed) in enumerate(curated(read(files), run.hands.ontology, run.config.seeds.hold)):
        name = whose(seed.seed_id, seed.raw) if isinstance(seed, Reject) else seed["seed_id"]
        if name and mark(name) in gone:
            found[n] = withdrawn_reject(name, of[name])
            of[name] += 1
    return found


def _readable(run: Run, seal: Seal) -> pl.DataFrame:
    try:
        return run.folder.scan(seal.table, [seal.shard]).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Corrupt(f"{seal.table}/{seal.shard} cannot be read: {error}",
                      todo=f"restore the file, or begin the run again with --redo {seal.stage}") from error  # fmt: skip


def _rejects(run: Run, stage: Stage, seal: Seal) -> pl.DataFrame:
    path = run.folder.rejects(stage.name, seal.shard)
    return pl.read_parquet(path, glob=False) if seal.rejects_sha256 and path.exists() else rejects_frame(stage.name, ())


def _claim(made: Made, seed_ids: set[str], reject_ids: set[str]) -> tuple[Made, Made]:
    """The rows and rejects that a part has already, and the rest."""
    ours = pl.col("seed_id").is_in(list(seed_ids))
    mine = tuple(r for r in made.rejects if r.row_id in reject_ids)
    others = tuple(r for r in made.rejects if r.row_id not in reject_ids)
    here, rest = made.rows.filter(ours), made.rows.filter(~ours)
    return Made(here, here.height + len(mine), mine), Made(rest, rest.height + len(others), others)


def _seal_records(run: Run, stage: Stage, shard: str, made: Made, began: float, asked: dict[str, Any]) -> None:
    made = Made(made.rows.sort("seed_id"), made.taken, made.rejects)
    used = digest_of({"seeds": made.rows, "rejects": rejects_frame(stage.name, made.rejects)})
    run.seal(stage, shard, made, began, used=used, parents={}, asked=asked)
