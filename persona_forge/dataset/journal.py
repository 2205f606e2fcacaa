"""Many files changed as one: all of them, or none, whenever the process is killed.

`begin` makes a copy of a folder out of links. What is written, replaced or removed in the copy changes nothing outside
of it. `commit` writes down what differs, in a journal, and then carries it out; from that instant on `settle` goes on
with it, as often as it has to. Without a journal `settle` takes the copy away, as if nothing had been.

The copy stands in the folder itself, so that a changed file only has to be renamed.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from persona_forge.dataset.shards import mending, sync_folder, void, write_text, write_whole

PLACE = ".changing"


def _journal(root: Path) -> Path:
    return root / PLACE / "journal.json"


def copy_of(root: Path) -> Path:
    return root / PLACE / "copy"


def pending(root: Path) -> bool:
    """Whether a change was decided on and is not carried out yet."""
    return _journal(root).is_file()


def begin(root: Path) -> Path:
    """The copy, in which files are links to those of the folder."""
    settle(root)
    copy = copy_of(root)
    with mending(copy):
        copy.mkdir(parents=True)
        for file in _files(root):
            link = copy / file
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(root.resolve() / file)
    return copy


def commit(root: Path) -> None:
    """Makes the folder what its copy is."""
    copy = copy_of(root)
    new = sorted(str(file) for file in _files(copy) if not (copy / file).is_symlink())
    gone = sorted(str(file) for file in _files(root) if not os.path.lexists(copy / file))
    write_text(_journal(root), json.dumps({"new": new, "gone": gone}))
    settle(root)


def settle(root: Path) -> None:
    """Carries out what a journal says, or else takes back what was begun; nothing where neither is there."""
    place, copy = root / PLACE, copy_of(root)
    if not place.exists():
        return
    with mending(root):
        if pending(root):
            steps = json.loads(_journal(root).read_text(encoding="utf-8"))
            for file in steps["gone"]:
                (root / file).unlink(missing_ok=True)
            for file in steps["new"]:
                if (copy / file).exists():
                    (root / file).parent.mkdir(parents=True, exist_ok=True)
                    _take(copy / file, root / file)
            for folder in sorted({(root / file).parent for file in (*steps["gone"], *steps["new"])}, reverse=True):
                _tidy(folder)
            _journal(root).unlink()
        shutil.rmtree(place)


def _files(root: Path) -> Iterator[Path]:
    """Every file of the folder, from there; folders may be links to another disk."""
    for here, folders, files in os.walk(root, followlinks=True):
        folders[:] = [f for f in folders if f != PLACE]
        yield from (Path(here, f).relative_to(root) for f in files if f != ".lock")


def _take(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_whole(target, lambda path: void(shutil.copyfile(source, path)))


def _tidy(folder: Path) -> None:
    """Syncs a folder whose files have changed; one that is empty now goes."""
    if not folder.exists():
        return
    if any(folder.iterdir()):
        sync_folder(folder)
    else:
        folder.rmdir()
