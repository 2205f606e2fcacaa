from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_ontologies import Plain, plains

from persona_forge.core.errors import ConfigError, OntologyError
from persona_forge.space.calibrate import TOLERANCE, Fit, fit
from persona_forge.space.compile import Law, Space, compile_space
from persona_forge.space.mixture import Group
from persona_forge.space.ontology import LANGUAGES, read_ontology
from persona_forge.space.reach import nearest, reach
from persona_forge.space.sample import draw, traits_of
from persona_forge.space.tabulate import Tilt
from persona_forge.space.targets import Target
from persona_forge.space.tilts import tilt_rows, tilts_of

TRAITS = Path(__file__).parents[2] / "seeds" / "traits.toml"

Vector = Mapping[str, str]

FLOORED = Fraction(1, 1 << 120)
"""Seeds' shares are floored far below this."""


def group(language: str = "en", rows: int = 100, withheld: Sequence[str] = (), **pins: str) -> Group:
    return Group(language, pins, frozenset(withheld), rows)


def mixture(
    plain: Plain, space: Space, tilts: Sequence[Tilt], population: Sequence[Group], target: Target
) -> dict[tuple[str, ...], Fraction]:
    """By brute force: the shares of a target's values in the rows that count."""

    def tilted(vector: Vector) -> int:
        weight = plain.weight(dict(vector))
        for names, table in tilts:
            weight *= int(table[tuple(space.values[n].index(vector[n]) for n in names)])
        return weight

    result: dict[tuple[str, ...], Fraction] = {}
    shown = [g for g in population if target.language in (None, g.language) and not g.withheld & set(target.names)]
    for g in shown:
        vectors = plain.vectors(g.language, dict(g.pins))
        whole = sum(tilted(v) for v in vectors)
        for v in vectors:
            values = tuple(v[n] for n in target.names)
            values = values if values in target.shares else ()
            part = Fraction(g.rows * tilted(v), whole * sum(h.rows for h in shown))
            result[values] = result.get(values, Fraction(0)) + part
    return result


@st.composite
def raked(draw: st.DrawFn) -> tuple[Plain, list[Group], list[Target]]:
    """An ontology, seeds that can have rows, and targets that may or may not be met."""
    plain = draw(plains())
    population = []
    for _ in range(draw(st.integers(1, 4))):
        language = draw(st.sampled_from(LANGUAGES))
        vectors = plain.vectors(language, {})
        assume(vectors)
        pinned = draw(st.lists(st.sampled_from(list(plain.values)), max_size=2, unique=True))
        like = draw(st.sampled_from(vectors))
        withheld = draw(st.sets(st.sampled_from(list(plain.values)), max_size=1))
        rows = draw(st.integers(1, 50))
        population.append(Group(language, {n: like[n] for n in pinned}, frozenset(withheld), rows))
    targets = []
    for _ in range(draw(st.integers(1, 3))):
        names = tuple(draw(st.lists(st.sampled_from(list(plain.values)), min_size=1, max_size=2, unique=True)))
        cells = [tuple(draw(st.sampled_from(list(plain.values[n]))) for n in names) for _ in range(3)]
        shares = {cell: Fraction(draw(st.integers(0, 30)), 100) for cell in cells}
        if len(shares) == np.prod([len(plain.values[n]) for n in names]):
            shares.pop(cells[0])
        if shares:
            targets.append(Target(names, shares, draw(st.sampled_from([None, *LANGUAGES]))))
    assume(targets)
    return plain, population, targets


@given(raked())
@settings(max_examples=60, deadline=None)
def test_what_a_fit_says_of_its_law_is_what_brute_force_finds(case: tuple[Plain, list[Group], list[Target]]) -> None:
    plain, population, targets = case
    space = plain.space()
    found = fit(space, population, targets, sweeps=4)
    for outcome in found.outcomes:
        brute = mixture(plain, space, found.tilts, population, outcome.target)
        for share in outcome.shares:
            assert abs(share.got - brute.get(share.values, 0)) < FLOORED
            if outcome.rows:
                assert share.least <= share.got + FLOORED
                assert share.got <= share.most
        assert outcome.nearest <= outcome.distance + FLOORED
        assert outcome.met == (outcome.rows > 0 and outcome.distance <= TOLERANCE)
    compile_space(space.ontology, found.tilts)


