from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_ontologies import Plain, Vector, plains, seeded, show

from persona_forge.core.errors import OntologyError
from persona_forge.space.alias import packed
from persona_forge.space.compile import Bucket, Dead, Law, compile_space, count
from persona_forge.space.hidden import count_seen
from persona_forge.space.ontology import read_ontology
from persona_forge.space.reason import explain


def chain(law: Law) -> dict[Vector, Fraction]:
    """Visible vector → the product of what its tables say, over every way to draw it."""
    space = law.space
    partial: dict[tuple[int, ...], Fraction] = {law.evidence: Fraction(1)}
    for bucket in law.buckets():
        assert bucket.table is not None
        *parents, own = bucket.table.scope
        grown: dict[tuple[int, ...], Fraction] = {}
        for codes, chance in partial.items():
            line = [int(w) for w in bucket.table.table[tuple(codes[p] for p in parents)]]
            for code, weight in enumerate(line):
                if weight:
                    grown[(*codes[:own], code, *codes[own + 1 :])] = chance * Fraction(weight, sum(line))
        partial = grown
    result: dict[Vector, Fraction] = {}
    for codes, chance in partial.items():
        shown = [v for v in range(1, len(codes)) if v not in law.withheld]
        seen = tuple(sorted((space.variables[v], space.values[space.variables[v]][codes[v]]) for v in shown))
        result[seen] = result.get(seen, Fraction(0)) + chance
    return result


@given(plains())
@settings(max_examples=120, deadline=None)
def test_the_count_is_that_of_brute_force(plain: Plain) -> None:
    ontology = read_ontology(plain.text(), "random.toml")
    brute = {language: len(plain.vectors(language, {})) for language in ("en", "zh")}
    assert count(ontology) == sum(brute.values())
    assert count(ontology, {"language": "zh"}) == brute["zh"]
    first = next(iter(plain.values))
    assert count(ontology, {first: "v0"}) == sum(len(plain.vectors(lang, {first: "v0"})) for lang in brute)


@given(seeded())
@settings(max_examples=120, deadline=None)
def test_the_law_of_a_seed_is_exactly_that_of_rejection(case: tuple[Plain, str, dict[str, str], set[str]]) -> None:
    plain, language, pins, withheld = case
    law = plain.space().given(pins, withheld, language)
    brute = plain.law(language, pins, withheld)
    if isinstance(law, Dead):
        assert brute == {}
        assert law.reasons
        return
    assert chain(law) == brute
    assert law.total == len(brute)


@given(seeded())
@settings(max_examples=120, deadline=None)
def test_what_can_be_seen_is_counted_alike_by_or_and_by_inclusion_and_exclusion(
    case: tuple[Plain, str, dict[str, str], set[str]],
) -> None:
    plain, language, pins, withheld = case
    space = plain.space()
    evidence = space.evidence(language, pins)
    hidden = sorted(space.number[n] for n in withheld - set(pins))
    brute = len(plain.law(language, pins, withheld))
    for or_cells in (0, 8, 1 << 18):
        assert count_seen(space.masks(evidence), hidden, evidence, space.cards, space.variables, or_cells) == brute


PAIRS = [(hub, f"d{i}", f"v{j}") for hub in ("h0", "h1", "h2") for i in range(3) for j in range(2)]


