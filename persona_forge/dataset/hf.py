"""A run in the repository layout of the Hugging Face Hub, as `datasets.load_dataset(folder, config)` reads it.

data/<config>/<split>-00000-of-0000N.parquet and a README.md whose head lists configs, splits, licences and languages.
Configs: utterances (audio, with the feature metadata by which it is decoded), dialogues (each with its scene and the
persona's system prompt), pairs, and as many personas as are asked for. A file holds at most 500 MB, a row group at most
100 MB, and no dialogue lies in two files. Layout and head as the Hub documents them under "Repository structure" and
"Dataset cards".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from persona_forge.core.errors import Misuse
from persona_forge.dataset.exports import Exported
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.ledger import note_export
from persona_forge.dataset.parcels import FILE_BYTES, packed, plain, splits_of, spoken, whole_folder
from persona_forge.dataset.people import chosen, ontology_of

GROUP_BYTES = 64 * 2**20
RATE = 24_000
OF_SCENE = ("kind", "domain", "relationship", "tone", "attack", "exit", "probe", "depth", "partner", "probe_id",
            "twin_id", "contrast_id", "writing", "code_switched", "traits")  # fmt: skip
"""What a dialogue's row takes from its scene."""
ON_THE_HUB = {"Apache-2.0", "MIT", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0"}
"""Licences that the Hub knows, by their names in lower case; any other, or several, is `other`."""
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
         (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip
TASKS = {"utterances": ("text-to-speech", "automatic-speech-recognition", "audio-classification")}
"""Of the Hub's list; all else is text-generation."""
TAGS = ("synthetic", "persona", "role-play", "paralinguistics", "preference", "speech")

TABLE_OF = {"utterances": "clips", "dialogues": "scripts", "pairs": "pairs", "personas": "personas"}

Parts = Iterable[pa.Table]


def export_hf(
    folder: Folder, out: Path, *, rows: int = 0, split: str | None = None, body: str = "", most: int = FILE_BYTES
) -> Exported:
    """Writes the folder `out`, with `rows` personas and with `body` below the README's head.

    Counts rows by "config/split". Raises Misuse where there is nothing, or where something stands at `out` already.
    """
    folder.read_card()
    made = Exported()
    with whole_folder(out) as here:
        for name in splits_of(split):
            for config, parts in _configs(folder, name, rows):
                if n := write_files(here / "data" / config, name, packed((p for p in parts if p.num_rows), most)):
                    made.rows[f"{config}/{name}"] = n
        if not made.rows:
            raise Misuse(f"there is nothing in {folder.where} to export",
                         todo="persona-forge run --dialogues N, or ask for personas with --rows N")  # fmt: skip
        head = "---\n" + _yaml(_head(folder, made.rows)) + "---\n"
        (here / "README.md").write_text(f"{head}\n{body or _body(made.rows)}", encoding="utf-8")
        tables = {TABLE_OF[key.split("/")[0]] for key in made.rows}
        note_export(folder, "hf", out, made.rows.total(), tables, split)
    return made


def _configs(folder: Folder, split: str, rows: int) -> Iterator[tuple[str, Parts]]:
    yield "utterances", spoken(folder, split)
    yield "dialogues", _dialogues(folder, split)
    yield "pairs", (plain(_of_split(folder, "pairs", shard, split)) for shard in folder.names("pairs"))
    if rows:
        people = chosen(folder, rows, split=None)
        yield "personas", [plain(people.rows.with_columns(system=people.systems()).filter(pl.col("split") == split))]


def _of_split(folder: Folder, table: str, shard: str, split: str) -> pl.DataFrame:
    return folder.scan(table, [shard]).filter(pl.col("split") == split).collect()


def _dialogues(folder: Folder, split: str) -> Iterator[pa.Table]:
    from persona_forge.text.systems import systems

    ontology = ontology_of(folder)
    for shard in folder.names("scripts"):
        scripts = _of_split(folder, "scripts", shard, split)
        scenes = folder.scan("scenes").filter(pl.col("scene_id").is_in(scripts["scene_id"].implode())).collect()
        seeds = folder.scan("seeds").filter(pl.col("seed_id").is_in(scenes["seed_id"].implode())).collect()
        told = systems(scenes, seeds, ontology)
        system = pl.Series("system", [told[scene_id] for scene_id in scripts["scene_id"]], pl.String)
        yield plain(scripts.join(scenes.select("scene_id", *OF_SCENE), on="scene_id", how="left", maintain_order="left")
                    .with_columns(system))  # fmt: skip


def write_files(folder: Path, split: str, tables: Parts) -> int:
    """A file for each table, <split>-00000-of-0000N.parquet and on; the number of rows."""
    rows = files = 0
    for table in tables:
        folder.mkdir(parents=True, exist_ok=True)
        _write_parquet(folder / f"{split}-{files:05d}", table)
        files, rows = files + 1, rows + table.num_rows
    for n in range(files):
        path = folder / f"{split}-{n:05d}"
        path.replace(path.with_name(f"{path.name}-of-{files:05d}.parquet"))
    return rows


def _write_parquet(path: Path, table: pa.Table) -> None:
    """With audio PLAIN and as it is, for FLAC is compressed already; everything else by zstd."""
    leaves = _leaves(table.schema)
    if "audio" in table.column_names:
        features = {"info": {"features": {"audio": {"sampling_rate": RATE, "_type": "Audio"}}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    others = [leaf for leaf in leaves if leaf != "audio.bytes"]
    pq.write_table(
        table, path, row_group_size=max(1, GROUP_BYTES * table.num_rows // max(1, table.nbytes)),
        compression={leaf: "zstd" if leaf in others else "none" for leaf in leaves},
        use_dictionary=others, write_statistics=others,
    )  # fmt: skip


def _leaves(schema: pa.Schema) -> list[str]:
    """The paths of the Parquet columns."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    columns = pq.ParquetFile(pa.BufferReader(sink.getvalue())).schema
    return [columns.column(n).path for n in range(len(columns))]


# The README -----------------------------------------------------------------------------------------------------------


def _head(folder: Folder, rows: Mapping[str, int]) -> dict[str, Any]:
    names = list(dict.fromkeys(key.split("/")[0] for key in rows))
    seeds = folder.scan("seeds").select("language", "licence").collect()
    voices = folder.scan("clips").select("made_licence").unique().collect()["made_licence"].to_list()
    licences = sorted({*seeds["licence"], *(voices if "utterances" in names else ())})
    single = licences[0] if len(licences) == 1 and licences[0] in ON_THE_HUB else None
    return {
        "pretty_name": "persona_forge",
        "language": sorted(set(seeds["language"])),
        "license": single.lower() if single else "other",
        **({} if single else {"license_name": "; ".join(licences) or "unknown"}),
        "size_categories": [next((says for most, says in SIZES if max(rows.values()) < most), "n>1T")],
        "task_categories": list(
            dict.fromkeys(task for name in names for task in TASKS.get(name, ("text-generation",)))
        ),
        "tags": list(TAGS),
        "configs": [_config(name, rows, first=name == names[0]) for name in names],
    }


def _config(name: str, rows: Mapping[str, int], *, first: bool) -> dict[str, Any]:
    files = [
        {"split": key.split("/")[1], "path": f"data/{key}-*.parquet"} for key in rows if key.startswith(f"{name}/")
    ]
    return {"config_name": name, **({"default": True} if first else {}), "data_files": files}


def _yaml(head: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(head), allow_unicode=True, sort_keys=False, width=1000))


def _body(rows: Counter[str]) -> str:
    lines = ["# Spoken role-play under pressure", "", "| config | split | rows |", "|---|---|--:|"]
    lines += ["| {} | {} | {:,} |".format(*key.split("/"), n) for key, n in rows.items()]
    return "\n".join(lines) + "\n"
