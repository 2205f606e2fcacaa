"""WebDataset's tar files: what its own library reads from them, and that the same run gives the same bytes."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from spoken_run import flac, spoken_run

from persona_forge.core.errors import Misuse
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.webdataset import export_webdataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("wds") / "run")


def members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as tar:
        return tar.getmembers()


def test_a_clip_is_its_sound_and_all_that_is_known_of_it_by_sorted_keys(folder: Folder, tmp_path: Path) -> None:
    made = export_webdataset(folder, tmp_path / "out")
    assert dict(made.rows) == {"train": 15, "test": 4}
    path = tmp_path / "out" / "train" / "train-000000.tar"
    names = [m.name for m in members(path)]
    assert names[:4] == ["s-a-0-turn.flac", "s-a-0-turn.json", "s-a-1-back_channel.flac", "s-a-1-back_channel.json"]
    assert names == sorted(names)
    assert {(m.mtime, m.uid, m.gid, m.uname) for m in members(path)} == {(0, 0, 0, "")}
    with tarfile.open(path) as tar:
        sound, said = (tar.extractfile(name) for name in names[:2])
        assert sound is not None
        assert said is not None
        assert sound.read() == flac(200)
        row = json.load(said)
    assert (row["text"], row["qc_pass"], row["meas_rate"], "audio" in row) == ("Still up?", True, 1.0, False)


def test_the_same_run_gives_the_same_bytes_and_no_dialogue_lies_in_two_files(folder: Folder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_webdataset(folder, tmp_path / name, split="train", most=1)
    files = [sorted((tmp_path / name).rglob("*.tar")) for name in ("a", "b")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    scripts = [{m.name.split("-")[1] for m in members(p)} for p in files[0]]
    assert scripts == [{"a"}, {"b"}, {"c"}]


def test_the_webdataset_library_reads_it(folder: Folder, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    export_webdataset(folder, tmp_path / "out")
    url = str(tmp_path / "out" / "test" / "test-000000.tar")
    found = list(webdataset.WebDataset(url, shardshuffle=False).decode())
    assert [row["__key__"] for row in found] == [f"s-d-{n}-turn" for n in range(4)]
    assert found[1]["flac"] == flac(210)
    assert found[1]["json"]["text"] == "没呢。"


def test_where_nothing_was_spoken_nothing_is_written(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="is spoken"):
        export_webdataset(folder, tmp_path / "out", split="validation")
    assert list(tmp_path.iterdir()) == []
