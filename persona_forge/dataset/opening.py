"""The run that a word names: a folder of this disk, or an address in an object store with its mirror here."""

from __future__ import annotations

import os
from pathlib import Path

from persona_forge.core.errors import RunMismatch
from persona_forge.core.ids import digest
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.lease import Lease
from persona_forge.dataset.remote import RemoteFolder
from persona_forge.dataset.store import is_address, open_store


def open_folder(where: str | Path, *, to_run: bool = False) -> Folder:
    """The run in a folder or at an address; read-only uses see its seals as they stand now.

    Raises Misuse for an address that cannot be, or a store that refuses. Who reads has a mirror of their own, so that
    nothing is changed under a run on the same machine.
    """
    if not isinstance(where, str) or not is_address(where):
        return Folder(Path(where))
    store = open_store(where)
    name = digest(store.address, os.environ.get("AWS_ENDPOINT_URL", ""))[:16]
    root = _work() / name / ("run" if to_run else "read")
    folder = RemoteFolder(root, store, Lease(store, root / ".lock-name"), to_run)
    folder.recall()
    if not to_run:
        folder.refresh()
    return folder


def existing(where: str | Path) -> Folder:
    """The run there, to read; raises RunMismatch where there is none."""
    folder = open_folder(where)
    if not isinstance(folder, RemoteFolder) and not folder.root.is_dir():
        raise RunMismatch(
            f"there is no folder {where}", todo="name the folder that `persona-forge run --out` was given"
        )
    folder.read_card()
    return folder


def _work() -> Path:
    if chosen := os.environ.get("PERSONA_FORGE_WORK"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "persona_forge" / "runs"
