"""The certificate of a run: what its personas cover, what they cannot, and whether any of them is wrong.

It is worked out from the finished Parquet files, the seeds and the run's ontology alone; of the sampler's package it
uses the reader of the ontology's file and nothing else. `recount` asks for violations and duplicates by SQL; `witness`
finds a row for every combination of t values that has one, a language at a time; `infeasible` says why the others have
none: they cannot be, no seed permits them, or they are holes, which more rows could fill. (A row that breaks a relation
is a witness like any other; it counts among the violations.)

It does not ask whether the files are as they were sealed, nor whether a row agrees with its seed: `verify` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from persona_forge.core.errors import Corrupt, Misuse
from persona_forge.dataset.distance import Distance, Target, check_target, distances
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.infeasible import Court
from persona_forge.dataset.recount import Tally, recount
from persona_forge.dataset.shards import write_text
from persona_forge.dataset.witness import Numbering, Seen, look, numbering
from persona_forge.space.ontology import LANGUAGES, Ontology, read_ontology

MOST_COMBINATIONS = 1_000_000
"""Of one language: a minute's work or so, where no row holds them."""
EXAMPLES = 5
"""Combinations of one kind that as_json writes out; the certificate itself holds them all."""
MOST_HOLES = 1_000
"""Holes that as_json writes out."""

SEED_COLUMNS = ("seed_id", "pins", "withheld")

Combination = tuple[tuple[str, str], ...]
"""Dimensions and their values."""


@dataclass(frozen=True, slots=True)
class Infeasible:
    because: tuple[str, ...]
    """Relations, in the file's words, that leave no persona with these values, or with some of them; none of the
    relations can be spared for that."""
    combinations: tuple[Combination, ...]


