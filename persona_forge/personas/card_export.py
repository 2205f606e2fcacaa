"""From seeds to Character Cards: V2 or V3, as JSON, as a picture, as an archive.

A seed that came from a card goes out as that card: what was in it stands again, value for value, and only what was
edited in the seed (its name, its prose) is changed, in the field that it was read from. Any other seed becomes a card
of its own. What a reader could not tell from the card alone goes into its extensions under our key, so that the card
can be read again as the same seed; an unedited card needs no such thing, and leaves as it came.

Going from V3 to V2 drops nothing: V3's own fields stay in the data, where V2 allows fields that it does not know.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import tee
from pathlib import Path
from typing import Any, BinaryIO, Literal

from persona_forge.core.errors import SeedsError, StorageError
from persona_forge.core.ids import canonical, digest, key64
from persona_forge.core.stage import Reject
from persona_forge.personas.curate import curated
from persona_forge.personas.readers import charx, png
from persona_forge.personas.readers.cards import (
    COLUMNS,
    OURS,
    TOLD,
    fields,
    read_card,
    said,
    seed_of,
    spec_of,
    string,
    told,
    whole,
    without_ours,
)
from persona_forge.personas.readers.record import Record
from persona_forge.space.model import Ontology
from persona_forge.text.normalise import normalise

Spec = Literal["v2", "v3"]
Form = Literal["json", "png", "charx"]
Card = dict[str, Any]
_NAMES = {
    "v2": {"spec": "chara_card_v2", "spec_version": "2.0"},
    "v3": {"spec": "chara_card_v3", "spec_version": "3.0"},
}
_V1 = ("name", "description", "personality", "scenario", "first_mes", "mes_example")
_V2: Card = {
    **dict.fromkeys((*_V1, "creator_notes", "system_prompt", "post_history_instructions"), ""),
    "alternate_greetings": [],
    "tags": [],
    "creator": "",
    "character_version": "",
    "extensions": {},
}
_MUST: dict[str, Card] = {"v2": _V2, "v3": {**_V2, "group_only_greetings": []}}
"""The fields that a card must have, with what stands for nothing."""
_SUFFIXES: dict[Form, tuple[str, ...]] = {"json": (), "png": (".png", ".apng"), "charx": (".charx",)}
"""Of the files that hold more than a card, when cards of this form are written."""
_UNSAFE = re.compile(r"[^\w\-. ()]+")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
"""Names that are no files on Windows."""
LONGEST_NAME = 50


def cards_of(seeds: Iterable[Mapping[str, Any]], ontology: Ontology, spec: Spec) -> Iterator[Card]:
    """The card of each row of the seeds table, in order."""
    pairs, read = tee((seed, _plain_card(seed, spec)) for seed in seeds)
    found = curated((_record(seed, card) for seed, card in read), ontology, ())
    for (seed, card), (_, again) in zip(pairs, found, strict=True):
        extras = json.loads(seed["extras"])
        if _original(seed) is None:
            yield _with_ours(card, seed, {"extras": extras, "whole": whole(card)})
            continue
        del extras["card"], extras["card_from"]
        if extras or isinstance(again, Reject) or _columns(again) != _columns(seed):
            yield _with_ours(card, seed, {"extras": extras})
        else:
            yield card


def _original(seed: Mapping[str, Any]) -> Card | None:
    """The card that the seed came from."""
    extras = json.loads(seed["extras"])
    card = extras.get("card")
    return card if isinstance(card, dict) and isinstance(extras.get("card_from"), dict) else None


def _plain_card(seed: Mapping[str, Any], spec: Spec) -> Card:
    """The seed's card, without anything under our key."""
    original = _original(seed)
    return as_spec(_fresh(seed), spec) if original is None else _edited(as_spec(without_ours(original), spec), seed)


def _record(seed: Mapping[str, Any], card: Card) -> Record:
    """What a reader makes of this card; of one of ours it makes nothing of use."""
    try:
        return Record("", "", None if _original(seed) is None else seed_of(card, {}))
    except ValueError as error:
        return Record("", "", None, str(error))


def _columns(seed: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in seed.items() if k in COLUMNS}


def _with_ours(card: Card, seed: Mapping[str, Any], more: Card) -> Card:
    ours = {**_columns(seed), **more, "said": said(card)}
    inner = fields(card)
    extensions = inner.get("extensions")
    extended = {**(extensions if isinstance(extensions, dict) else {}), OURS: ours}
    return {**card, "data": {**inner, "extensions": extended}}


def as_spec(card: Card, spec: Spec) -> Card:
    """The card as V2 or V3; one that is so already stays as it is, others are given what they must have."""
    if card.get("spec") == _NAMES[spec]["spec"] and spec_of(card) != "v1":
        return card
    moved = _V1 if spec_of(card) == "v1" else ()
    data = {**_MUST[spec], **{k: card[k] for k in moved if k in card}, **(fields(card) if not moved else {})}
    if spec == "v3" and isinstance(data.get("character_book"), dict):
        data["character_book"] = _book_v3(data["character_book"])
    return {**{k: v for k, v in card.items() if k not in moved}, **_NAMES[spec], "data": data}


def _book_v3(book: Card) -> Card:
    entries = book.get("entries")
    if not isinstance(entries, list):
        return book
    return {**book, "entries": [{"use_regex": False, **e} if isinstance(e, dict) else e for e in entries]}


