"""Why a combination of traits is impossible, and what is wrong with an ontology.

A search over sets of values: whatever a relation leaves no choice about is struck out at once (as unit propagation
does), and only then is a case split tried. It shares no code with `compile`, so each can be checked against the other.
An explanation is made of relations none of which can be spared, told in the order in which they strike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from persona_forge.space.model import LANGUAGE, Choice, Ontology, Relation, show

Domains = dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Problem:
    kind: Literal["impossible", "dead value", "idle relation", "duplicate cue"]
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class _Step:
    """One choice struck: a dimension lost the values that its relation forbids beside what was known."""

    relation: Relation
    choice: Choice
    dimension: str
    left: frozenset[str]


def explain(ontology: Ontology, chosen: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences that lead from the chosen values to a contradiction; none if the choice is possible."""
    ontology.check_choice(chosen)
    start = _start(ontology, chosen)
    if _possible(start, _forbids(ontology.relations)):
        return ()
    return _tell(start, _needed(start, ontology.relations))


def problems(ontology: Ontology) -> tuple[Problem, ...]:
    """Everything in the ontology that its author will want to mend; empty if all is well."""
    found = list(_duplicate_cues(ontology))
    if why := explain(ontology, {}):
        return (*found, Problem("impossible", ontology.where, " ".join(why)))
    for name, values in ontology.domains().items():
        for value in values:
            if why := explain(ontology, {name: value}):
                place = f"dimensions.{name}.values.{value}" if name != LANGUAGE else f"{LANGUAGE} {value}"
                found.append(Problem("dead value", f"{ontology.where}: {place}", " ".join(why)))
    whole = _start(ontology, {})
    for relation in ontology.relations:
        others = _forbids(r for r in ontology.relations if r is not relation)
        if not any(_possible(whole | dict(choice), others) for choice in relation.forbids):
            found.append(Problem("idle relation", relation.where, f"{relation.says}: the other relations say so"))
    return tuple(found)


def _duplicate_cues(ontology: Ontology) -> Iterable[Problem]:
    """A cue that states two values of one dimension states neither."""
    for dimension in ontology.dimensions:
        owner: dict[tuple[str, str], str] = {}
        for value in dimension.values:
            for language, cue in ((lang, cue) for lang, cues in value.cues.items() for cue in cues):
                first = owner.setdefault((language, cue.casefold()), value.name)
                if first != value.name:
                    place = f"{ontology.where}: dimensions.{dimension.name}.values.{value.name}.cues.{language}"
                    yield Problem("duplicate cue", place, f"{cue!r} also states {dimension.name}={first}")


def _start(ontology: Ontology, chosen: Mapping[str, str]) -> Domains:
    domains = {name: frozenset(values) for name, values in ontology.domains().items()}
    return domains | {name: frozenset({value}) for name, value in chosen.items()}


def _forbids(relations: Iterable[Relation]) -> list[tuple[Relation, Choice]]:
    return [(relation, choice) for relation in relations for choice in relation.forbids]


def _propagate(domains: Domains, forbids: Sequence[tuple[Relation, Choice]]) -> tuple[Domains, list[_Step]]:
    """Strikes out values until nothing more follows; a dimension without values is a contradiction."""
    steps: list[_Step] = []
    moved = True
    while moved:
        moved = False
        for relation, choice in forbids:
            loose = [name for name, values in choice.items() if not domains[name] <= values]
            if len(loose) > 1 or (loose and not domains[loose[0]] & choice[loose[0]]):
                continue
            name = loose[0] if loose else list(choice)[-1]
            domains = domains | {name: domains[name] - choice[name]}
            steps.append(_Step(relation, choice, name, domains[name]))
            if not domains[name]:
                return domains, steps
            moved = True
    return domains, steps


def _possible(domains: Domains, forbids: Sequence[tuple[Relation, Choice]]) -> bool:
    domains, _ = _propagate(domains, forbids)
    if not all(domains.values()):
        return False
    for _, choice in forbids:
        if all(domains[name] & values for name, values in choice.items()):  # still to be decided: split here
            name = next(name for name, values in choice.items() if not domains[name] <= values)
            without, within = domains[name] - choice[name], domains[name] & choice[name]
            return any(_possible(domains | {name: part}, forbids) for part in (without, within))
    return True


def _needed(start: Domains, relations: Sequence[Relation]) -> list[Relation]:
    """Relations that contradict the start together, and none of which can be spared."""
    _, steps = _propagate(start, _forbids(relations))
    fired = [r for r in relations if any(step.relation is r for step in steps)]
    needed = fired if not _possible(start, _forbids(fired)) else list(relations)
    for relation in list(needed):
        fewer = [r for r in needed if r is not relation]
        if not _possible(start, _forbids(fewer)):
            needed = fewer
    return needed


def _tell(start: Domains, needed: Sequence[Relation]) -> tuple[str, ...]:
    domains, steps = _propagate(start, _forbids(needed))
    told = []
    known = dict(start)
    for step in steps:
        because = _short({name: known[name] for name in step.choice if name != step.dimension})
        verb, values = ("leaves", step.left) if step.left else ("rules out", known[step.dimension])
        result = f"{because} {verb} {_short({step.dimension: values})}"
        told.append(f"{result}: {step.relation.why} ({step.relation.where.split(': ')[-1]})")
        known[step.dimension] = step.left
    if all(domains.values()):  # only a case split shows the contradiction
        silent = [r for r in needed if not any(step.relation is r for step in steps)]
        told += [f"{r.says}: {r.why} ({r.where.split(': ')[-1]})" for r in silent]
        told.append("Together these leave nothing.")
    return tuple(told)


def _short(choice: Choice) -> str:
    return show({name: frozenset([*sorted(values)[:6], *["…"] * (len(values) > 6)]) for name, values in choice.items()})
