from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_ontologies import Plain, plains

from persona_forge.core.errors import Misuse
from persona_forge.space.cover import covering_array
from persona_forge.space.cover_file import cover_file
from persona_forge.space.cover_seeds import WITHHELD, Seed, cover_seeds

Boxes = Sequence[Mapping[int, Collection[int]]]
SLOW = settings(max_examples=40, deadline=None)
FOUR_EXCLUSIONS: Boxes = [{2 * i: [i], 2 * i + 1: [i]} for i in range(4)]


def tuples_of(vectors: Sequence[Mapping[str, str]], names: Sequence[str], t: int) -> set[tuple[tuple[str, str], ...]]:
    return {tuple((n, v[n]) for n in group) for v in vectors for group in combinations(sorted(names), t)}


def missed(rows: np.ndarray, cards: Sequence[int], boxes: Boxes, t: int) -> int:
    """How many t-tuples stand in no row and hold none of the boxes; right where boxes bind no more than t together."""
    lost = 0
    for dims in combinations(range(len(cards)), t):
        seen = np.zeros([cards[d] for d in dims], np.bool_)
        seen[tuple(rows[:, d] for d in dims)] = True
        for box in boxes:
            if set(box) <= set(dims):
                seen[np.ix_(*[sorted(box.get(d, range(cards[d]))) for d in dims])] = True
        lost += int((~seen).sum())
    return lost


def broken(rows: np.ndarray, boxes: Boxes) -> int:
    return sum(
        int(np.all([np.isin(rows[:, d], list(codes)) for d, codes in box.items()], axis=0).sum()) for box in boxes
    )


@SLOW
@given(plains(), st.integers(2, 3), st.integers(0, 3))
def test_rows_are_valid_and_hold_every_tuple_that_brute_force_finds(plain: Plain, t: int, key: int) -> None:
    assume(t <= len(plain.values) and (plain.vectors("en", {}) or plain.vectors("zh", {})))
    names, rows, report = cover_file(plain.text(), "random.toml", t, key, effort=0.1)
    assert names == ("language", *sorted(plain.values))
    covered = 0
    for language in ("en", "zh"):
        own = [dict(zip(names, row, strict=True)) for row in rows if row[0] == language]
        assert all(plain.allows(row) for row in own)
        whole = tuples_of(plain.vectors(language, {}), list(plain.values), t)
        assert tuples_of(own, list(plain.values), t) == whole
        covered += len(whole)
    assert report.covered == covered
    assert report.rows == len(rows)


@SLOW
@given(plains())
def test_a_reordered_file_has_the_same_rows(plain: Plain) -> None:
    assume(plain.vectors("en", {}) or plain.vectors("zh", {}))
    assert cover_file(plain.text(), "a", 2, 7, 0.1) == cover_file(plain.text(backwards=True), "a", 2, 7, 0.1)


@st.composite
def boxed(draw: st.DrawFn) -> tuple[list[int], list[dict[int, list[int]]], int]:
    """Few dimensions, one of them large enough for two words of bits; boxes over one to four of them."""
    cards = draw(st.lists(st.integers(1, 4), min_size=3, max_size=5))
    if draw(st.booleans()):
        cards[draw(st.integers(0, len(cards) - 1))] = draw(st.sampled_from([55, 63, 64, 65, 130]))
    boxes = []
    for _ in range(draw(st.integers(0, 6))):
        dims = draw(st.lists(st.integers(0, len(cards) - 1), min_size=1, max_size=4, unique=True))
        boxes.append({d: draw(st.lists(st.integers(0, cards[d] - 1), min_size=1, unique=True)) for d in dims})
    return cards, boxes, draw(st.integers(1, len(cards)))


