"""Sources and plans: tables that grow in parts, and the parts that no change has touched stay as they are.

A plan is asked again whenever the quantities or its input differ from what it last saw; it returns only the rows that
are missing, and they become the next part. A part whose own input files have changed is made again in its place, from
the same files and quantities as before. A source is read again when its files have changed: its records go to the
parts that have them already, and new ones to a new part.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from persona_forge.beside import beside
from persona_forge.core.errors import ConfigError, SeedsError
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made, Stage
from persona_forge.core.tables import TABLES
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import write_text
from persona_forge.personas.readers import read, seed_files

if TYPE_CHECKING:
    from persona_forge.run import Run

__all__ = ["read_text", "update", "write_text"]


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", todo="check the path and its encoding (UTF-8)") from error


def update(run: Run, stage: Stage) -> None:
    """Brings the parts of a source or plan up to date with its input and quantities."""
    if stage.shape == "source":
        _update_source(run, stage)
    else:
        _update_plan(run, stage)


def _part(number: int) -> str:
    return f"g{number:03d}"


# Plans ----------------------------------------------------------------------------------------------------------------


def _update_plan(run: Run, stage: Stage) -> None:
    seals = run.folder.seals(stage.writes)
    for number, seal in enumerate(seals):
        if any(run.folder.sha256_of(parent) != sha for parent, sha in seal.parents.items()):
            seals[number] = _make_part(run, stage, number, list(seal.parents), seal.step, seal.asked)
    parents = [f"{table}/{name}" for table in stage.reads for name in run.folder.names(table)]
    step = {k: v for k, v in run.settings(stage).items() if k in stage.quantities}
    asked = {"quantities": step, "input": {p: run.folder.sha256_of(p) for p in parents}}
    if seals and seals[-1].asked == asked:
        return
    made = _call(run, stage, len(seals), parents, step)
    if not seals or made.rows.height or made.rejects:
        _seal_part(run, stage, len(seals), made, parents, step, asked)
    else:
        write_seal(run.folder.seal(stage.writes, seals[-1].shard), replace(seals[-1], asked=asked))


def _make_part(
    run: Run, stage: Stage, number: int, parents: list[str], step: dict[str, Any], asked: dict[str, Any]
) -> Seal:
    parents = [p for p in parents if run.folder.sha256_of(p)]
    return _seal_part(run, stage, number, _call(run, stage, number, parents, step), parents, step, asked)


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
    run: Run, stage: Stage, number: int, made: Made, parents: list[str], step: dict[str, Any], asked: dict[str, Any]
) -> Seal:
    files = {p: run.folder.sha256_of(p) or "" for p in parents}
    return run.seal(stage, _part(number), made, used=digest(canonical(files)), parents=files, asked=asked, step=step)


# Sources --------------------------------------------------------------------------------------------------------------


def _update_source(run: Run, stage: Stage) -> None:
    paths = [Path(p) for p in run.config.seeds.paths] or [beside("seeds", "en"), beside("seeds", "zh")]
    files = seed_files(paths)
    asked = {"files": {f"{p.parent.name}/{p.name}": _sha256(p) for p in files}}
    seals = run.folder.seals(stage.writes)
    if seals and seals[-1].asked == asked:
        return
    now = run.call(stage, {"records": read(files)}, "all")
    if not now.taken:
        raise SeedsError(
            f"no seeds in {', '.join(str(p) for p in paths)}", todo="write some, or name another file with --seeds"
        )
    if not now.rows.height:
        first = now.rejects[0]
        raise SeedsError(f"none of the {now.taken} records can be used; the first: {first.detail}",
                         todo="mend the file; `persona-forge seeds check PATH` names every bad row")  # fmt: skip
    left = now
    for number, seal in enumerate(seals):
        ids = set(run.folder.scan(stage.writes, [seal.shard]).select("seed_id").collect()["seed_id"])
        part, left = _claim(left, ids, _rejected(run, stage, [seal.shard]))
        kept = (
            run.folder.scan(stage.writes, [seal.shard])
            .filter(~pl.col("seed_id").is_in(part.rows["seed_id"].implode()))
            .collect()
        )
        part = Made(
            pl.concat([part.rows, kept]), part.taken + kept.height, part.rejects
        )  # a seed gone from its file stays
        _seal_records(run, stage, number, part, asked)
    if left.taken:
        _seal_records(run, stage, len(seals), left, asked)


def _claim(made: Made, seed_ids: set[str], reject_ids: set[str]) -> tuple[Made, Made]:
    """The rows and rejects that a part has already, and the rest."""
    ours = made.rows.filter(pl.col("seed_id").is_in(list(seed_ids)))
    rest = made.rows.filter(~pl.col("seed_id").is_in(list(seed_ids)))
    mine = tuple(r for r in made.rejects if r.row_id in reject_ids)
    others = tuple(r for r in made.rejects if r.row_id not in reject_ids)
    return Made(ours, ours.height + len(mine), mine), Made(rest, rest.height + len(others), others)


def _seal_records(run: Run, stage: Stage, number: int, made: Made, asked: dict[str, Any]) -> None:
    made = Made(made.rows.sort("seed_id"), made.taken, made.rejects)
    if not made.rows.height:
        made = Made(TABLES[stage.writes].empty(), made.taken, made.rejects)
    run.seal(stage, _part(number), made, used=digest(canonical(asked)), parents={}, asked=asked)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as error:
        raise SeedsError(f"the seed file {path} cannot be read: {error.strerror}") from error
