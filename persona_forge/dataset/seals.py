"""Seals: the last thing written for a shard, and the only sign that it is done.

One JSON object a shard; the list of them is the manifest, and nothing else keeps count. A seal holds no time and no
number of attempts: the same work gives the same seal. It carries a digest of itself, so that no byte of it can change
unnoticed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from persona_forge.core.errors import Corrupt
from persona_forge.core.ids import canonical, digest
from persona_forge.dataset.shards import write_text


@dataclass(frozen=True, slots=True)
class Seal:
    table: str
    shard: str
    stage: str
    schema: str
    """Name and version of the table, e.g. scripts.v1."""
    rows: int
    bytes: int
    sha256: str
    taken: int
    """Units of input that this shard accounts for."""
    rejected: int
    rejects_sha256: str | None
    """Of rejects/<stage>/<shard>.parquet; null where nothing was rejected."""
    fingerprint: str
    """Of the stage: its settings, version, prompts, engine, ontology and parents' fingerprints."""
    used: str
    """A digest of the very rows that went in."""
    parents: dict[str, str]
    """<table>/<shard> → sha256 of the files that those rows came from."""
    asked: dict[str, Any] = field(default_factory=dict)
    """For a source or plan: the quantities asked for and the state of its input when it last looked."""
    step: dict[str, Any] = field(default_factory=dict)
    """For a plan: the quantities with which this very part was made."""


def write_seal(path: Path, seal: Seal) -> None:
    write_text(path, seal_text(seal))


def read_seal(path: Path) -> Seal:
    """Raises Corrupt for a file that is not, to the byte, what seal_text gives."""
    try:
        return parse_seal(path.read_bytes(), str(path))
    except OSError as error:
        raise Corrupt(f"the seal {path} cannot be read: {error.strerror}") from error


def parse_seal(data: bytes, where: str) -> Seal:
    """Raises Corrupt, naming the place, for what is not, to the byte, what seal_text gives."""
    todo = "delete this seal and give the same command again: its shard is made anew"
    try:
        text = data.decode()
        fields = json.loads(text)
        del fields["digest"]
        seal = Seal(**fields)
    except (ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"the seal {where} cannot be read: {error}", todo=todo) from error
    if text != seal_text(seal):
        raise Corrupt(f"the seal {where} is not as it was written", todo=todo)
    return seal


def seal_text(seal: Seal) -> str:
    fields = asdict(seal)
    fields["digest"] = digest(canonical(fields))
    return json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
