"""What the explore app shows that is no chart: tables, cards and dialogues, as HTML. Text of the data is only ever put
in as text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from persona_forge.core.errors import ForgeError
from persona_forge.text.tags import PAUSE, Cue, parse

Words = Callable[[str], str]
LONGEST_CELL = 200
CUES = ("cue", "emotion", "speed", "volume")
"""What an inline cue may be; each has its words."""


def tag(name: str, *inside: str, **attributes: str) -> str:
    said = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items() if value)
    return f"<{name}{said}>{''.join(inside)}</{name}>"


def cell(value: object) -> str:
    if value is None:
        return tag("td", "–", class_="none")
    if isinstance(value, bool) or not isinstance(value, int | float):
        plain = value if isinstance(value, str) else value.hex() if isinstance(value, bytes) else _json(value)
        return tag("td", escape(plain if len(plain) <= LONGEST_CELL else plain[: LONGEST_CELL - 1] + "…"))
    return tag("td", f"{value:,}" if isinstance(value, int) else f"{value:,.4g}", class_="n")


def _json(value: object) -> str:
    plain = value.to_list() if isinstance(value, pl.Series) else value
    return json.dumps(plain, ensure_ascii=False, default=str)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def numbers(place: int) -> bool:
        return any(isinstance(row[place], int | float) and not isinstance(row[place], bool) for row in rows)

    head = tag("tr", *(tag("th", escape(name), class_="n" if numbers(n) else "") for n, name in enumerate(heads)))
    return tag("div", tag("table", head, *(tag("tr", *map(cell, row)) for row in rows)), class_="rows")


def figures(named: Iterable[tuple[str, int | str]]) -> str:
    """Large numbers with what they count."""
    shown = (tag("div", tag("b", f"{n:,}" if isinstance(n, int) else escape(n)), escape(name)) for name, n in named)
    return tag("div", *shown, class_="figures")


def funnel(steps: Sequence[Any], t: Words) -> str:
    """A line a stage: what went in, what became of it, and what was made."""

    def line(step: Any) -> str:
        whole = max(1, step.came_in)
        parts = [("used", step.used), ("not_chosen", step.not_chosen), ("rejected", step.rejected),
                 ("waiting", step.waiting)]  # fmt: skip
        bar = [tag("i", style=f"width: {100 * n / whole:.2f}%", class_=name, title=f"{t(name)}: {n:,}")
               for name, n in parts if n]  # fmt: skip
        counts = [tag("td", f"{n:,}" if n else "–", class_="n") for _, n in parts[1:]]
        came_in = tag("td", f"{step.came_in:,}", tag("small", escape(step.unit)), class_="n")
        made = tag("td", f"{step.rows:,}", tag("small", escape(step.table)), class_="n")
        return tag(
            "tr", tag("th", escape(step.stage)), came_in, tag("td", tag("div", *bar, class_="bar")), *counts, made
        )

    heads = ["stage", "came_in", "went", "not_chosen", "rejected", "waiting", "made"]
    head = tag("tr", *(tag("th", escape(t(name))) for name in heads))
    return tag("div", tag("table", head, *map(line, steps), class_="funnel"), class_="rows")


def persona(found: Mapping[str, Any], labels: Mapping[str, tuple[str, Mapping[str, str]]], t: Words) -> str:
    """`labels` has for each dimension its name, and its values' names."""
    seed = found["seed"]
    pinned = {pin["dimension"]: pin["evidence"] for pin in seed["pins"]}
    traits = [
        tag("li", tag("small", escape(name)), tag("b", escape(values.get(value, value) if value else t("left_open"))),
            class_="pinned" if dimension in pinned else "" if value else "open", title=pinned.get(dimension, ""))
        for dimension, (name, values) in labels.items() for value in [found["traits"][dimension]]
    ]  # fmt: skip
    about = f"{found['persona_id']} · {seed['seed_id']} · {t(seed['language'])} · {found['origin']} · {found['split']}"
    language = seed["language"]
    card = tag("div", escape(found["card"]), class_="prose card", lang=language)
    who = [tag("h3", escape(t("seed"))), tag("h2", escape(seed["name"] or seed["seed_id"]), lang=language),
           tag("p", escape(about), class_="meta"), tag("div", escape(seed["prose"]), class_="prose", lang=language),
           tag("details", tag("summary", escape(t("card"))), card)]  # fmt: skip
    side = [tag("h3", escape(t("traits"))), note(t("traits_how")), tag("ul", *traits, class_="traits")]
    return tag("div", tag("div", *who), tag("div", *side), class_="persona")


def dialogue(turns: Iterable[Mapping[str, Any]], language: str, t: Words) -> str:
    def shown(turn: Mapping[str, Any]) -> str:
        sound = ""
        if turn["sound"]:
            source = f"data:audio/flac;base64,{base64.b64encode(turn['sound']).decode()}"
            sound = tag("audio", controls="controls", preload="none", src=source)
        head = tag("h4", escape(t(turn["role"])), tag("small", escape(turn["instruction"] or "")))
        text = tag("p", spoken(turn["text_tagged"], t), lang=language)
        return tag("li", head, text, sound, class_=turn["role"])

    return tag("ol", *map(shown, turns), class_="talk")


def spoken(tagged: str, t: Words) -> str:
    """Words with their inline cues as words of their own."""
    try:
        text, cues = parse(tagged)
    except ForgeError:
        return escape(tagged)
    parts, at = [], 0
    for cue in cues:
        parts += [escape(text[at : cue.char_pos]), tag("em", escape(_named(cue, t)), class_="cue")]
        at = cue.char_pos
    return "".join([*parts, escape(text[at:])])


def _named(cue: Cue, t: Words) -> str:
    name = next((said for kind in CUES if (said := t(f"{kind}_{cue.name}")) != f"{kind}_{cue.name}"), cue.name)
    return f"{name} {cue.value:g} s" if cue.name == PAUSE and cue.value else name


def families(rows: Iterable[Mapping[str, Any]], t: Words) -> str:
    def member(seed: Mapping[str, Any]) -> str:
        alike = f"{seed['similarity']:.0%} · {seed['seed_id']}"
        return tag("li", tag("b", escape(seed["name"] or seed["seed_id"])), tag("small", escape(alike)),
                   tag("p", escape(seed["prose"])))  # fmt: skip

    def family(row: Mapping[str, Any]) -> str:
        names = ", ".join(seed["name"] or seed["seed_id"] for seed in row["members"])
        head = tag("summary", tag("b", escape(names)), tag("small", escape(f"{row['seeds']} · {row['split']}")))
        return tag("details", head, tag("ul", *map(member, row["members"]), lang=row["language"]))

    return tag("div", *map(family, rows), class_="families")


def note(text: str, kind: str = "note") -> str:
    return tag("p", escape(text), class_=kind)
