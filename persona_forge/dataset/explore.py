"""What the explore app asks a run: how many, what stands together, and samples that one can read.

Counts of one or two dimensions are SQL over dictionary columns, a few tenths of a second at ten million rows. What
coverage needs, all pairs of dimensions at once, is one pass of `witness`, over some shards or over all; what only some
of the rows were looked at for says so: `rows` of `total`. Names of dimensions come from the run's own ontology.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.dataset.catalog import query
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.infeasible import Court
from persona_forge.dataset.witness import Numbering, Seen, look, numbering
from persona_forge.space.ontology import LANGUAGE, LANGUAGES, Ontology, read_ontology
from persona_forge.text.prose import cards

Square = npt.NDArray[np.bool_]
"""[value, value]: whether the two can stand, or do stand, together."""

AT_ONCE = 500_000
"""Rows that are looked at without being asked for all of them."""
MOST_ROWS = 1_000
"""Of an answer that is shown."""


@dataclass(frozen=True)
class Coverage:
    """Which pairs of values stand in a row, by language, as far as the rows were looked at."""

    values: Numbering
    rows: int
    total: int
    standing: Mapping[str, Square]
    possible: Mapping[str, Square]

    @cached_property
    def whole(self) -> bool:
        return self.rows == self.total

    def shares(self, language: str | None = None) -> pl.DataFrame:
        """For every two dimensions, both ways round: the pairs that can be, and how many of them stand in a row."""
        standing, possible = self._of(self.standing, language), self._of(self.possible, language)
        found = []
        for a, b in combinations(self.values.values, 2):
            block = np.ix_(self.values.of(a), self.values.of(b))
            can = int(possible[block].sum())
            does = int((standing & possible)[block].sum())
            found += [(a, b, does, can), (b, a, does, can)]
        frame = pl.DataFrame(found, schema=["a", "b", "standing", "possible"], orient="row")
        return frame.with_columns(share=pl.when(pl.col("possible") > 0).then(pl.col("standing") / pl.col("possible")))

    def table(self, a: str, b: str, language: str | None = None) -> pl.DataFrame:
        """Every value of the one with every value of the other, and whether they can stand together."""
        possible = self._of(self.possible, language)
        number = self.values.number
        rows = [(x, y, bool(possible[number[a, x], number[b, y]]))
                for x, y in product(self.values.values[a], self.values.values[b])]  # fmt: skip
        return pl.DataFrame(rows, schema=["a", "b", "possible"], orient="row")

    def _of(self, squares: Mapping[str, Square], language: str | None) -> Square:
        chosen = [square for known, square in squares.items() if language in (None, known)]
        return np.logical_or.reduce(chosen) if chosen else np.zeros([len(self.values.names)] * 2, bool)


class Explorer:
    """One run, as it is sealed when asked."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.card = folder.read_card()

    @cached_property
    def ontology(self) -> Ontology:
        return read_ontology(self.folder.ontology.read_text(encoding="utf-8"), self.folder.ontology.name)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(d.name for d in self.ontology.dimensions)

    def ask(self, sql: str) -> pl.DataFrame:
        frame = pl.from_arrow(query(self.folder, sql))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def answer(self, sql: str) -> tuple[pl.DataFrame, bool]:
        """The answer to what somebody typed, and whether that is all of it: no more than MOST_ROWS are shown."""
        asked = sql.strip().rstrip(";")
        if not asked:
            raise Misuse("there is no query", allowed="one SELECT statement")
        frame = self.ask(f"SELECT * FROM (\n{asked}\n) LIMIT {MOST_ROWS + 1}")
        return frame.head(MOST_ROWS), frame.height <= MOST_ROWS

    def rows(self, table: str) -> int:
        return sum(seal.rows for seal in self.folder.seals(table))

    def rejects(self) -> pl.DataFrame:
        return self.ask("SELECT stage, reason, count(*) AS rows, min(detail) AS example FROM rejects"
                        " GROUP BY ALL ORDER BY rows DESC, reason")  # fmt: skip

    # Marginals

    def marginal(self, dimension: str) -> pl.DataFrame:
        """Rows a value and language, in the order of the ontology, and their share of those that have a value."""
        counted = self._counted(["value", "language"], [self._column(dimension), "language"])
        order = {value: n for n, value in enumerate(self.ontology.dimension(dimension).names)}
        return (
            counted.with_columns(share=pl.col("rows") / pl.col("rows").sum().over("language"),
                                 place=pl.col("value").replace_strict(order, default=len(order)))
            .sort("place", "language").drop("place")
        )  # fmt: skip

    def targets(self, dimension: str) -> pl.DataFrame:
        """What the settings want of this dimension: value, language (null for both together), share."""
        wanted = [t for t in self.card["config"]["personas"].get("targets", ()) if t["of"] in (dimension, [dimension])]
        rows = [(value, t["language"], share) for t in wanted for value, share in t["shares"].items()]
        return pl.DataFrame(rows, {"value": pl.String, "language": pl.String, "share": pl.Float64}, orient="row")

    # Coverage

    def coverage(self, most: int = AT_ONCE) -> Coverage:
        """Of shards evenly spread, up to so many rows, at least one; and of the covering array, where it is laid."""
        values, total = numbering(self.ontology), self.rows("personas")
        seals = self.folder.seals("personas")
        some = min(len(seals), max(1, len(seals) * most // max(1, total)))
        chosen = [seals[n * len(seals) // some] for n in range(some)] if seals else []
        seen = look(self.folder.fetched("personas", [seal.shard for seal in chosen]), values, 2).seen
        standing = {language: self._square(values, its) for language, its in seen.items() if its.rows}
        for language, traits in self._laid().iter_rows() if standing else ():
            numbers = [values.number[trait["dimension"], trait["value"]] for trait in traits]
            standing.setdefault(language, self._none(values))[np.ix_(numbers, numbers)] = True
        whole = len(chosen) == len(seals)
        possible = {
            language: ~self._ruled_out(values, language, seen[language] if whole else None) for language in standing
        }
        return Coverage(values, sum(its.rows for its in seen.values()), total, standing, possible)

    def together(self, a: str, b: str, language: str | None = None) -> pl.DataFrame:
        """Rows for every two values that stand in one."""
        return self._counted(["a", "b"], [self._column(a), self._column(b)], language)

    def _counted(self, names: Sequence[str], columns: Sequence[str], language: str | None = None) -> pl.DataFrame:
        """Rows for every choice of values in these columns that stands in any."""
        if not self.rows("personas"):  # and no dimension has a column yet
            return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), "rows": pl.Int64})
        said = ", ".join(f"{column}::VARCHAR AS {name}" for name, column in zip(names, columns, strict=True))
        known = [f"{column} IS NOT NULL" for column in columns]
        known += [f"language = {_text(language)}"] if language else []
        return self.ask(f"SELECT {said}, count(*) AS rows FROM personas WHERE {' AND '.join(known)} GROUP BY ALL")

    def _square(self, values: Numbering, seen: Seen) -> Square:
        square = ~self._none(values)
        _strike(square, seen.open)
        return square

    def _none(self, values: Numbering) -> Square:
        return np.zeros([len(values.names)] * 2, bool)

    def _laid(self) -> pl.DataFrame:
        """Rows of the covering array whose personas are sealed."""
        sealed = pl.col("shard").is_in(self.folder.names("personas"))
        first = self.folder.scan("quotas").filter(pl.col("first") == 0, sealed).select("seed_id", "stop")
        cover = self.folder.scan("cover").join(first, on="seed_id")
        return cover.filter(pl.col("place") < pl.col("stop")).select("language", "traits").collect()

    def _ruled_out(self, values: Numbering, language: str, seen: Seen | None) -> Square:
        """What single relations forbid; where all rows were looked at, also what they forbid together."""
        out = self._none(values)
        for choice in (choice for relation in self.ontology.relations for choice in relation.forbids):
            names = sorted(set(choice) - {LANGUAGE})
            if len(names) <= 2 and names and language in choice.get(LANGUAGE, LANGUAGES):
                first, *others = [np.array([values.number[name, v] for v in choice[name]]) for name in names]
                out[np.ix_(first, others[0] if others else np.arange(len(out)))] = True
        out |= out.T
        if seen is not None:
            with Court(self.ontology, values, language, self.folder.scan("seeds").head(0).collect()) as court:
                left = [pair for pair in seen.open.tolist() if not out[*pair]]
                none = [pair for pair in left if court.judge(pair).kind == "infeasible"]
            _strike(out, np.array(none, np.int32).reshape(-1, 2), True)
        return out

    # Families, drift

    def families(self) -> pl.DataFrame:
        """Families of two or more seeds, the largest first: its split and its members."""
        return self.ask("""
            SELECT f.family, any_value(f.split) AS split, any_value(s.language) AS language, count(*) AS seeds,
                   max(f.similarity) AS nearest,
                   list({'seed_id': s.seed_id, 'name': s.name, 'prose': s.prose, 'similarity': f.similarity}
                        ORDER BY f.similarity DESC, s.seed_id) AS members
            FROM families f JOIN seeds s USING (seed_id)
            GROUP BY f.family HAVING count(*) > 1 ORDER BY seeds DESC, f.family""")

    def splits(self) -> pl.DataFrame:
        return self.ask("SELECT split, count(DISTINCT family) AS families, count(*) AS seeds FROM families"
                        " GROUP BY split ORDER BY seeds DESC")  # fmt: skip

    def drift(self) -> pl.DataFrame:
        return self.ask("SELECT language, attack, depth, avg(in_character) AS in_character, sum(looks) AS looks"
                        " FROM drift GROUP BY ALL ORDER BY ALL")  # fmt: skip

    def half_life(self) -> pl.DataFrame:
        return self.ask("SELECT * FROM half_life ORDER BY half_life_turns NULLS LAST LIMIT 200")

    # Samples

    def persona(self, number: int) -> dict[str, Any] | None:
        """A row drawn by a number: seed, traits and the card it makes."""
        seals = [seal for seal in self.folder.seals("personas") if seal.rows]
        if not seals:
            return None
        draw = random.Random(number)
        seal = draw.choices(seals, [seal.rows for seal in seals])[0]
        row = self.folder.scan("personas", [seal.shard]).slice(draw.randrange(seal.rows), 1).collect()
        seed_id = row.item(0, "seed_id")
        seeds = self.folder.scan("seeds").filter(pl.col("seed_id") == seed_id).collect()
        traits = row.select(self.dimensions).row(0, named=True)
        return {
            "persona_id": row.item(0, "persona_id").hex(),
            "seed": seeds.row(0, named=True),
            "traits": traits,
            "card": cards(row, seeds, self.ontology)[0],
            "origin": row.item(0, "origin"),
            "split": row.item(0, "split"),
        }

    def scenes(self, most: int = MOST_ROWS) -> pl.DataFrame:
        """Those that were written, by what is in them."""
        return self.ask("SELECT c.scene_id, c.language, c.kind, c.domain, coalesce(c.attack, c.exit, '') AS pressure,"
                        " c.depth, len(s.turns) AS turns, c.tone, c.relationship, d.name, s.seed_id, s.persona_id"
                        " FROM scripts s JOIN scenes c USING (scene_id) JOIN seeds d ON d.seed_id = s.seed_id"
                        f" ORDER BY c.language, c.kind, c.scene_id LIMIT {most}")  # fmt: skip

    def dialogue(self, scene_id: str) -> list[dict[str, Any]]:
        """Its turns, each with its sound where there is one."""
        turns = self.ask(f"SELECT unnest(turns, recursive := true), script_id FROM scripts"
                         f" WHERE scene_id = {_text(scene_id)}").to_dicts()  # fmt: skip
        heard = sounds(self.folder, turns[0]["script_id"]) if turns else {}
        return [{**turn, "sound": heard.get((turn["turn"], turn["text"]))} for turn in turns]

    def _column(self, dimension: str) -> str:
        self.ontology.dimension(dimension)
        return f'"{dimension}"'


def sounds(folder: Folder, script_id: str) -> dict[tuple[int, str], bytes]:
    """What was spoken of a script: turn and words → FLAC."""
    clips = folder.scan("clips").filter(pl.col("script_id") == script_id).select("turn", "text", "audio").collect()
    return {(turn, text): audio["bytes"] for turn, text, audio in clips.iter_rows()}


def _strike(square: Square, pairs: npt.NDArray[np.int32], value: bool = False) -> None:
    square[pairs[:, 0], pairs[:, 1]] = value
    square[pairs[:, 1], pairs[:, 0]] = value


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
