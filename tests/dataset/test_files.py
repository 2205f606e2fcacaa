"""A file is whole or not there, and says why."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
import soundfile
from small_runs import SEEDS, config_file, made, rows, settings, typed, write_seeds

from persona_forge.core.errors import Corrupt, StorageError
from persona_forge.core.tables import TABLES
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.seals import read_seal
from persona_forge.dataset.shards import digest_of, mending, sha256, write_table, write_whole


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, where this machine lets us mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_file_whose_filling_fails_leaves_nothing_and_the_old_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, lambda p: p.write_text("old") and None)

    def fail(to: Path) -> None:
        to.write_text("half of the ne")
        raise EOFError

    with pytest.raises(EOFError):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_limit_on_file_sizes_is_a_storage_error(tmp_path: Path) -> None:
    """As a child, since the limit would hold for the rest of the tests."""
    code = (
        "import resource, signal, sys, pathlib\n"
        "from persona_forge.dataset.shards import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "write_whole(pathlib.Path(sys.argv[1]), lambda p: p.write_bytes(bytes(5000)) and None)\n"
    )
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True)
    assert said.stderr.splitlines()[-1].startswith("persona_forge.core.errors.StorageError: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", ["personas", "clips"])
def test_a_full_disk_leaves_no_half_table(small_disk: Path, finished: Path, seeds: Path, table: str) -> None:
    schema = made(finished, settings(seeds)).table(table)
    frame = Folder(finished).scan(table).collect()
    frame = pl.concat([frame] * (2 + 6_000_000 // frame.estimated_size()))
    if table == "personas":  # ids that no codec makes smaller
        frame = frame.with_columns(pl.Series("persona_id", [os.urandom(64) for _ in range(frame.height)]))
    path = small_disk / table / "g000.parquet"
    with pytest.raises(StorageError, match="no space left while writing") as error:
        write_table(path, schema, frame)
    assert error.value.exit_code == 1
    assert "free some space, or choose another --out; then give the same command again" in error.value.todo
    assert list(path.parent.iterdir()) == []


def test_a_run_on_a_full_disk_says_what_to_do_and_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, seeds: Path
) -> None:
    config = config_file(tmp_path / "run.toml", settings(seeds, personas__rows=90_000, personas__rows_per_shard=30_000))
    out = small_disk / "run"
    said = typed("expand", config, "--out", out)
    assert said.returncode == 1
    assert "no space left while writing" in said.stderr
    assert "then give the same command again" in said.stderr
    assert "Traceback" not in said.stderr
    assert not list(out.rglob("*.tmp"))
    assert all(Folder(out).whole(seal) for table in TABLES for seal in Folder(out).seals(table))
    subprocess.run(["mount", "-o", "remount,size=50m", small_disk], check=True)
    assert typed("expand", config, "--out", out).returncode == 0
    assert typed("expand", config, "--out", tmp_path / "whole").returncode == 0
    assert rows(out) == rows(tmp_path / "whole")


def test_the_systems_complaints_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written") as error, mending(tmp_path):
        raise PermissionError(13, "Permission denied")
    assert error.value.todo == "choose an --out you may write to"


@pytest.mark.parametrize("name", ["plain", "with [brackets] * and ?", "it's", "字"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    file = write_seeds(tmp_path / "s.jsonl", SEEDS[:2])
    made(tmp_path / name, settings(file, personas__rows=20), redo=())
    said = typed("sql", tmp_path / name, "SELECT count(*) AS n FROM personas", "--format", "csv")
    assert said.stdout == "n\n20\n"


def test_equal_rows_have_an_equal_digest_however_they_came_about(finished: Path) -> None:
    folder = Folder(finished)
    frame = folder.scan("scripts").collect()
    first, second = frame.head(2), frame.tail(-2)
    assert frame.height == 4
    assert digest_of({"a": pl.concat([first, second])}) == digest_of({"a": frame})
    mine = pl.col("scene_id") == frame["scene_id"][1]
    assert digest_of({"a": frame.filter(mine)}) == digest_of({"a": frame[1:2]})
    lazily = pl.scan_parquet(folder.rows("scripts", "g000-0000")).filter(mine).collect()
    assert digest_of({"a": lazily}) == digest_of({"a": frame[1:2]})
    assert digest_of({"a": frame}) != digest_of({"b": frame})
    assert digest_of({"a": frame[[1, 0, 2, 3]]}) != digest_of({"a": frame})


def test_a_seal_with_any_byte_changed_is_corrupt(finished: Path) -> None:
    path = Folder(finished).seal("clips", "g000-0000")
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(Corrupt):
            read_seal(path)
    path.write_bytes(good)
    assert read_seal(path).rows == 8


def test_a_sealed_table_is_what_its_schema_says(finished: Path) -> None:
    for table in TABLES.values():
        for shard in Folder(finished).names(table.name):
            path = Folder(finished).rows(table.name, shard)
            schema = pq.read_schema(path)
            assert read_seal(Folder(finished).seal(table.name, shard)).sha256 == sha256(path)
            if table.name != "personas":
                assert schema.equals(table.schema())
                assert schema.metadata[b"table"] == f"{table.name}.v{table.version}".encode()


def test_audio_is_stored_as_trainers_read_it(finished: Path) -> None:
    file = pq.ParquetFile(Folder(finished).rows("clips", "g000-0000"))
    metadata = json.loads(file.schema_arrow.metadata[b"huggingface"])
    assert metadata["info"]["features"]["audio"] == {"sampling_rate": 24_000, "_type": "Audio"}
    assert str(file.schema_arrow.field("audio").type) == "struct<bytes: binary, path: string>"
    group = file.metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["audio.bytes"].compression == "UNCOMPRESSED"
    assert "PLAIN_DICTIONARY" not in columns["audio.bytes"].encodings
    assert "RLE_DICTIONARY" not in columns["audio.bytes"].encodings
    assert columns["text"].compression == "ZSTD"
    clip = file.read().to_pylist()[0]
    samples, rate = soundfile.read(BytesIO(clip["audio"]["bytes"]))
    assert rate == 24_000
    assert samples.ndim == 1
    assert clip["audio"]["path"] == f"{clip['utterance_id']}.flac"
