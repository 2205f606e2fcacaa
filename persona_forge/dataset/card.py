"""The data card of a run: what it is, where it comes from, how it was made, what is known of it and what is not.

`card` gathers the facts; a Card writes them as Markdown, and as one HTML page with its plots inside that asks nothing
of any other place. Every value is escaped for the language that it stands in, so that an author's prose is text
wherever it comes up. The same run gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persona_forge.dataset import card_facts as ask
from persona_forge.dataset import svg
from persona_forge.dataset.explore import Explorer
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import funnel
from persona_forge.dataset.shards import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

    from persona_forge.dataset.certificate import Certificate

FEW_PAIRS = 20
"""Of fewer no interval is worth a warning."""
FAKES = {"scripted": "Dialogues were written by a fixed script and not by a language model: they show the form alone.",
         "tone": "Clips are tones in the place of speech.",
         "deaf": "Nobody listened: no words were recognised, and no error rate is known."}  # fmt: skip
UNHEARD = ("Mood, age, timbre and style are what was asked for. Nothing here measures them: they are known to be heard "
           "only where listeners said so.")  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    facts: Mapping[str, Any]

    def markdown(self) -> str:
        return _filled("card.md.j2", self.facts)

    def html(self) -> str:
        return _filled("card.html.j2", {**self.facts, "plots": _plots(self.facts)})

    def write(self, out: Path) -> list[Path]:
        """card.md and card.html in a folder."""
        paths = [out / "card.md", out / "card.html"]
        for path, text in zip(paths, (self.markdown(), self.html()), strict=True):
            write_text(path, text)
        return paths


def card(
    folder: Folder, *, certificate: Certificate | None, spent: Mapping[str, float],
    length_auc: tuple[float, float, float] | None,
) -> Card:  # fmt: skip
    """`certificate` of the personas, if there are some; tokens and money `spent`; how well length tells chosen from
    rejected replies, with its interval: what other parts of the project know."""
    run = Explorer(folder)
    facts: Row = {
        "version": version("persona_forge"), "id": ask.identity(run), "ontology": run.card["ontology"],
        "key": run.card["config"]["run"]["key"], "counts": {t: run.rows(t) for t in COUNTED},
        "seeds": ask.seeds(run), "makers": ask.makers(run), "settings": ask.settings(run), "stages": ask.stages(run),
        "engines": run.card["engines"], "spent": spent, "funnel": [s for s in funnel(folder) if s.begun],
        "rejects": run.rejects().to_dicts(), "certificate": certificate,
        "marginals": _marginals(run, certificate), "splits": run.splits().to_dicts(),
        "families": run.families().select("seeds", "nearest").to_dicts(),
        "pairs": ask.pairs(run), "deciders": ask.deciders(run), "auc": length_auc, "drift": ask.drift(run),
        "half_life": ask.half_life(run), "agreements": ask.agreements(run), "speech": ask.speech(run),
        "length": ask.length(run), "obedience": ask.obedience(run), "turns": ask.turn_taking(run),
        "listened": ask.listened(run), "dialogues": ask.dialogues(run), "withdrawn": ask.withdrawn(run),
    }  # fmt: skip
    return Card({**facts, "limits": list(_limits(facts))})


COUNTED = ("seeds", "personas", "scenes", "scripts", "pairs", "clips")


def _marginals(run: Explorer, certificate: Certificate | None) -> list[Row]:
    """Of each dimension the share of every value by language, and its targets; those with targets first."""
    if certificate is None:
        return []
    found = []
    for dimension in run.ontology.dimensions:
        shares: dict[str, dict[str, float]] = {}
        for coverage in certificate.coverage:
            counts = coverage.marginals[dimension.name]
            whole = sum(counts.values())
            shares[coverage.language] = {value: n / whole if whole else 0.0 for value, n in counts.items()}
        wanted = run.targets(dimension.name)
        targets = {(row["value"], language): row["share"] for row in wanted.to_dicts()
                   for language in ([row["language"]] if row["language"] else shares)}  # fmt: skip
        labels = {value.name: _words(value.name) for value in dimension.values}
        found.append({"name": dimension.name, "labels": labels, "shares": shares, "targets": targets})
    return sorted(found, key=lambda m: not m["targets"])


def _limits(facts: Row) -> Iterable[str]:
    """What a reader must know, as far as it follows from the facts."""
    engines = {choice["engine"] for choice in facts["engines"].values()}
    yield from (says for fake, says in FAKES.items() if fake in engines)
    unread = facts["counts"]["seeds"] - sum(row["approved"] for row in facts["seeds"])
    if unread:
        yield f"{unread:,} of {facts['counts']['seeds']:,} seeds were not approved by a reviewer."
    if unlicensed := sum(row["seeds"] for row in facts["seeds"] if row["licence"] in ("", "unknown")):
        yield f"Of {unlicensed:,} seeds the licence is not known: do not publish what grew from them."
    looked = {row["decided_by"]: row["pairs"] for row in facts["deciders"]}
    if alone := looked.get("writer", 0):
        of = sum(looked.values())
        yield f"{alone:,} of {of:,} pairs were looked at by nobody: what the writer was asked for is what counts."
    if looked and "annotator" not in looked:
        yield "No pair was decided by a person."
    if facts["auc"] and facts["counts"]["pairs"] >= FEW_PAIRS and facts["auc"][1] > 0.5:
        yield f"Length alone tells chosen from rejected replies better than chance (AUC {facts['auc'][0]:.2f})."
    if not any(row["twice"] for row in facts["agreements"]):
        yield "Nothing was judged by two people: how far annotators agree is not known."
    if facts["counts"]["clips"]:
        yield UNHEARD
    certificate = facts["certificate"]
    if certificate is not None:
        if certificate.holes:
            yield f"{certificate.holes:,} combinations of two traits that could stand in a row stand in none."
        for d in certificate.distances:
            if d.total_variation > 2 * d.standard_error + 0.002:
                yield f"The target for {' × '.join(d.of)} was not met: total variation {d.total_variation:.3f}."
    yield "Personas are invented. What they say of places, work or illness is said in character, and is no fact."


# Plots and text -------------------------------------------------------------------------------------------------------


def _plots(facts: Mapping[str, Any]) -> Row:
    plots: Row = {"marginals": {m["name"]: _bars(m) for m in facts["marginals"]}, "drift": {}, "obedience": {}}
    for language in sorted({row["language"] for row in facts["drift"]}):
        found = [row for row in facts["drift"] if row["language"] == language]
        cells = {(_words(row["attack"]), str(row["depth"])): row["score"] for row in found}
        attacks = sorted({_words(row["attack"]) for row in found})
        depths = [str(d) for d in sorted({row["depth"] for row in found})]
        plots["drift"][language] = svg.heat(f"In character by attack and depth, {language}", attacks, depths, cells)
    for engine in sorted({row["engine"] for row in facts["obedience"]}):
        told = [svg.Interval(_words(row["tag"]), row["share"], row["interval"], row["measured"])
                for row in facts["obedience"] if row["engine"] == engine and row["measured"]]  # fmt: skip
        if told:
            plots["obedience"][engine] = svg.intervals(f"Share obeyed by tag, {engine}", told)
    return plots


def _bars(marginal: Row) -> str:
    languages = sorted(marginal["shares"])
    rows = [
        svg.Bar(
            label,
            tuple((language, marginal["shares"][language][value]) for language in languages),
            tuple((language, marginal["targets"][value, language]) for language in languages
                  if (value, language) in marginal["targets"]),
        )
        for value, label in marginal["labels"].items()
    ]  # fmt: skip
    return svg.bars(f"Shares of {marginal['name']}", rows, languages)


_SPECIAL = re.compile(r"[\\`*_\[\]#|~!@$^]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FIRST = re.compile(r"^([-+=]|\d+(?=[.)](?:\s|$)))")


def markdown_text(said: object) -> str:
    """Text that Markdown shows as it is: no markup, no HTML, no link, no second line."""
    line = _SPECIAL.sub(r"\\\g<0>", " ".join(str(said).split())).translate(_ENTITIES)
    line = line.replace("://", ":\\//").replace("www.", "www\\.").replace("WWW.", "WWW\\.")
    return _FIRST.sub(lambda m: f"\\{m[0]}" if m[0] in "-+=" else f"{m[0]}\\", line)


@cache
def _environment(markdown: bool) -> Environment:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def text(value: object) -> object:
        return value if isinstance(value, Markup) else markdown_text(value)

    made = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
                       autoescape=not markdown, finalize=text if markdown else None)  # fmt: skip
    made.filters.update(n=_count, share=_share, real=_real, segments=_segments, words=_words, svg=Markup)
    return made


def _filled(name: str, facts: Mapping[str, Any]) -> str:
    source = (files("persona_forge.dataset") / name).read_text(encoding="utf-8")
    return _environment(name.endswith(".md.j2")).from_string(source).render(facts)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _real(value: float | None, places: int = 2) -> str:
    return "–" if value is None else f"{value:,.{places}f}"


def _segments(tagged: str) -> Sequence[tuple[str, str]]:
    """Tagged words as ("words" | "cue", text) in order; a text that cannot be parsed is words."""
    from persona_forge.core.errors import ForgeError
    from persona_forge.text.tags import parse

    try:
        words, cues = parse(tagged)
    except ForgeError:
        return [("words", tagged)]
    parts, at = [], 0
    for cue in cues:
        value = "" if cue.value is None else f" {cue.value:g}"
        parts += [("words", words[at : cue.char_pos]), ("cue", _words(cue.name) + value)]
        at = cue.char_pos
    return [(kind, text) for kind, text in (*parts, ("words", words[at:])) if text]
