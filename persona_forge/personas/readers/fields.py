"""From a source's columns to the fields of a seed: which is which is told by the user, or else by the columns' names.

Nothing is lost: what no field takes stays in the row, and becomes the seed's extras. A column that is called like a
field of ours and holds something else (a `review` that is a text, a `language` that is a country's) is kept too, as
`source.review`. Rows with a `prose` are in our own words, and left as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from persona_forge.core.errors import SeedsError
from persona_forge.core.tables import SEEDS
from persona_forge.personas.readers import nemotron
from persona_forge.personas.readers.json_rows import DECODER

FIELDS = tuple(name for name in SEEDS.names if name not in ("flags", "extras"))
LISTS = frozenset({"opinions", "catchphrases", "emotional_limits", "pins", "withheld"})
CHOICES = {
    "author_kind": ("human", "project", "model", "unknown"),
    "review": ("new", "approved", "rejected"),
}
NAMES: dict[str, tuple[str, ...]] = {
    "prose": (
        "prose", "input persona", "persona", "sentences", "personality", "prompt", "detailed persona",
        "persona description", "description", "bio", "biography", "profile", "background", "backstory",
        "system prompt", "text",
        "人设", "人物设定", "角色设定", "人物描述", "角色描述", "描述", "简介", "人物简介", "介绍", "提示词",
    ),
    "name": (
        "name", "full name", "character name", "character", "act", "姓名", "名字", "名称", "人物", "角色", "角色名",
    ),
    "seed_id": ("seed id", "id", "uuid", "编号"),
    "language": ("language", "lang", "语言"),
    "licence": ("licence", "license", "许可", "许可证"),
    "source": ("source", "来源", "出处"),
    "author_kind": ("author kind",),
    "style": ("style", "speaking style", "说话风格", "语言风格"),
    "voice": ("voice", "声音", "嗓音"),
}  # fmt: skip
"""What columns are called that hold a field, the likeliest first; _ and - are spaces, and case is no matter."""
_FAMILIES = (
    ({"act", "prompt"}, "a list of role prompts"),
    ({"input persona"}, "Persona-Hub lines"),
    ({"sentences"}, "lists of sentences, as PersonaChat has them"),
    ({"personality"}, "lists of sentences, as PersonaChat has them"),
    ({"persona"}, "lines of personas, as Persona-Hub has them"),
)


_LANGUAGES = {
    "en": re.compile(r"en\b|eng\b|english|英[语文]"),
    "zh": re.compile(r"(?:zh|cn|cmn)\b|chinese|mandarin|中文|汉语|普通话|[简繁]体"),
}


@dataclass(frozen=True, slots=True)
class Fields:
    """What becomes of the columns of a row."""

    family: str
    takes: tuple[tuple[str, tuple[str, ...]], ...]
    """Field, and the columns that make it."""
    kept: frozenset[str] | None = None
    """Of the columns that no field takes, the ones to keep; None: all."""

    def says(self, columns: Iterable[str]) -> str:
        """For the user: what was made of these columns."""
        taken = {c for _, cs in self.takes for c in cs} | {*FIELDS}
        rest = [c for c in columns if c not in taken and (self.kept is None or c in self.kept)]
        said = [f"{field} ← {' + '.join(cs)}" for field, cs in self.takes if (field,) != cs]
        return f"{self.family}; {'; '.join([*said, f'kept besides: {shortened(rest)}'])}"


def mapping_of(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """From `--map FIELD=COLUMN` to a field's columns; raises SeedsError for what is none."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        field, _, column = word.partition("=")
        if field not in (*FIELDS, "extras") or not column:
            what = f"--map {word}: " + ("it names no column" if field in FIELDS else f"there is no field {field!r}")
            raise SeedsError(what, allowed=f"FIELD=COLUMN, with one of {', '.join(FIELDS)}, extras")
        found[field] = (*found.get(field, ()), column)
    return found


