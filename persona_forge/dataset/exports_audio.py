"""Whole dialogues as sound: a folder with one FLAC a dialogue and an index.jsonl that says who speaks when.

How clips become a dialogue is act 3's business, so that function is handed in.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.dataset.exports import Exported
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.parcels import splits_of, whole_folder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

INDEX = "index.jsonl"
RATE = 24_000
Tracks = Literal["mono", "two"]


class Dialogue(Protocol):
    def samples(self, tracks: Tracks) -> npt.NDArray[np.float32]: ...

    def row(self) -> dict[str, Any]:
        """What the index says of it; `script_id` and `split` among that."""


Mix = Callable[[Iterable[Mapping[str, Any]]], Iterator[Dialogue]]
"""From the rows of clips to dialogues, one after the other."""


def export_dialogues(
    folder: Folder, out: Path, *, mix: Mix, split: str | None = None, tracks: Tracks = "mono", force: bool = False
) -> Exported:
    """`force` takes away what an earlier call left at `out`, and no other folder.

    Raises Misuse for a split that there is not, a place that is taken, and where nothing was spoken.
    """
    splits = splits_of(split)
    folder.read_card()
    if force and (out / INDEX).is_file():
        shutil.rmtree(out)
    made = Exported()
    with whole_folder(out) as here:
        _write(here, _mixed(folder, mix, splits), tracks, made)
        if not made.rows:
            where = f"the split {split}" if split else str(folder.root)
            raise Misuse(f"no dialogue of {where} was spoken", todo="persona-forge speak --out DIR speaks them")
    return made


def _mixed(folder: Folder, mix: Mix, splits: tuple[str, ...]) -> Iterator[Dialogue]:
    for shard in folder.names("clips"):
        clips = folder.scan("clips", [shard]).filter(pl.col("split").is_in(splits)).collect()
        yield from mix(clips.iter_rows(named=True))


def _write(into: Path, found: Iterable[Dialogue], tracks: Tracks, made: Exported) -> None:
    import soundfile

    with (into / INDEX).open("w", encoding="utf-8", newline="\n") as index:
        for dialogue in found:
            row = dialogue.row()
            name = re.sub(r"\W", "_", row["script_id"]) + ".flac"
            soundfile.write(into / name, dialogue.samples(tracks), RATE, format="FLAC", subtype="PCM_16")
            index.write(json.dumps({"file_name": name, **row}, ensure_ascii=False) + "\n")
            made.rows[row["split"]] += 1
