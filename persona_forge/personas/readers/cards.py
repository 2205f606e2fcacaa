"""Character Cards (V1, V2, V3) to records: from JSON, from a picture (see png), from an archive (see charx).

The prose is the card's description and personality, with {{char}} and {{user}} spoken out. The whole card stands in the
record under `card`, value for value, and `card_from` says what held it: greetings, lorebook, scenario and extensions
are no persona, and wait there for the way back (see personas.card_export). What this project wrote into a card's
extensions when the card went out is read again, as far as it still agrees with the rest of the card.

https://github.com/malfoyslastname/character-card-spec-v2 and https://github.com/kwaroran/character-card-spec-v3
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persona_forge.core.ids import canonical, digest
from persona_forge.core.tables import SEEDS
from persona_forge.personas.readers import charx, png
from persona_forge.personas.readers.record import SHOWN, Record, no_number, unread
from persona_forge.text.language import language_of
from persona_forge.text.normalise import normalise

LARGEST_CARD = 8 << 20
"""Bytes of JSON."""
DEEPEST = 100
"""How deep a card's values may be nested."""
TOLD = ("description", "personality")
"""The fields that make the prose, in reading order."""
OURS = "persona_forge"
"""Our key among a card's extensions."""
COLUMNS = frozenset(SEEDS.names) - {"flags", "review", "extras"}
"""What a card may say of its seed. Whether it was approved is no such thing: anybody may have written the card."""
NOBODY = "character card"
"""The source of a card that names no creator."""

_SPOKEN = re.compile(
    r"(?P<aside>\{\{(?://|comment:|hidden_key:)[^{}]*\}\})"
    r"|(?P<char>\{\{char\}\}|<(?:char|bot)>)"
    r"|(?P<start>^|\n[ \t]{0,8}|[.!?][\"”’)*]{0,2} {1,2})?(?:\{\{user\}\}|<user>)"
    r"(?P<next>['’]s\b| (?:is|was|has|does)\b)?",
    re.IGNORECASE,
)
_YOUR = {"": "you", "s": "your", "is": "you are", "was": "you were", "has": "you have", "does": "you do"}


def read_card(path: Path) -> Iterator[Record]:
    """The one record of a file; raises OSError where it cannot be opened."""
    try:
        text, held = _held(path)
        yield Record(path.name, path.stem, seed_of(_parsed(text), held), "", text[:SHOWN].decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        yield unread(path, path.name, str(error))


def _held(path: Path) -> tuple[bytes, dict[str, str]]:
    """The card's JSON, and what it stands in."""
    with path.open("rb") as f:
        head, suffix = f.read(len(png.SIGNATURE)), path.suffix.lower()
        if head == png.SIGNATURE or suffix in (".png", ".apng"):
            chunk, text = png.card_in(f)
            held = {"file": path.name, "form": "png", "chunk": chunk.kind.decode(), "keyword": chunk.keyword}
            return _decoded(text, str(chunk)), held
        if head.startswith(b"PK\3\4") or suffix == ".charx":
            return charx.card_in(f, LARGEST_CARD), {"file": path.name, "form": "charx"}
        return head + f.read(LARGEST_CARD), {"file": path.name, "form": "json"}


def _decoded(text: bytes, where: str) -> bytes:
    """Base64, with line breaks or without its padding where a tool wrote it so; or plain JSON."""
    if text.lstrip().startswith(b"{"):
        return text
    packed = b"".join(text.split())
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{where}: no base64: {error}") from error


def _parsed(text: bytes) -> Any:
    if len(text) > LARGEST_CARD:
        raise ValueError(f"more than {LARGEST_CARD} bytes are no card")
    card = json.loads(text.decode("utf-8-sig"), parse_constant=no_number)
    level, depth = [card], 0
    while level := [v for inner in level for v in _within(inner) if isinstance(v, dict | list)]:
        depth += 1
        if depth >= DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} deep")
    json.dumps(card, ensure_ascii=False, allow_nan=False).encode()  # half a character, a number past all numbers
    return card