@SLOW
@given(boxed())
def test_any_t_any_number_of_codes_and_any_boxes(model: tuple[list[int], list[dict[int, list[int]]], int]) -> None:
    cards, boxes, t = model
    free = np.array(
        [v for v in product(*map(range, cards)) if not any(all(v[d] in c for d, c in b.items()) for b in boxes)]
    )
    array = covering_array(cards, boxes, t, 1, effort=0.05)
    assert broken(array.rows, boxes) == 0
    feasible = 0
    impossible = set()
    for dims in combinations(range(len(cards)), t):
        can = {tuple(int(c) for c in v) for v in free[:, dims]} if len(free) else set()
        assert {tuple(int(c) for c in row) for row in array.rows[:, dims]} == can
        feasible += len(can)
        impossible |= {
            tuple(zip(dims, c, strict=True)) for c in product(*(range(cards[d]) for d in dims)) if c not in can
        }
    assert array.feasible == feasible
    assert set(array.infeasible()) == impossible


def test_a_box_chain_that_only_a_search_sees_through_is_found_infeasible() -> None:
    different = [{a: [c], b: [c]} for a, b in combinations(range(3), 2) for c in range(2)]  # three, two colours
    assert len(covering_array([2, 2, 2, 2], different, 2, 1).rows) == 0
    four = [{a: [c], b: [c]} for a, b in combinations(range(4), 2) for c in range(3)]
    held = [*four, *({3: [c], 4: [0]} for c in range(3))]
    assert covering_array([3, 3, 3, 3, 2], four, 2, 1).feasible == 0
    assert covering_array([3, 3, 3, 4, 2], [b for b in held if 3 not in b or b[3] != [3]], 2, 1).infeasible() != []


@pytest.mark.parametrize(
    ("cards", "t", "most"),
    [([3] * 13, 2, 19), ([3] * 13, 3, 74), ([4] * 15 + [3] * 17 + [2] * 29, 2, 38), ([10] * 20, 2, 210)],
)
def test_uniform_cases_need_no_more_rows_than_the_best_known_generators(cards: list[int], t: int, most: int) -> None:
    array = covering_array(cards, [], t, 1)
    assert missed(array.rows, cards, [], t) == 0
    assert len(array.rows) <= most


def test_twenty_dimensions_of_ten_values_with_four_exclusions_in_pairs() -> None:
    array = covering_array([10] * 20, FOUR_EXCLUSIONS, 2, 1)
    assert missed(array.rows, [10] * 20, FOUR_EXCLUSIONS, 2) == 0
    assert broken(array.rows, FOUR_EXCLUSIONS) == 0
    assert array.feasible == comb(20, 2) * 100 - 4
    assert len(array.infeasible()) == 4
    assert len(array.rows) <= 216


def test_twenty_dimensions_of_ten_values_with_four_exclusions_in_triples_within_three_seconds() -> None:
    covering_array([3] * 4, FOUR_EXCLUSIONS[:1], 3, 1)  # compiled, or read from the cache
    began = time.process_time()
    array = covering_array([10] * 20, FOUR_EXCLUSIONS, 3, 1)
    spent = time.process_time() - began
    assert missed(array.rows, [10] * 20, FOUR_EXCLUSIONS, 3) == 0
    assert broken(array.rows, FOUR_EXCLUSIONS) == 0
    assert array.feasible == comb(20, 3) * 1000 - 4 * 18 * 10
    assert len(array.rows) <= 3422
    assert spent <= 3.1


def test_the_same_key_gives_the_same_rows_and_another_key_others() -> None:
    one, two, three = (
        covering_array([5] * 8, [{0: [1], 1: [2]}], 2, key, effort=0.1).rows.tolist() for key in (1, 1, 2)
    )
    assert one == two
    assert one != three


def test_more_effort_never_makes_more_rows_of_these() -> None:
    assert len(covering_array([4] * 10, [], 2, 1, effort=1).rows) <= len(
        covering_array([4] * 10, [], 2, 1, effort=0).rows
    )


