"""Families: which seeds are so much alike that no two splits of the data may have them both.

Likeness is the cosine of TF-IDF vectors over words and shingles (scikit-learn); two seeds at ALIKE or above are of one
family, and so are those that are linked through others (single linkage: what can leak through a chain does). The split
is drawn for the whole family by a hash of its name: the same in every run, with its share in each language. A family
that has a split keeps it: a seed that is added joins the family that it is most alike, and one that is like seeds of
two splits is rejected, since it would carry the one into the other.

Texts on one template ("a … from … who …") chain into one large family: that is what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import polars as pl

from persona_forge.core.ids import unit
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import FAMILIES
from persona_forge.text.near import shingles, units

ALIKE = 0.5
"""All near-duplicates of text.near are above it; so are profiles that share half of their sentences, and at 0.45 people
with nothing but a hobby and a town in common would follow."""
_BLOCK = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seed stands: what its row says, apart from its neighbour."""

    family: str
    split: str


def families(made: pl.DataFrame, seeds: pl.LazyFrame, *, validation: float, test: float) -> Made:
    """The families of the seeds that have none yet; a seed between families of two splits is rejected."""
    columns = seeds.select("seed_id", "language", "prose").sort("seed_id").collect()
    known = {r["seed_id"]: Place(r["family"], r["split"]) for r in made.iter_rows(named=True)}
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for (language,), group in columns.group_by("language", maintain_order=True):
        ids = group["seed_id"].to_list()
        places = {n: known[s] for n, s in enumerate(ids) if s in known}
        fresh = [n for n, s in enumerate(ids) if s not in known]
        near = dict(zip(fresh, neighbours(group["prose"].to_list(), str(language), fresh), strict=True))
        bridges = _place(ids, near, places, validation, test)
        rejects += [Reject(ids[n], ids[n], "bridges_splits", why) for n, why in bridges.items()]
        rows += [
            {"seed_id": ids[n], "family": places[n].family, "split": places[n].split, **_nearest(ids, near[n], places)}
            for n in fresh
            if n in places
        ]
    return Made(FAMILIES.frame(rows), len(rows) + len(rejects), tuple(rejects))


def split(family: str, validation: float, test: float) -> str:
    """The split of a family, by a hash of its name alone: stable when others come and go."""
    u = unit("split", family)
    return "test" if u < test else "validation" if u < test + validation else "train"


def neighbours(texts: Sequence[str], language: str, of: Sequence[int]) -> Iterator[list[tuple[float, int]]]:
    """For each of these places, what is like the text there: similarity and place."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not of:
        return
    vectors = TfidfVectorizer(analyzer=lambda text: _terms(text, language), dtype=np.float32).fit_transform(texts)
    every = vectors.T.tocsr()
    for first in range(0, len(of), _BLOCK):
        block = (vectors[of[first : first + _BLOCK]] @ every).tocsr()
        for row, place in enumerate(of[first : first + _BLOCK]):
            span = slice(block.indptr[row], block.indptr[row + 1])
            likeness, others = block.data[span], block.indices[span]
            close = (likeness >= ALIKE) & (others != place)
            yield list(zip(likeness[close].tolist(), others[close].tolist(), strict=True))


def _terms(text: str, language: str) -> list[str]:
    pairs = sorted(shingles(text, language))
    return [*units(text.lower(), language), *pairs] if language == "en" else pairs


def _place(
    ids: Sequence[str], near: Mapping[int, list[tuple[float, int]]], places: dict[int, Place],
    validation: float, test: float,
) -> dict[int, str]:  # fmt: skip
    """Gives every fresh seed its place, the most alike first; returns those that bridge two splits, and why."""
    bridges: dict[int, str] = {}
    links = [(-s, n, other) for n, found in near.items() for s, other in found if other in places]
    heapify(links)
    unplaced = iter(sorted(near))
    while True:
        if links:
            _, n, other = heappop(links)
            place = places[other]
        elif (n := next(unplaced, -1)) >= 0:
            place = Place(ids[n], split(ids[n], validation, test))
        else:
            return bridges
        if n in places or n in bridges:
            continue
        beside = {places[m].split: m for _, m in sorted(near[n]) if m in places}
        if len(beside) > 1:
            bridges[n] = "it is like " + " and like ".join(f"{ids[m]} ({s})" for s, m in sorted(beside.items()))
            continue
        places[n] = place
        for s, m in near[n]:
            if m in near and m not in places and m not in bridges:
                heappush(links, (-s, m, n))


def _nearest(ids: Sequence[str], near: list[tuple[float, int]], places: Mapping[int, Place]) -> dict[str, Any]:
    similarity, n = max(((s, -n) for s, n in near if n in places), default=(0.0, None))
    return {"near": None if n is None else ids[-n], "similarity": min(similarity, 1.0)}