def _within(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def spec_of(card: dict[str, Any]) -> str:
    """v1, v2 or v3; a later one counts as v3, and one that is not named as what it looks like."""
    if not isinstance(card.get("data"), dict):
        return "v1"
    return "v2" if card.get("spec", "chara_card_v2") == "chara_card_v2" else "v3"


def fields(card: dict[str, Any]) -> dict[str, Any]:
    """Where the card's fields stand: under `data`, and at its top in V1."""
    inner: dict[str, Any] = card if spec_of(card) == "v1" else card["data"]
    return inner


def string(inner: dict[str, Any], name: str) -> str:
    value = inner.get(name)
    return value if isinstance(value, str) else ""


def extensions(card: dict[str, Any]) -> dict[str, Any]:
    """What applications have added; V1 knows of none."""
    value = None if spec_of(card) == "v1" else fields(card).get("extensions")
    return value if isinstance(value, dict) else {}


def told(card: dict[str, Any]) -> list[str]:
    """The texts of TOLD as they are read: macros spoken out, in one spelling."""
    inner = fields(card)
    name = string(inner, "nickname") or string(inner, "name")
    texts = [string(inner, field) for field in TOLD]
    chinese = language_of("".join(texts)) == "zh"
    return [normalise(spoken(text, name, chinese)) for text in texts]


def spoken(text: str, name: str, chinese: bool) -> str:
    """Macros as a reader would say them: the character's name, and "you" for the one who talks with it."""

    def say(found: re.Match[str]) -> str:
        if found["aside"]:
            return ""
        if found["char"]:
            return name
        start, following = found["start"] or "", found["next"] or ""
        if chinese:
            return f"{start}你{following}"
        you = _YOUR[following.lower().lstrip(" '’")]
        return start + (you if found["start"] is None else you[0].upper() + you[1:])

    return _SPOKEN.sub(say, text)


def without_ours(card: dict[str, Any]) -> dict[str, Any]:
    """The card as it was before this project wrote into its extensions."""
    if OURS not in extensions(card):
        return card
    rest = {k: v for k, v in extensions(card).items() if k != OURS}
    return {**card, "data": {**fields(card), "extensions": rest}}


def said(card: dict[str, Any]) -> str:
    """A digest of what name and prose are read from: another one, and somebody has edited the card."""
    return digest(*(string(fields(card), field) for field in ("name", *TOLD)))


def whole(card: dict[str, Any]) -> str:
    return digest(canonical(without_ours(card)))


def seed_of(card: Any, held: dict[str, str]) -> dict[str, Any]:
    """The seed that a card tells of, as its author might have written it; raises ValueError for what is no card."""
    if not isinstance(card, dict):
        raise ValueError(f"a card is an object, not {type(card).__name__}")
    inner = fields(card)
    if not any(isinstance(inner.get(field), str) for field in ("name", *TOLD)):
        raise ValueError("no character card: it has neither name nor description")
    if not normalise(string(inner, "name")):
        raise ValueError("the card names nobody")
    kept = {"card": card, "card_from": {"spec": spec_of(card), **held}}
    ours = extensions(card).get(OURS)
    if isinstance(ours, dict):
        return _again(card, ours) | ({} if ours.get("whole") == whole(card) else kept)
    if not any(texts := told(card)):
        raise ValueError(f"the card tells nothing of its character: {' and '.join(TOLD)} are empty")
    return {"name": inner["name"], "prose": "\n".join(filter(None, texts)), **_origin(card), **kept}


def _origin(card: dict[str, Any]) -> dict[str, str]:
    """Whose the card is, and under which licence, where it says so."""
    inner = fields(card)
    listed = inner.get("source")  # V3: where the card has stood
    sources = [
        string(inner, "creator"),
        *(s for s in (listed if isinstance(listed, list) else []) if isinstance(s, str)),
    ]
    licences = [string(place, key) for place in (inner, extensions(card)) for key in ("licence", "license")]
    licence = next(filter(str.strip, licences), "")
    return {"source": next(filter(normalise, sources), NOBODY), **({"licence": licence} if licence else {})}


def _again(card: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """A seed that went out as a card: as it was, but for what somebody has edited in the card since."""
    extras = ours.get("extras")
    seed: dict[str, Any] = dict(_origin(card))
    seed |= {k: v for k, v in (extras if isinstance(extras, dict) else {}).items() if k not in SEEDS.names}
    seed |= {k: v for k, v in ours.items() if k in COLUMNS}
    if ours.get("said") != said(card):
        texts = told(card)
        if texts[-1] == seed.get("style"):  # which went out as the personality
            texts.pop()
        seed |= {"name": fields(card)["name"], "prose": "\n".join(filter(None, texts))}
        pins = seed.get("pins")
        if isinstance(pins, list):  # a pin whose evidence is gone is gone too
            seed["pins"] = [p for p in pins if isinstance(p, dict) and str(p.get("evidence")) in seed["prose"]]
    return seed