@dataclass(frozen=True, slots=True)
class NotPermitted:
    pins: int
    """Seeds whose pins forbid it."""
    withheld: int
    """Seeds that withhold one of its dimensions; with those above all seeds of the language."""
    combinations: tuple[Combination, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    combination: Combination
    seed_id: str
    """A seed that permits it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    language: str
    rows: int
    seeds: int
    """Seeds that have rows."""
    combinations: int
    witnessed: int
    infeasible: tuple[Infeasible, ...]
    not_permitted: tuple[NotPermitted, ...]
    holes: tuple[Hole, ...]
    marginals: Mapping[str, Mapping[str, int]]
    """Dimension → value → rows; the rest of the rows withhold the dimension."""

    @property
    def ruled_out(self) -> int:
        return sum(len(group.combinations) for group in self.infeasible)

    @property
    def unpermitted(self) -> int:
        return sum(len(group.combinations) for group in self.not_permitted)

    def as_json(self) -> dict[str, Any]:
        counts = {"combinations": self.combinations, "witnessed": self.witnessed, "infeasible": self.ruled_out,
                  "not_permitted": self.unpermitted, "holes": len(self.holes)}  # fmt: skip
        return {
            "language": self.language,
            "rows": self.rows,
            "seeds": self.seeds,
            "coverage": counts,
            "infeasible": [{"because": g.because, **_some(g.combinations)} for g in self.infeasible],
            "not_permitted": [{"pins": g.pins, "withheld": g.withheld, **_some(g.combinations)}
                              for g in self.not_permitted],
            "holes": [{"combination": show(h.combination), "seed_id": h.seed_id} for h in self.holes[:MOST_HOLES]],
            "marginals": {dimension: dict(rows) for dimension, rows in self.marginals.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificate:
    t: int
    """How many values a combination has."""
    tally: Tally
    strays: Mapping[str, int]
    """dimension=value that the ontology does not know → rows."""
    coverage: tuple[Coverage, ...]
    """For each language that has seeds or rows."""
    distances: tuple[Distance, ...]

    @property
    def sound(self) -> bool:
        """Whether no row is wrong; holes are no fault of any row."""
        return not (self.tally.violations or self.tally.duplicates or self.tally.repeated_ids or self.strays)

    @property
    def holes(self) -> int:
        return sum(len(c.holes) for c in self.coverage)

    def as_json(self) -> dict[str, Any]:
        return {
            "certificate": 1,
            "t": self.t,
            "rows": sum(self.tally.rows.values()),
            "violations": [asdict(v) for v in self.tally.violations],
            "duplicates": self.tally.duplicates,
            "repeated_ids": self.tally.repeated_ids,
            "strays": dict(self.strays),
            "languages": [c.as_json() for c in self.coverage],
            "targets": [asdict(d) for d in self.distances],
        }

    def markdown(self) -> list[str]:
        """What it says, for a person to read."""
        wrong = [f"- {v.rows:,} rows break a relation: {v.says} ({v.why})" for v in self.tally.violations]
        wrong += [f"- {rows:,} rows have {stray}, which the ontology does not know"
                  for stray, rows in self.strays.items()]  # fmt: skip
        if self.tally.duplicates or self.tally.repeated_ids:
            wrong.append(f"- {self.tally.duplicates:,} rows and {self.tally.repeated_ids:,} ids stand there twice")
        lines = wrong or ["No row breaks a relation, and none stands there twice."]
        lines += ["", f"Combinations of {self.t} values:", ""]
        lines += ["| language | rows | seeds | combinations | in a row | cannot be | no seed permits | holes |",
                  "|---|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
        for c in self.coverage:
            counts = (c.rows, c.seeds, c.combinations, c.witnessed, c.ruled_out, c.unpermitted, len(c.holes))
            lines.append(f"| {c.language} | {' | '.join(f'{n:,}' for n in counts)} |")
        for c in self.coverage:
            if c.holes:
                some = "; ".join(show(h.combination) for h in c.holes[:EXAMPLES])
                lines += ["", f"Holes in {c.language}, which more rows could fill: {some}"]
        if self.distances:
            lines += ["", "| target | language | rows | total variation | standard error |", "|---|---|--:|--:|--:|"]
            lines += [f"| {' × '.join(d.of)} | {d.language or 'all'} | {d.rows:,} | {d.total_variation:.4f} | "
                      f"{d.standard_error:.4f} |" for d in self.distances]  # fmt: skip
        return lines


def show(combination: Combination) -> str:
    return " ".join(f"{dimension}={value}" for dimension, value in combination)


def _some(combinations: tuple[Combination, ...]) -> dict[str, Any]:
    return {"combinations": len(combinations), "examples": [show(c) for c in combinations[:EXAMPLES]]}


def certify(folder: Folder, t: int = 2, targets: Sequence[Target] = ()) -> Certificate:
    """The certificate for combinations of t values. Raises Misuse where there are too many of them."""
    try:
        text = folder.ontology.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Corrupt(f"{folder.ontology} cannot be read: {error}") from error
    ontology = read_ontology(text, folder.ontology.name)
    _check_t(t, ontology)
    for target in targets:
        check_target(target, ontology)
    files = folder.fetched("personas")
    values = numbering(ontology)
    tally = recount(files, ontology)
    found = look(files, values, t, [target.names for target in targets])
    seeds = folder.scan("seeds").filter(pl.col("review") != "rejected").sort("seed_id")
    seeds_of = {language: seeds.filter(language=language).select(SEED_COLUMNS).collect() for language in LANGUAGES}
    coverage = (
        _coverage(language, ontology, values, found.seen[language], tally, seeds_of[language])
        for language in LANGUAGES
        if found.seen[language].rows or seeds_of[language].height
    )
    strays = {f"{dimension}={value}": rows for (dimension, value), rows in sorted(found.strays.items())}
    return Certificate(t, tally, strays, tuple(coverage), tuple(distances(targets, found.seen, values)))


def write_certificate(folder: Folder, t: int = 2, targets: Sequence[Target] = ()) -> Certificate:
    """Certifies, and writes certificate.json beside run.json."""
    certificate = certify(folder, t, targets)
    text = json.dumps(certificate.as_json(), indent=1, ensure_ascii=False) + "\n"
    write_text(folder.root / "certificate.json", text)
    return certificate


def _check_t(t: int, ontology: Ontology) -> None:
    sizes = [len(d.values) for d in ontology.dimensions]
    if not 1 <= t <= len(sizes):
        raise Misuse(f"combinations of {t} values", allowed=f"1 to {len(sizes)}, the number of dimensions")
    many = [1] + [0] * t
    for size in sizes:
        many = [1] + [many[k] + many[k - 1] * size for k in range(1, t + 1)]
    if many[t] > MOST_COMBINATIONS:
        raise Misuse(f"{many[t]:,} combinations of {t} values a language", allowed=f"{MOST_COMBINATIONS:,}",
                     todo="ask for combinations of fewer values")  # fmt: skip


def _coverage(
    language: str, ontology: Ontology, values: Numbering, seen: Seen, tally: Tally, seeds: pl.DataFrame
) -> Coverage:
    infeasible: dict[tuple[int, ...], list[Combination]] = {}
    not_permitted: dict[int, list[Combination]] = {}
    holes = []
    with Court(ontology, values, language, seeds) as court:
        for numbers in seen.open.tolist():
            verdict = court.judge(numbers)
            combination = tuple(values.names[n] for n in numbers)
            if verdict.kind == "infeasible":
                infeasible.setdefault(verdict.relations, []).append(combination)
            elif verdict.kind == "not permitted":
                not_permitted.setdefault(verdict.withheld, []).append(combination)
            else:
                holes.append(Hole(combination, verdict.seed_id))
    says = [f"{r.says}: {r.why}" for r in ontology.relations]
    return Coverage(
        language,
        seen.rows,
        tally.seeds.get(language, 0),
        seen.combinations,
        seen.combinations - len(seen.open),
        tuple(Infeasible(tuple(says[r] for r in relations), tuple(its)) for relations, its in infeasible.items()),
        tuple(NotPermitted(seeds.height - n, n, tuple(its)) for n, its in not_permitted.items()),
        tuple(holes),
        {name: dict(zip(known, seen.counts[name,].tolist(), strict=True)) for name, known in values.values.items()},
    )
