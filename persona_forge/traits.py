"""What can be asked of a trait file: its problems, its picture, how much is possible, why a combination is not."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from persona_forge.beside import beside
from persona_forge.core.errors import ConfigError, Misuse
from persona_forge.core.ids import key64
from persona_forge.space.compile import Space, compile_space, count
from persona_forge.space.cover_file import Report, cover_file
from persona_forge.space.model import LANGUAGES, Ontology
from persona_forge.space.ontology import read_ontology
from persona_forge.space.picture import picture
from persona_forge.space.reason import Problem, explain, problems


def open_traits(path: Path | None) -> Ontology:
    """The ontology in a file, or the bundled one; raises OntologyError with its place, ConfigError for no file."""
    path = path or beside("seeds", "traits.toml")
    return read_ontology(_text(path), path.name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the file {path} cannot be read: {error}", todo="check the path") from error


def chosen(words: Sequence[str]) -> dict[str, str]:
    """`dimension=value` words as a mapping; raises Misuse for any other word, and for a dimension given twice."""
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise Misuse(f"{word!r} is no trait", allowed="dimension=value, e.g. age_band=child")
        if pairs.setdefault(name, value) != value:
            raise Misuse(f"{name} is given twice: {pairs[name]} and {value}", todo="give each dimension one value")
    return pairs


def covered(path: Path | None, t: int, key: str) -> tuple[str, Report]:
    """A covering array as CSV text, and what it covers; of a trait file or a model in PICT's language."""
    path = path or beside("seeds", "traits.toml")
    names, rows, report = cover_file(_text(path), path.name, t, key64(key))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([names, *rows])
    return table.getvalue(), report


def problems_of(path: Path | None) -> tuple[Problem, ...]:
    return problems(open_traits(path))


def count_of(path: Path | None, given: Sequence[str]) -> int:
    """The exact number of valid vectors, those of each language counted unless one is given."""
    ontology, pins = open_traits(path), chosen(given)
    ontology.check_choice(pins)
    return count(ontology, pins)


def explained(words: Sequence[str], path: Path | None) -> tuple[str, ...]:
    """Sentences that lead to a contradiction; none if the combination is possible."""
    return explain(open_traits(path), chosen(words))


def marginals(space: Space) -> list[tuple[str, str, float, float]]:
    """(dimension, value, share in English, share in Chinese) under the exact law."""
    rows = []
    for dimension in space.ontology.dimensions:
        laws = [space.marginal((dimension.name,), {}, language) for language in LANGUAGES]
        rows += [(dimension.name, v, *(float(law.get((v,), 0)) for law in laws)) for v in dimension.names]
    return rows  # type: ignore[return-value]


def shown(path: Path | None) -> list[tuple[str, str, float, float]]:
    return marginals(compile_space(open_traits(path)))


def pictured(path: Path | None) -> str:
    return picture(compile_space(open_traits(path)))