@given(raked())
@settings(max_examples=40, deadline=None)
def test_shares_that_some_weights_give_are_met(case: tuple[Plain, list[Group], list[Target]]) -> None:
    plain, population, targets = case
    population = [Group(g.language, g.pins, frozenset(), g.rows) for g in population]
    space = plain.space()
    tilts = []
    for n, t in enumerate(targets):
        shape = [len(space.values[name]) for name in t.names]
        tilts.append((t.names, np.random.default_rng(n).integers(20, 60, shape)))
    reachable = []
    for t in targets:
        every = Target(t.names, dict.fromkeys(product(*(plain.values[n] for n in t.names)), Fraction(0)), t.language)
        shares = mixture(plain, space, tilts, population, every)
        if shares:
            reachable.append(Target(t.names, {v: shares.get(v, Fraction(0)) for v in every.shares}, t.language))
    assume(reachable)
    found = fit(space, population, reachable)
    assert found.converged
    assert found.conflicts == ()


TWINS = Plain({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 1}, "c": {"p": 1, "q": 3, "r": 4}},
              [{"a": ["x"], "b": ["y"]}, {"a": ["y"], "b": ["x"]}])  # fmt: skip
"""a and b always agree; c is free."""


def shares(found: Fit, place: int = 0) -> dict[str, float]:
    return {" ".join(s.values) or "rest": round(float(s.got), 3) for s in found.outcomes[place].shares}


def test_pinned_rows_are_made_up_for_by_the_others() -> None:
    population = [group(rows=300, c="p"), group(rows=700)]
    found = fit(TWINS.space(), population, [Target.of("c", {"p": 0.4, "q": 0.35, "r": 0.25})])
    assert (found.converged, shares(found)) == (True, {"p": 0.4, "q": 0.35, "r": 0.25})
    law = compile_space(TWINS.space().ontology, found.tilts).marginal(["c"], {}, "en")
    assert round(float(law["p",]), 2) == 0.14


def test_rows_that_have_no_choice_do_not_slow_the_fit() -> None:
    found = fit(TWINS.space(), [group(rows=980, c="p"), group(rows=20)], [Target.of("c", {"p": 0.984})])
    assert (found.converged, found.sweeps) == (True, 2)


def test_rows_that_a_cover_laid_are_made_up_for() -> None:
    laid = [group(rows=50, a="x", b="x", c="r"), group(rows=150, a="y", b="y", c="r")]
    found = fit(TWINS.space(), [*laid, group(rows=800)], [Target.of("c", {"p": 0.3, "q": 0.3, "r": 0.4})])
    assert (found.converged, shares(found)) == (True, {"p": 0.3, "q": 0.3, "r": 0.4})


def test_values_that_are_not_named_keep_their_proportions() -> None:
    found = fit(TWINS.space(), [group()], [Target.of("c", {"p": 0.3})])
    law = compile_space(TWINS.space().ontology, found.tilts).marginal(["c"], {}, "en")
    assert [round(float(law[v,]), 3) for v in "pqr"] == [0.3, 0.3, 0.4]


def test_pairs_are_raked_together_with_single_dimensions() -> None:
    targets = [Target.of(("c", "a"), {("p", "x"): 0.2, ("q", "y"): 0.3}), Target.of("a", {"x": 0.6, "y": 0.4})]
    found = fit(TWINS.space(), [group()], targets)
    assert found.converged
    assert shares(found) == {"p x": 0.2, "q y": 0.3, "rest": 0.5}
    assert shares(found, 1) == {"x": 0.6, "y": 0.4}


def test_a_target_of_one_language_leaves_the_other_alone() -> None:
    found = fit(TWINS.space(), [group("zh"), group("en")], [Target.of("c", {"p": 0.5}, "zh")])
    space = compile_space(TWINS.space().ontology, found.tilts)
    assert found.converged
    assert round(float(space.marginal(["c"], {}, "zh")["p",]), 3) == 0.5
    assert space.marginal(["c"], {}, "en") == TWINS.space().marginal(["c"], {}, "en")


def test_rows_in_which_the_dimension_is_withheld_do_not_count() -> None:
    population = [group(rows=100, c="p", withheld=["c"]), group(rows=10)]
    found = fit(TWINS.space(), population, [Target.of("c", {"p": 0.1})])
    assert (found.converged, shares(found)) == (True, {"p": 0.1, "rest": 0.9})
    assert (found.outcomes[0].rows, found.outcomes[0].withheld) == (10, 100)