def test_a_t_that_cannot_be_is_refused() -> None:
    with pytest.raises(Misuse, match="t = 4 over 3 dimensions"):
        covering_array([2, 2, 2], [], 4, 1)
    with pytest.raises(Misuse, match="words of memory"):
        covering_array([40] * 60, [], 5, 1)


@st.composite
def several_seeds(draw: st.DrawFn) -> tuple[Plain, list[Seed], int]:
    plain = draw(plains())
    assume(plain.vectors("en", {}) or plain.vectors("zh", {}))
    seeds: list[Seed] = []
    for i in range(draw(st.integers(1, 5))):
        pinned = draw(st.lists(st.sampled_from(list(plain.values)), max_size=2, unique=True))
        pins = {n: draw(st.sampled_from(list(plain.values[n]))) for n in pinned}
        withheld = draw(st.lists(st.sampled_from(list(plain.values)), max_size=2, unique=True))
        seeds.append((f"seed{i}", draw(st.sampled_from(["en", "zh"])), pins, withheld))
    return plain, seeds, draw(st.integers(2, min(3, len(plain.values))))


@SLOW
@given(several_seeds())
def test_over_seeds_every_tuple_that_a_seed_permits_stands_in_a_row_of_one_that_does(
    case: tuple[Plain, list[Seed], int],
) -> None:
    plain, seeds, t = case
    space = plain.space()
    laid = {one.language: one for one in cover_seeds(space, seeds, t, 3)}
    assert set(laid) == {seed[1] for seed in seeds}
    for language, one in laid.items():
        permitted = set()
        shown: dict[str, set[tuple[str, ...]]] = {}
        for seed_id, own, pins, withheld in seeds:
            if own == language:
                names = [n for n in sorted(plain.values) if n not in withheld]
                vectors = plain.vectors(language, dict(pins))
                permitted |= tuples_of(vectors, names, t)
                shown[seed_id] = {tuple("" if n in withheld else v[n] for n in space.names) for v in vectors}
        rows = [
            tuple("" if code == WITHHELD else space.values[n][code] for n, code in zip(space.names, row, strict=True))
            for row in one.codes.tolist()
        ]
        assert all(row in shown[seed_id] for seed_id, row in zip(one.seed_ids, rows, strict=True))
        seen = {
            tuple(pair)
            for row in rows
            for pair in combinations([(n, v) for n, v in zip(space.names, row, strict=True) if v], t)
        }
        assert seen == permitted
        assert one.covered == len(permitted)
        possible = tuples_of(plain.vectors(language, {}), list(plain.values), t)
        named = {
            tuple((space.names[d], space.values[space.names[d]][c]) for d, c in pairs) for pairs in one.unpermitted
        }
        assert named == possible - permitted
        whole = sum(int(np.prod([len(plain.values[n]) for n in g])) for g in combinations(sorted(plain.values), t))
        assert one.infeasible == whole - len(possible)


@SLOW
@given(several_seeds(), st.randoms(use_true_random=False))
def test_the_order_of_seeds_is_of_no_account(case: tuple[Plain, list[Seed], int], random: object) -> None:
    plain, seeds, t = case
    space = plain.space()
    one, two = cover_seeds(space, seeds, t, 3), cover_seeds(space, seeds[::-1], t, 3)
    assert [(a.seed_ids, a.codes.tolist(), a.unpermitted) for a in one] == [
        (b.seed_ids, b.codes.tolist(), b.unpermitted) for b in two
    ]


def test_rows_are_spread_evenly_over_seeds_that_are_alike() -> None:
    plain = Plain({f"d{i}": {f"v{j}": 1 for j in range(5)} for i in range(6)})
    (laid,) = cover_seeds(plain.space(), [(f"s{i}", "en", {}, ()) for i in range(7)], 2, 1)
    loads = Counter(laid.seed_ids)
    assert len(loads) == 7
    assert max(loads.values()) - min(loads.values()) <= 1