def _fresh(seed: Mapping[str, Any]) -> Card:
    """A card of a seed that never was one."""
    lines = [f"<START>\n{{{{char}}}}: {phrase['text']}" for phrase in seed["catchphrases"]]
    return {**_NAMES["v2"], "data": {
        **_V2, "name": seed["name"] or seed["seed_id"], "description": seed["prose"], "personality": seed["style"],
        "mes_example": "\n".join(lines), "creator": seed["source"], "tags": [seed["language"]],
        "creator_notes": f"Seed {seed['seed_id']} of {seed['source']}, licence: {seed['licence']}.",
    }}  # fmt: skip


def _edited(card: Card, seed: Mapping[str, Any]) -> Card:
    """The card with the seed's name and prose where they differ from its own."""
    if seed["name"] and normalise(string(fields(card), "name")) != seed["name"]:
        card = _set(card, {"name": seed["name"]})
    texts = told(card)
    if "\n".join(filter(None, texts)) == seed["prose"]:
        return card
    edited, (description, personality) = seed["prose"], texts
    if personality and edited.endswith("\n" + personality):
        return _set(card, {TOLD[0]: edited.removesuffix("\n" + personality)})
    if description and edited.startswith(description + "\n"):
        return _set(card, {TOLD[1]: edited.removeprefix(description + "\n")})
    return _set(card, {TOLD[0]: edited, TOLD[1]: ""})


def _set(card: Card, new: dict[str, str]) -> Card:
    """Also at the card's top, where many tools mirror the fields of V1."""
    inner = fields(card)
    mirrored = {k: v for k, v in new.items() if k in card and card[k] == inner.get(k)}
    return {**card, **mirrored, "data": {**inner, **new}}


def write_cards(
    seeds: Sequence[Mapping[str, Any]], ontology: Ontology, to: Path, spec: Spec, form: Form, sources: Iterable[Path]
) -> tuple[list[Path], list[str]]:
    """Writes each seed's card into a folder; the files, and the seeds that lost their card's picture or assets.

    `sources` are the card files that are: pixels and assets are taken out of those that hold the very card that a seed
    came from. Raises SeedsError rather than write over a file, StorageError where nothing can be written.
    """
    at_hand = _at_hand(sources, form)
    paths = [to / name for name in _file_names(seeds, form)]
    if there := [path for path in paths if path.exists()]:
        raise SeedsError(f"{there[0]} is there already", todo="name another folder with --to")
    bare = []
    try:
        to.mkdir(parents=True, exist_ok=True)
        for seed, path, card in zip(seeds, paths, cards_of(seeds, ontology, spec), strict=True):
            source = at_hand.get(digest(canonical(_original(seed))))
            whole_file = _write(path, card, form, source, seed)
            if not whole_file and _came_as(seed) in (("charx",) if form == "json" else ("charx", "png")):
                bare.append(seed["seed_id"])
    except OSError as error:
        raise StorageError(f"the cards cannot be written to {to}: {error.strerror}") from error
    return paths, bare


def _at_hand(sources: Iterable[Path], form: Form) -> dict[str, Path]:
    """Files of this form by the card in them."""
    found = {}
    for path in sources:
        if path.suffix.lower() in _SUFFIXES[form]:
            for record in read_card(path):
                if record.data and "card" in record.data:
                    found[digest(canonical(record.data["card"]))] = path
    return found


def _came_as(seed: Mapping[str, Any]) -> str:
    """The form of the file that the seed's card came in; empty for a seed that came from none."""
    return "" if _original(seed) is None else str(json.loads(seed["extras"])["card_from"].get("form"))


def _write(path: Path, card: Card, form: Form, source: Path | None, seed: Mapping[str, Any]) -> bool:
    """Whether it was written with all that its source holds beside the card."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as out, source.open("rb") if source else nullcontext() as given:
        try:
            _fill(out, card, form, given, key64("picture", seed["seed_id"]))
        except ValueError:  # the source holds what cannot be copied: more than any card needs
            source = None
            out.seek(0)
            out.truncate()
            _fill(out, card, form, None, key64("picture", seed["seed_id"]))
    part.replace(path)
    return source is not None


def _fill(out: BinaryIO, card: Card, form: Form, source: BinaryIO | None, bits: int) -> None:
    text = json.dumps(card, ensure_ascii=False, indent=1 if form == "json" else None).encode()
    if form == "json":
        out.write(text)
    elif form == "charx":
        charx.write_card(source, out, text)
    else:
        texts = {"chara": json.dumps(as_spec(card, "v2"), ensure_ascii=False).encode()}  # for readers that know no V3
        texts |= {"ccv3": text} if spec_of(card) == "v3" else {}
        png.write_card(source or io.BytesIO(png.drawn(bits)), out, {k: base64.b64encode(v) for k, v in texts.items()})


def _file_names(seeds: Sequence[Mapping[str, Any]], form: Form) -> list[str]:
    """The seeds' names as names of files: safe on every system, each only once however letters are cased."""
    taken: set[str] = set()
    names = []
    for seed in seeds:
        first = _safe(seed["name"] or seed["seed_id"])
        stem, number = first, 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{first} ({number})"
        taken.add(stem.casefold())
        names.append(f"{stem}.{form}")
    return names


def _safe(name: str) -> str:
    plain = _UNSAFE.sub("_", normalise(name)).strip(" ._")[:LONGEST_NAME].strip(" ._")
    return f"card {plain}".strip() if not plain or _DEVICES.match(plain) else plain
