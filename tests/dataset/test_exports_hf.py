"""The Hub's layout: what `datasets` loads from it, how rows are packed, what its head says."""

from __future__ import annotations

import hashlib
import io
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_runs import typed
from spoken_run import HOSTILE, spoken_run

from persona_forge.core.errors import Misuse
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.hf import export_hf
from persona_forge.dataset.parcels import packed, whole_folder

ROWS = {"utterances": {"train": 15, "test": 4}, "dialogues": {"train": 3, "test": 1}, "pairs": {"train": 1},
        "personas": {"train": 6, "test": 2}}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("hf") / "run")


@pytest.fixture(scope="module")
def out(folder: Folder) -> Path:
    out = folder.root.parent / "out"
    export_hf(folder, out, rows=8)
    return out


def head(out: Path) -> dict[str, object]:
    _, text, _ = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    read: dict[str, object] = yaml.safe_load(text)
    return read


@pytest.mark.parametrize("config", ROWS)
def test_datasets_loads_every_config_with_its_splits(out: Path, tmp_path: Path, config: str) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    loaded = datasets.load_dataset(str(out), config, cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in loaded.items()} == ROWS[config]


def test_the_first_config_has_audio_that_is_known_as_such_and_what_was_checked(out: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    import soundfile

    train = datasets.load_dataset(str(out), split="train", cache_dir=str(tmp_path))
    assert train.features["audio"] == datasets.Audio(sampling_rate=24_000)
    row = train.cast_column("audio", datasets.Audio(decode=False))[0]
    samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
    assert (len(samples), rate, row["utterance_id"]) == (9600, 24_000, "s-a-0-turn")
    assert [o["tag"] for o in row["qc_obeyed"]] == ["speed", "pitch", "emotion", "sigh"]


def test_a_dialogue_has_its_scene_and_its_personas_system_prompt_and_a_persona_has_it_too(out: Path) -> None:
    first = pq.read_table(out / "data" / "dialogues" / "train-00000-of-00001.parquet").to_pylist()[0]
    assert (first["script_id"], first["kind"], first["depth"]) == ("s-a", "plain", 2)
    assert HOSTILE in first["system"]
    assert [t["role"] for t in first["turns"]] == ["partner", "persona"] * 2
    people = pq.read_table(out / "data" / "personas" / "train-00000-of-00001.parquet").to_pylist()
    assert people[0]["persona_id"] == "0000" * 8
    assert first["system"] == people[0]["system"]


def test_the_head_names_configs_splits_licences_languages_and_size(out: Path) -> None:
    found = head(out)
    assert found["license"] == "other"
    assert found["license_name"] == "Apache-2.0; CC-BY-4.0"
    assert found["language"] == ["en", "zh"]
    assert found["size_categories"] == ["n<1K"]
    assert "text-to-speech" in str(found["task_categories"])
    configs = found["configs"]
    assert isinstance(configs, list)
    assert [c["config_name"] for c in configs] == list(ROWS)
    assert [c["config_name"] for c in configs if c.get("default")] == ["utterances"]
    assert [f["split"] for c in configs for f in c["data_files"]] == [s for splits in ROWS.values() for s in splits]


def test_one_licence_stands_under_its_name_on_the_hub(folder: Folder, tmp_path: Path) -> None:
    whole = head(folder.root.parent / "out")
    export_hf(folder, tmp_path / "out", split="test", most=1)
    assert head(tmp_path / "out")["license_name"] == whole["license_name"]
    bare = Folder(spoken_run(tmp_path / "bare").root)
    for table in ("clips", "measures", "checks"):
        for shard in bare.names(table):
            bare.unseal(table, shard)
    export_hf(bare, tmp_path / "other")
    assert head(tmp_path / "other")["license"] == "cc-by-4.0"


def test_no_dialogue_lies_in_two_files_however_small_they_are(folder: Folder, tmp_path: Path) -> None:
    export_hf(folder, tmp_path / "out", most=1)
    files = sorted((tmp_path / "out" / "data" / "utterances").glob("train-*"))
    assert [f.name for f in files] == [f"train-{n:05d}-of-00003.parquet" for n in range(3)]
    scripts = [set(pq.read_table(f, columns=["script_id"])["script_id"].to_pylist()) for f in files]
    assert scripts == [{"s-a"}, {"s-b"}, {"s-c"}]


@given(st.lists(st.integers(0, 400), max_size=30), st.integers(1, 2000))
def test_parts_are_packed_in_order_and_a_table_is_too_large_only_as_a_single_part(sizes: list[int], most: int) -> None:
    parts = [pa.table({"n": pa.array([n] * size, pa.int64())}) for n, size in enumerate(sizes)]
    tables = list(packed(parts, most))
    assert [x for t in tables for x in t["n"].to_pylist()] == [n for n, size in enumerate(sizes) for _ in range(size)]
    for table in tables:
        assert table.nbytes <= most or len(set(table["n"].to_pylist())) == 1
    assert all(a.nbytes + b.slice(0, sizes[b["n"][0].as_py()]).nbytes > most
               for a, b in pairwise(tables) if a.num_rows and b.num_rows)  # fmt: skip


def test_audio_is_stored_as_it_is_and_the_same_run_gives_the_same_bytes(
    folder: Folder, out: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    export_hf(folder, again, rows=8)
    digests = [{str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.*"))}
               for root in (out, again)]  # fmt: skip
    assert digests[0] == digests[1]
    group = pq.ParquetFile(out / "data" / "utterances" / "train-00000-of-00001.parquet").metadata.row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert columns["audio.bytes"].compression == "UNCOMPRESSED"
    assert set(columns["audio.bytes"].encodings) <= {"PLAIN", "RLE"}
    assert columns["text"].compression == "ZSTD"


def test_a_folder_is_whole_or_not_there_and_never_replaced(folder: Folder, tmp_path: Path) -> None:
    def half(here: Path) -> None:
        (here / "half").write_text("x", encoding="utf-8")
        raise RuntimeError

    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out") as here:
        half(here)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a").write_text("x", encoding="utf-8")
    with pytest.raises(Misuse, match="is there already"):
        export_hf(folder, tmp_path / "mine")
    with pytest.raises(Misuse, match="unknown split"):
        export_hf(folder, tmp_path / "out", split="dev")
    with pytest.raises(Misuse, match="nothing"):
        export_hf(folder, tmp_path / "out", split="validation")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine"]


def test_the_command_writes_the_card_below_the_head_and_says_what_it_wrote(folder: Folder, tmp_path: Path) -> None:
    said = typed("export", folder.root, "--to", "hf", "--out", tmp_path / "out", "--rows", "2")
    assert (said.returncode, said.stderr) == (0, "")
    assert "utterances/train 15" in " ".join(said.stdout.split())
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "\n---\n\n# Spoken role-play under pressure: data card\n" in text
    said = typed("export", folder.root, "--to", "webdataset", "--out", tmp_path / "tar", "--rows", "2")
    assert (said.returncode, "--rows says nothing to --to webdataset" in said.stderr) == (2, True)