@given(st.sets(st.sampled_from(PAIRS), min_size=2), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_withheld_hub_whose_values_allow_different_things_is_counted_alike_too(
    pairs: set[tuple[str, str, str]], second: bool
) -> None:
    values = {"hub": {"h0": 1, "h1": 1, "h2": 1}} | {f"d{i}": {"v0": 1, "v1": 1} for i in range(3)}
    plain = Plain(values, [{"hub": [hub], name: [value]} for hub, name, value in sorted(pairs)])
    withheld = {"hub", "d2"} if second else {"hub"}
    brute = len(plain.law("en", {}, withheld))
    assume(brute)
    space = plain.space()
    evidence, hidden = space.evidence("en", {}), sorted(space.number[n] for n in withheld)
    assert count_seen(space.masks(evidence), hidden, evidence, space.cards, space.variables, 0) == brute
    assert count_seen(space.masks(evidence), hidden, evidence, space.cards, space.variables) == brute


@given(seeded())
@settings(max_examples=100, deadline=None)
def test_room_never_promises_more_than_there_is(case: tuple[Plain, str, dict[str, str], set[str]]) -> None:
    plain, language, pins, withheld = case
    space = plain.space()
    brute = len(plain.law(language, pins, withheld))
    for wanted in (1, brute, brute + 1, 2 * brute + 5):
        law = space.given(pins, withheld, language)
        assert isinstance(law, Dead) or law.room(wanted) == min(wanted, brute)


@given(seeded())
@settings(max_examples=100, deadline=None)
def test_alias_tables_carry_the_law_to_nine_digits(case: tuple[Plain, str, dict[str, str], set[str]]) -> None:
    plain, language, pins, withheld = case
    law = plain.space().given(pins, withheld, language)
    for bucket in () if isinstance(law, Dead) else law.buckets():
        check_alias(bucket)


def check_alias(bucket: Bucket) -> None:
    assert bucket.table is not None
    table = bucket.table.table
    k = table.shape[-1]
    lines = packed(bucket).reshape(-1, k)
    for line, cells in zip(table.reshape(-1, k), lines, strict=True):
        weights = [int(w) for w in line]
        if not sum(weights):
            continue
        chance = [Fraction(0)] * k
        for column, cell in enumerate(int(c) for c in cells):
            kept = Fraction(cell & 0xFFFFFFFF, 1 << 32)
            chance[column] += kept / k
            chance[cell >> 32] += (1 - kept) / k
        for got, weight in zip(chance, weights, strict=True):
            assert abs(got - Fraction(weight, sum(weights))) < Fraction(k, 10**9)
            assert (got > 0) == (weight > 0)


@given(seeded())
@settings(max_examples=120, deadline=None)
def test_an_explanation_is_given_exactly_for_what_is_impossible(
    case: tuple[Plain, str, dict[str, str], set[str]],
) -> None:
    plain, language, pins, _ = case
    ontology = read_ontology(plain.text(), "random.toml")
    told = explain(ontology, {**pins, "language": language})
    assert (told == ()) == bool(plain.vectors(language, pins))


@given(seeded(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_fitted_weight_tilts_the_law_by_exactly_its_entries(
    case: tuple[Plain, str, dict[str, str], set[str]], data: st.DataObject
) -> None:
    plain, language, pins, _ = case
    names = tuple(list(plain.values)[:2])
    shape = tuple(len(plain.values[n]) for n in names)
    entries = data.draw(st.lists(st.integers(1, 10**6), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    table = np.array(entries, np.int64).reshape(shape)
    space = compile_space(read_ontology(plain.text(), "random.toml"), [(names, table)])
    law = space.given(pins, set(), language)
    if isinstance(law, Dead):
        return
    mass = {}
    for vector in plain.vectors(language, pins):
        at = tuple(space.values[n].index(vector[n]) for n in names)
        mass[show(vector, set())] = plain.weight(vector) * int(table[at])
    assert chain(law) == {seen: Fraction(m, sum(mass.values())) for seen, m in mass.items()}


@given(seeded())
@settings(max_examples=50, deadline=None)
def test_marginals_are_exact(case: tuple[Plain, str, dict[str, str], set[str]]) -> None:
    plain, language, pins, _ = case
    brute = plain.law(language, pins, set())
    if not brute:
        return
    names = list(plain.values)[:2]
    wanted: dict[tuple[str, ...], Fraction] = {}
    for vector, chance in brute.items():
        key = tuple(dict(vector)[n] for n in names)
        wanted[key] = wanted.get(key, Fraction(0)) + chance
    assert plain.space().marginal(names, pins, language) == wanted


def test_a_count_may_be_larger_than_any_machine_word() -> None:
    plain = Plain({f"d{i}": {"a": 1, "b": 2, "c": 3} for i in range(90)}, [{"d0": ["a"], "d1": ["a", "b"]}])
    assert count(read_ontology(plain.text(), "wide.toml")) == 2 * 7 * 3**88
    assert plain.space().mass("law", {"language": "en"}) > 2**64


def test_a_table_that_would_be_too_large_is_refused_with_its_dimensions() -> None:
    names = [f"d{i}" for i in range(6)]
    pairs = [(a, b) for a in names for b in names if a < b]
    plain = Plain({n: {f"v{i}": 1 for i in range(30)} for n in names}, [{a: ["v0"], b: ["v0"]} for a, b in pairs])
    with pytest.raises(OntologyError, match=r"a table over d0, d1, d2, d3, d4, d5 would have 729,000,000 cells"):
        compile_space(read_ontology(plain.text(), "dense.toml"))


def test_a_space_in_which_nothing_is_possible_is_refused_with_the_chain() -> None:
    plain = Plain(
        {"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}}, [{"a": ["x"], "b": ["x", "y"]}, {"a": ["y"], "b": ["x", "y"]}]
    )
    with pytest.raises(OntologyError, match="nothing possible") as caught:
        plain.space()
    assert "relations.excludes, entry 1" in caught.value.todo
    assert "relations.excludes, entry 2" in caught.value.todo


def test_withholding_a_dimension_that_binds_many_is_counted_without_a_large_table() -> None:
    """One withheld hub of 6 values with 12 neighbours of 8: its "or" table would have 8^12 cells."""
    values = {f"n{i:02}": {f"v{j}": 1 for j in range(8)} for i in range(12)} | {"hub": {f"h{i}": 1 for i in range(6)}}
    plain = Plain(values, [{"hub": [f"h{i % 6}"], f"n{i:02}": ["v0"]} for i in range(12)])
    law = plain.space().given({}, {"hub"}, "en")
    assert isinstance(law, Law)
    # a vector is seen unless each of the 6 hub values meets a neighbour that it excludes (at least one 0 in its pair)
    assert law.total == 8**12 - (8**2 - 7**2) ** 6
    assert law.at_least(7**2 * 8**10)


def test_a_pinned_dimension_may_be_withheld_and_still_binds() -> None:
    plain = Plain({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}}, [{"a": ["x"], "b": ["x"]}])
    law = plain.space().given({"a": "x"}, {"a"}, "zh")
    assert isinstance(law, Law)
    assert chain(law) == {(("b", "y"),): Fraction(1)}
    assert law.total == 1


@pytest.mark.parametrize(
    ("pins", "withheld", "said"),
    [({"d9": "x"}, [], "unknown dimension 'd9'"), ({"d0": "vv"}, [], "unknown value of d0 'vv'"), ({}, ["d7"], "'d7'")],
)
def test_pins_that_are_not_in_the_ontology_are_refused(pins: dict[str, str], withheld: list[str], said: str) -> None:
    with pytest.raises(OntologyError, match=said):
        Plain({"d0": {"v0": 1}, "d1": {"v0": 1}}).space().given(pins, withheld, "en")
