"""Clips as WebDataset reads them: tar files of <utterance_id>.flac and <utterance_id>.json, a folder a split.

The JSON holds every other column of `utterances`. Keys are sorted within a file, owners and times are those of nobody:
the same run gives the same bytes. A file holds at most 500 MB, and no dialogue lies in two.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa

from persona_forge.core.errors import Misuse
from persona_forge.dataset.exports import Exported
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.ledger import note_export
from persona_forge.dataset.parcels import FILE_BYTES, packed, splits_of, spoken, whole_folder


def export_webdataset(folder: Folder, out: Path, *, split: str | None = None, most: int = FILE_BYTES) -> Exported:
    """Writes <out>/<split>/<split>-000000.tar and on; raises Misuse where nothing was spoken."""
    folder.read_card()
    made = Exported()
    with whole_folder(out) as here:
        for name in splits_of(split):
            for n, table in enumerate(packed(spoken(folder, name), most)):
                path = here / name / f"{name}-{n:06d}.tar"
                path.parent.mkdir(exist_ok=True)
                _write(path, table)
                made.rows[name] += table.num_rows
        if not made.rows:
            raise Misuse(f"nothing in {folder.where} is spoken", todo="persona-forge speak --out DIR")
        note_export(folder, "webdataset", out, made.rows.total(), ("clips",), split)
    return made


def _write(path: Path, table: pa.Table) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row in table.sort_by("utterance_id").to_pylist():
            flac = row.pop("audio")["bytes"]
            said = json.dumps(row, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()
            for ending, content in (("flac", flac), ("json", said)):
                info = tarfile.TarInfo(f"{row['utterance_id']}.{ending}")  # mtime, uid and gid are 0
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