def fields_of(columns: Sequence[str], mapping: Mapping[str, tuple[str, ...]]) -> Fields | None:
    """What to make of rows with these columns; None where none of them looks like the prose."""
    known = set(columns)
    given = {field: cs for field, cs in mapping.items() if field != "extras"}
    kept = frozenset(mapping["extras"]) if "extras" in mapping else None
    if "prose" not in given and known >= nemotron.COLUMNS:
        return Fields(nemotron.FAMILY, tuple(_guessed(columns, given, skip=("prose", "name"))), kept)
    if "prose" in known and not given:
        said = known | {name.removeprefix("source.") for name in known}  # what was put aside fills no field
        others = [t for t in _guessed(columns, {}, skip=("prose", "name", "style", "voice")) if t[0] not in said]
        return Fields("our own fields", tuple(others), kept)
    takes = tuple(_guessed(columns, given))
    prose = next((cs for field, cs in takes if field == "prose"), None)
    if prose is None:
        return None
    plain = {_plain(c) for c in columns}
    family = next((f for names, f in _FAMILIES if names <= plain and _plain(prose[0]) in names), "rows of one's own")
    return Fields(family, takes, kept)


def filled(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns in which a row says something."""
    return tuple(c for c, value in row.items() if value not in (None, ""))


def _guessed(
    columns: Sequence[str], given: Mapping[str, tuple[str, ...]], skip: Sequence[str] = ()
) -> Iterable[tuple[str, tuple[str, ...]]]:
    used = {c for cs in given.values() for c in cs}
    by_name = {_plain(c): c for c in reversed(columns) if c not in used}
    for field in FIELDS:
        if field in given:
            yield field, given[field]
        elif field not in skip:
            names = NAMES.get(field, (_plain(field),))
            if column := next((by_name[name] for name in names if name in by_name), None):
                yield field, (column,)


def _plain(column: str) -> str:
    return re.sub(r"[\s_-]+", " ", column.strip().lower())


def seed_of(row: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """The row in our words; as it was, where it has no text to be the prose."""
    left, seed = dict(row), {}
    if fields.family == nemotron.FAMILY:
        seed["prose"] = nemotron.prose(row)
    for field, columns in fields.takes:
        parts = {c: part for c in columns if c in left and (part := _fit(field, left[c])) is not None}
        if parts:
            seed[field] = _joined(list(parts.values()), "\n" if field == "prose" else " ")
        for column in parts:
            if field != "language" and not (field == "prose" and isinstance(left[column], list)):
                del left[column]  # a language and a list of sentences say more than what was made of them
    ours = "prose" in row and "prose" not in seed
    if not ours and not seed.get("prose"):
        return row
    for name in [n for n in left if n in FIELDS]:
        value = left.pop(name)
        if value in (None, ""):
            continue
        if ours and name not in seed:
            seed[name] = _list(value) if name in LISTS else value
        elif value != seed.get(name):
            left[_free(f"source.{name}", left)] = value
    if fields.kept is not None:
        left = {name: value for name, value in left.items() if name in fields.kept}
    return {**seed, **left}


def _fit(field: str, value: Any) -> Any:
    """The value as this field holds it; None for what it cannot hold."""
    if field in LISTS:
        found = _list(value)
        return found if isinstance(found, list) and found else None
    if field == "prose" and isinstance(value, list) and value and all(isinstance(s, str) for s in value):
        value = " ".join(value)
    if field == "seed_id" and type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    if field == "language":
        return _language(value)
    return value if value in CHOICES.get(field, (value,)) else None


def _joined(parts: Sequence[Any], between: str) -> Any:
    return between.join(parts) if isinstance(parts[0], str) else [value for part in parts for value in part]


def _list(value: Any) -> Any:
    """A list that stands in a cell as JSON; else the value as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = DECODER.decode(value)
            json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be written
            return found
    return value


def _language(value: str) -> str | None:
    tag = value.strip().lower().replace("_", "-")
    return next((language for language, pattern in _LANGUAGES.items() if pattern.match(tag)), None)


def _free(name: str, row: Mapping[str, Any]) -> str:
    while name in row:
        name += "'"
    return name


def shortened(columns: Sequence[str], most: int = 12) -> str:
    shown = [c[:40] for c in columns[:most]] + [f"{len(columns) - most} more"] * (len(columns) > most)
    return ", ".join(shown) or "nothing"