def test_what_pins_forbid_is_reported_and_not_called_met() -> None:
    population = [group(rows=60, c="r"), group(rows=40)]
    found = fit(TWINS.space(), population, [Target.of("c", {"p": 0.5, "q": 0.1, "r": 0.4})])
    (outcome,) = found.outcomes
    p, _, r = outcome.shares
    assert (found.converged, outcome.met, found.conflicts) == (False, False, ())
    assert outcome.nearest == Fraction(1, 5)
    assert float(outcome.distance) == pytest.approx(0.2, abs=0.001)
    assert [p.least, p.most, r.least, r.most] == [0, Fraction(2, 5), Fraction(3, 5), 1]
    assert p.why == "p can have 40.00% at most: pins forbid it in 60.00% of the rows"
    assert r.why == "r has 60.00% at least: pins say it in 60.00% of the rows"


def test_what_relations_forbid_is_reported_with_the_relation() -> None:
    found = fit(TWINS.space(), [group(rows=75, b="y"), group(rows=25)], [Target.of("a", {"x": 0.5})])
    x, rest = found.outcomes[0].shares
    assert not found.converged
    why = "a=x rules out b=y: so (relations.excludes, entry 1)"
    assert x.why == f"x can have 25.00% at most: relations rule it out in 75.00% of the rows (such as: {why})"
    assert rest.why == "the rest has 75.00% at least: relations leave nothing else in 75.00% of the rows"


def test_what_relations_leave_nothing_else_for_is_reported_with_the_relation() -> None:
    found = fit(TWINS.space(), [group(rows=75, b="y"), group(rows=25)], [Target.of("a", {"y": 0.5})])
    y, _ = found.outcomes[0].shares
    why = "a=x rules out b=y: so (relations.excludes, entry 1)"
    assert y.why == f"y has 75.00% at least: relations leave nothing else in 75.00% of the rows (such as: {why})"


def test_shares_that_are_in_reach_one_by_one_and_not_together_are_reported() -> None:
    plain = Plain({"c": {"p": 1, "q": 1, "r": 1, "s": 1}, "k": {"low": 1, "high": 1}},
                  [{"k": ["low"], "c": ["r", "s"]}])  # fmt: skip
    population = [group(rows=80, k="low"), group(rows=20)]
    found = fit(plain.space(), population, [Target.of("c", {"p": 0.3, "q": 0.3, "r": 0.2, "s": 0.2})])
    (outcome,) = found.outcomes
    assert [s.why for s in outcome.shares] == ["", "", "", ""]
    assert (found.converged, outcome.nearest) == (False, Fraction(1, 5))
    assert float(outcome.distance) == pytest.approx(0.2, abs=0.002)


def test_targets_that_cannot_be_met_together_are_named() -> None:
    targets = [Target.of("c", {"p": 0.6}), Target.of("a", {"x": 0.2, "y": 0.8}), Target.of("b", {"x": 0.7, "y": 0.3})]
    found = fit(TWINS.space(), [group()], targets)
    assert [o.nearest for o in found.outcomes] == [0, 0, 0]
    assert found.outcomes[0].met
    assert not found.converged
    assert found.conflicts == ((1, 2),)


def test_the_order_of_seeds_and_of_the_trait_file_changes_nothing() -> None:
    population = [group("zh", 30, c="p"), group("en", 50, a="x"), group("zh", 20)]
    targets = [Target.of("c", {"p": 0.45, "q": 0.2}), Target.of("a", {"x": 0.7})]
    one = fit(TWINS.space(), population, targets)
    backwards = compile_space(read_ontology(TWINS.text(backwards=True), "other.toml"))
    other = fit(backwards, population[::-1], targets)
    assert one.converged
    assert [(names, table.tolist()) for names, table in one.tilts] == [(n, t.tolist()) for n, t in other.tilts]


def test_golden_weights_do_not_change() -> None:
    """They are fitted in 64-bit reals: a machine that rounds otherwise is found here."""
    population = [group("zh", 30, c="p"), group("en", 50, a="x"), group("zh", 20)]
    found = fit(TWINS.space(), population, [Target.of("c", {"p": 0.45, "q": 0.2}), Target.of("a", {"x": 0.7})])
    assert [(names, table.tolist()) for names, table in found.tilts] == GOLDEN


GOLDEN = [(("c",), [1024, 455, 597]), (("a",), [683, 1024])]


