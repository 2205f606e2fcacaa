"""Traces of seeds outside of the tables: what annotators did, what the log says, what lies there without a seal.

A word is a seed's own if it is its id or its name, or if it stands in WORDS words or SIGNS characters in a row that its
records hold too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from persona_forge.core.tables import TABLES
from persona_forge.dataset.ledger import record_in
from persona_forge.dataset.shards import write_text
from persona_forge.text.near import units

WORDS, SIGNS = 4, 8
FIRST_SIGN = "\u3400"
"""Of the Chinese characters."""
SHORTEST = 2
"""Characters of a name that is looked for."""
LARGEST = 64 * 2**20
"""Bytes of a file beside the run's own that is looked into."""

Records = Mapping[str, Sequence[str]]
"""Seeds by id, each with what its records say."""


def clear_events(root: Path, seeds: Records) -> int:
    """Takes the events on these seeds out of the annotators' files; how many there were."""
    return sum(_clear(path, lambda line: record_in(line).get("seed_id") in seeds)
               for path in sorted(root.glob("events/*.jsonl")))  # fmt: skip


def clear_log(root: Path, seeds: Records) -> int:
    """Takes the lines out of the log that have words of these seeds; how many there were."""
    path = root / "log.jsonl"
    return _clear(path, _speaker(seeds)) if path.exists() else 0


def mentions(root: Path, seeds: Records) -> list[Path]:
    """Files beside the run's own that have words of these seeds: a note, a page, a copy of something."""
    speaks = _speaker(seeds)
    ours = {*TABLES, "seals", "replies", "rejects", "ontology.toml"}
    files = (p for p in sorted(root.rglob("*")) if p.relative_to(root).parts[0] not in ours and p.is_file())
    return [p for p in files if p.stat().st_size < LARGEST and speaks(p.read_text(encoding="utf-8", errors="replace"))]


def clear_unsealed(root: Path, table: str, stage: str, sealed: Mapping[str, bool]) -> None:
    """Deletes rows and rejects that no seal names, as a process leaves them that was killed; `sealed` tells for each
    shard whether it has rejects.
    """
    for folder, kept in (
        (root / table, set(sealed)),
        (root / "rejects" / stage, {shard for shard, rejects in sealed.items() if rejects}),
    ):
        for path in folder.glob("*.parquet"):
            if path.stem not in kept:
                path.unlink()


def _clear(path: Path, theirs: Callable[[str], bool]) -> int:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not theirs(line)]
    if not kept:
        path.unlink()
    elif len(kept) < len(lines):
        write_text(path, "".join(kept))
    return len(lines) - len(kept)


def _speaker(seeds: Records) -> Callable[[str], bool]:
    """Whether a text has words of these seeds."""
    texts = [text for records in seeds.values() for text in records]
    own = set(_windows("\n".join(texts)))
    names = {*seeds, *(name for text in texts if len(name := str(record_in(text).get("name", ""))) >= SHORTEST)}
    return lambda text: any(n in text for n in names) or not own.isdisjoint(_windows(text))


def _windows(text: str) -> Iterator[str]:
    words, signs = units(text.lower(), "en"), [c for c in units(text, "zh") if c >= FIRST_SIGN]
    for row, size in ((words, WORDS), (signs, SIGNS)):
        yield from (" ".join(row[n : n + size]) for n in range(len(row) - size + 1))
