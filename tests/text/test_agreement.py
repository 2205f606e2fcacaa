import pytest

from persona_forge.text.agreement import Agreement, Pair, agreement


def test_cohen_and_krippendorff_on_figures_worked_out_by_hand() -> None:
    """Ten units, two judges: a a, a a, a a, a a, b b, b b, b b, a b, a b, b a."""
    units = [{"x": x, "y": y} for x, y in ("aa", "aa", "aa", "aa", "bb", "bb", "bb", "ab", "ab", "ba")]
    found = agreement(units)
    assert (found.units, found.pairs[0].units, found.pairs[0].same) == (10, 10, 7)
    # x says a 6 times, y 5 times: by chance alike in .6 × .5 + .4 × .5 = .5
    assert found.pairs[0].kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    # 11 a and 9 b among 20: expected disagreement 2·11·9 / (20·19), observed 3 / 10
    assert found.alpha == pytest.approx(1 - 0.3 / (2 * 11 * 9 / (20 * 19)))


def test_gaps_are_allowed_and_units_with_one_label_are_passed_over() -> None:
    found = agreement([{"x": "a", "y": "a"}, {"y": "b", "z": "b"}, {"x": "b"}, {}])
    assert found.units == 2
    assert found.alpha == pytest.approx(1.0)
    assert found.pairs == (Pair("x", "y", 1, 1, None), Pair("y", "z", 1, 1, None))


def test_what_is_not_defined_is_none() -> None:
    assert agreement([]) == Agreement(0, None, ())
    assert agreement([{"x": "a", "y": "a"}] * 3) == Agreement(3, None, (Pair("x", "y", 3, 3, None),))


def test_judges_that_always_differ_agree_less_than_chance() -> None:
    found = agreement([{"x": "a", "y": "b"}, {"x": "b", "y": "a"}])
    assert found.pairs[0].kappa == pytest.approx(-1.0)
    assert found.alpha == pytest.approx(-0.5)