def test_rows_drawn_under_the_fitted_weights_have_the_shares() -> None:
    space = compile_space(read_ontology(TRAITS.read_text(encoding="utf-8"), "seeds/traits.toml"))
    population = [
        group("en", 4000, age_band="senior"), group("zh", 4000, withheld=["age_band"], gender="female"),
        group("zh", 4000, occupation="farmer"), group("en", 4000, verbosity="terse", pet="cat"),
    ]  # fmt: skip
    targets = [
        Target.of("pet", {"dog": 0.3, "cat": 0.4, "none": 0.2}),
        Target.of("verbosity", {"talkative": 0.4}, "zh"),
        Target.of(("gender", "humour"), {("male", "dry"): 0.2, ("female", "silly"): 0.15}),
        Target.of("age_band", {"child": 0.1, "elderly": 0.2}),
    ]
    found = fit(space, population, targets)
    assert found.converged
    tilted = compile_space(space.ontology, found.tilts)
    rows = []
    for n, g in enumerate(population):
        law = tilted.given(g.pins, g.withheld, g.language)
        assert isinstance(law, Law)
        codes, _ = draw(law, 1, str(n), 0, g.rows)
        rows += [{**traits_of(law, codes, i), "language": g.language} for i in range(g.rows)]
    for target in targets:
        spoken = [row for row in rows if target.language in (None, row["language"])]
        seen = [tuple(row[n] for n in target.names) for row in spoken if set(target.names) <= row.keys()]
        for values, wanted in target.shares.items():
            error = (float(wanted) / len(seen)) ** 0.5
            assert abs(seen.count(values) / len(seen) - float(wanted)) < 4 * error + float(TOLERANCE)


def test_fitted_weights_are_read_again_as_they_were_written() -> None:
    targets = [Target.of(("c", "a"), {("p", "x"): 0.2}), Target.of("c", {"q": 0.3}, "zh")]
    space = TWINS.space()
    tilts = fit(space, [group("zh"), group("en")], targets).tilts
    rows = list(tilt_rows(space, tilts))
    assert (len(rows), rows[0]["tilt"], sorted(rows[0]["dimensions"]), rows[-1]["tilt"]) == (12, 0, ["a", "c"], 1)
    again = tilts_of(space, rows)
    assert [(names, table.tolist()) for names, table in again] == [(n, t.tolist()) for n, t in tilts]
    with pytest.raises(OntologyError, match="do not name every value"):
        tilts_of(space, rows[1:])
    with pytest.raises(OntologyError, match="unknown value of c 'z'"):
        tilts_of(space, [{**rows[0], "dimensions": ["c"], "values": ["z"]}])


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        (Target.of("d", {"x": 0.1}), OntologyError, "unknown dimension 'd'"),
        (Target.of("a", {"z": 0.1}), OntologyError, "unknown value of a 'z'"),
        (Target.of("a", {"x": 1.2}), ConfigError, "target a: x is to have 1.2"),
        (Target.of("a", {"x": 0.3, "y": 0.5}), ConfigError, "target a: shares of 0.8 in all"),
        (Target.of("c", {"p": 0.7, "q": 0.5}), ConfigError, "target c: shares of 1.2 in all"),
        (Target.of("a", {"x": 0.1}, "de"), ConfigError, "unknown language"),
        (Target.of("a", {}), ConfigError, "wants no share of anything"),
        (Target.of(("a", "c"), {"x": 0.1}), ConfigError, "no value for each of a, c"),
        (Target.of(("a", "a"), {("x", "x"): 0.1}), ConfigError, "or one twice"),
        (Target.of("language", {"zh": 0.1}), ConfigError, "or the language itself"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(target: Target, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        fit(TWINS.space(), [group()], [target])


def test_a_seed_that_can_have_no_row_is_refused_with_the_reason() -> None:
    with pytest.raises(OntologyError, match=r"no row can have {.*} in en: .*rules out"):
        fit(TWINS.space(), [group(a="x", b="y")], [Target.of("a", {"x": 0.5})])


def test_a_target_for_which_no_row_counts_is_not_met() -> None:
    found = fit(TWINS.space(), [group("en")], [Target.of("c", {"p": 0.5}, "zh")])
    assert (found.converged, found.outcomes[0].rows) == (False, 0)
    assert found.outcomes[0].shares[0].why == "no row counts for it"


def test_the_reach_of_shares_is_what_dealing_out_the_rows_can_do() -> None:
    supports = {(0, 1): 6, (1,): 2, (2,): 2}
    assert (reach(supports, 3).least, reach(supports, 3).most) == ((0, 2, 2), (6, 8, 2))
    assert nearest(supports, [Fraction(1, 2), Fraction(3, 10), Fraction(1, 5)]) == 0
    assert nearest(supports, [Fraction(7, 10), Fraction(1, 10), Fraction(1, 5)]) == Fraction(1, 10)
