"""Dialogues and pairs as trainers read them: TRL's conversational formats and OpenAI's, in JSON lines or Parquet.

The columns are those that TRL documents under "Dataset formats and types" and OpenAI under fine-tuning, and no others,
since some trainers refuse what they do not know. A file is whole or not there.

What is left out is listed with its reason. Without tags a contrast is left out: there the delivery alone says which
reply is right, and as bare words the two would contradict each other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.errors import Misuse
from persona_forge.core.tables.schema import rows, text
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.ledger import note_export
from persona_forge.dataset.shards import write_whole
from persona_forge.text.literal import untagged

if TYPE_CHECKING:
    from persona_forge.space.ontology import Ontology

Tags = Literal["none", "internal"]
Row = dict[str, Any]
Message = dict[str, str]

SPLITS = ("train", "validation", "test")
LINES, PARQUET = (".jsonl", ".ndjson"), ".parquet"
ROLES = {"partner": "user", "persona": "assistant"}
CONTRAST = "without its delivery nothing says which reply is right"
BROKEN = "its own reply was judged broken"

_messages = rows(role=text, content=text)


@dataclass(slots=True)
class Exported:
    rows: Counter[str] = field(default_factory=Counter)
    """By split."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """The id of a pair or script, and why."""


@dataclass(frozen=True, slots=True)
class Format:
    """`of` names the table; `make` gives the rows of one pair, or of one dialogue."""

    of: Literal["pairs", "scripts"]
    make: Callable[[list[Message], Message, Message], list[Row]] | None
    columns: Mapping[str, pa.DataType]
    parquet: bool = True


def _dpo(prompt: list[Message], chosen: Message, rejected: Message) -> list[Row]:
    return [{"prompt": prompt, "chosen": [chosen], "rejected": [rejected]}]


def _implicit(prompt: list[Message], chosen: Message, rejected: Message) -> list[Row]:
    return [{"chosen": [*prompt, chosen], "rejected": [*prompt, rejected]}]


def _kto(prompt: list[Message], chosen: Message, rejected: Message) -> list[Row]:
    return [{"prompt": prompt, "completion": [m], "label": m is chosen} for m in (chosen, rejected)]


def _openai_dpo(prompt: list[Message], chosen: Message, rejected: Message) -> list[Row]:
    return [{"input": {"messages": prompt}, "preferred_output": [chosen], "non_preferred_output": [rejected]}]


FORMATS = {
    "trl-dpo": Format("pairs", _dpo, dict.fromkeys(("prompt", "chosen", "rejected"), _messages)),
    "trl-dpo-implicit": Format("pairs", _implicit, dict.fromkeys(("chosen", "rejected"), _messages)),
    "trl-kto": Format("pairs", _kto, {"prompt": _messages, "completion": _messages, "label": pa.bool_()}),
    "trl-reward": Format("pairs", _implicit, dict.fromkeys(("chosen", "rejected"), _messages)),
    "sft": Format("scripts", None, {"messages": _messages}),
    "openai": Format("scripts", None, {"messages": _messages}, parquet=False),
    "openai-dpo": Format("pairs", _openai_dpo, {}, parquet=False),
}


def export(
    folder: Folder, to: str, out: Path, *, split: str | None = None, tags: Tags = "none", force: bool = False
) -> Exported:
    """Writes `out`; raises Misuse for a format, split or file that cannot be, and where there is nothing to export."""
    if to not in FORMATS:
        raise Misuse(f"unknown format {to!r}", allowed=", ".join(FORMATS))
    form = FORMATS[to]
    endings = (*LINES, PARQUET) if form.parquet else LINES
    if out.suffix not in endings:
        raise Misuse(f"--out {out}: {to} is not written to such a file", allowed=f"a name that ends in {_or(endings)}")
    if split is not None and split not in SPLITS:
        raise Misuse(f"unknown split {split!r}", allowed=", ".join(SPLITS))
    if out.is_dir() or (out.exists() and not force):
        raise Misuse(f"{out} is there already", todo="choose another --out, or say --force to replace a file")
    folder.read_card()
    made = Exported()
    found = (_dialogues if form.of == "scripts" else _preferences)(folder, form, split, tags, made)
    first = next(found, None)
    if first is None:
        where = f"the split {split}" if split else folder.where
        todo = "it needs dialogues with pressure: persona-forge run --dialogues N, and [dialogues] candidates above 0"
        raise Misuse(f"there is nothing in {where} to export as {to}; left out: {len(made.left_out)}", todo=todo)

    def fill(path: Path) -> None:
        _write(path, _chained(first, found), form if out.suffix == PARQUET else None)
        note_export(folder, to, out, made.rows.total(), [form.of], split)

    write_whole(out, fill)
    return made


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _chained(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _write(path: Path, found: Iterator[Row], parquet: Format | None) -> None:
    if parquet is None:
        with path.open("w", encoding="utf-8", newline="\n") as lines:
            lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        return
    schema = pa.schema(list(parquet.columns.items()))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(found):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _batches(found: Iterator[Row], size: int = 10_000) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in found:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# What is exported -----------------------------------------------------------------------------------------------------


def _preferences(folder: Folder, form: Format, split: str | None, tags: Tags, made: Exported) -> Iterator[Row]:
    assert form.make is not None
    for shard in folder.names("pairs"):
        for pair in folder.scan("pairs", [shard]).collect().iter_rows(named=True):
            if split and pair["split"] != split:
                continue
            if pair["kind"] == "contrast" and tags == "none":
                made.left_out.append((pair["pair_id"], CONTRAST))
                continue
            prompt = [_system(pair["system"]), *(_said(turn, tags) for turn in pair["prompt"])]
            chosen, rejected = (_said({"role": "persona", **pair[side]}, tags) for side in ("chosen", "rejected"))
            for row in form.make(prompt, chosen, rejected):
                made.rows[pair["split"]] += 1
                yield row


def _dialogues(folder: Folder, form: Format, split: str | None, tags: Tags, made: Exported) -> Iterator[Row]:
    """Every dialogue with what is right in it: up to the probe and the chosen reply, or whole where that is its own."""
    from persona_forge.space.ontology import read_ontology

    ontology = read_ontology(folder.ontology.read_text(encoding="utf-8"), str(folder.ontology))
    for shard in folder.names("scripts"):
        scripts = folder.scan("scripts", [shard]).filter(pl.col("split").is_in([split] if split else SPLITS)).collect()
        chosen = _chosen(folder, shard)
        broken = _judged_broken(folder, shard)
        scenes, systems = _scenes(folder, scripts, ontology)
        for script in scripts.iter_rows(named=True):
            better = chosen.get(script["script_id"])
            if tags == "none" and scenes[script["scene_id"]] == "contrast":
                made.left_out.append((script["script_id"], CONTRAST))
                continue
            if better is None and script["script_id"] in broken:
                made.left_out.append((script["script_id"], BROKEN))
                continue
            turns = script["turns"]
            reply_at = None if script["probe_turn"] is None else script["probe_turn"] + 1
            if better and reply_at is not None and better["text"] != turns[reply_at]["text"]:
                turns = [*turns[:reply_at], {"role": "persona", **better}]
            made.rows[script["split"]] += 1
            yield {"messages": [_system(systems[script["scene_id"]]), *(_said(turn, tags) for turn in turns)]}


def _system(words: str) -> Message:
    return {"role": "system", "content": untagged(words)}


def _said(turn: Mapping[str, Any], tags: Tags) -> Message:
    words = turn["text_tagged"] if tags == "internal" else untagged(turn["text"])
    return {"role": ROLES[turn["role"]], "content": words}


def _chosen(folder: Folder, shard: str) -> dict[str, Row]:
    """The chosen reply of each script that has a pair."""
    if shard not in folder.names("pairs"):
        return {}
    return dict(folder.scan("pairs", [shard]).select("script_id", "chosen").collect().iter_rows())


def _judged_broken(folder: Folder, shard: str) -> set[str]:
    """Scripts whose own reply a model or code finds broken: on what is at stake, or in a plain scene on anything."""
    if not {shard} <= set(folder.names("judgements")) & set(folder.names("candidates")):
        return set()
    own = folder.scan("candidates", [shard]).filter(pl.col("wanted") == "keep", pl.col("sample") == 0)
    looks = folder.scan("judgements", [shard]).filter(
        pl.col("verdict") == "broken", pl.col("judged_by").is_in(("model", "code"))
    )
    both = own.select("candidate_id", "script_id", at_stake="assertion").join(looks, on="candidate_id")
    at_stake = pl.col("at_stake").is_null() | (pl.col("at_stake") == pl.col("assertion"))
    return set(both.filter(at_stake).select("script_id").collect()["script_id"])


def _scenes(folder: Folder, scripts: pl.DataFrame, ontology: Ontology) -> tuple[dict[str, str], dict[str, str]]:
    """The kind and the system prompt of each script's scene."""
    from persona_forge.text.systems import systems

    scenes = folder.scan("scenes").filter(pl.col("scene_id").is_in(scripts["scene_id"].implode())).collect()
    seeds = folder.scan("seeds").filter(pl.col("seed_id").is_in(scenes["seed_id"].unique().implode())).collect()
    return dict(scenes.select("scene_id", "kind").iter_rows()), systems(scenes, seeds, ontology)
