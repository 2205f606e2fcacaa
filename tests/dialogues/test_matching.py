"""Length must not tell which reply of a pair is right, even where the wrong ones are twice as long."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from persona_forge.dialogues.matching import CALIPER, length, length_auc, log_ratio, matched

SCRIPTS = 1400
SPREAD = 0.4
"""Standard deviation of the log of a reply's length, around its script's own."""


def lengths(bias: float, each: int, seed: int = 1) -> list[list[tuple[int, int]]]:
    """For each script the lengths of all its combinations, wrong replies `bias` times as long as right ones."""
    draws = np.random.default_rng(seed)
    usual = draws.normal(log(80), 0.35, (SCRIPTS, 1))
    keep = np.exp(usual + draws.normal(0, SPREAD, (SCRIPTS, each))).astype(int) + 1
    wrong = np.exp(usual + log(bias) + draws.normal(0, SPREAD, (SCRIPTS, each))).astype(int) + 1
    return [[(int(c), int(r)) for c in k for r in w] for k, w in zip(keep, wrong, strict=True)]


def paired(scripts: list[list[tuple[int, int]]], shard: int) -> list[tuple[int, int]]:
    """The lengths of the pairs that are taken, a shard at a time."""
    taken = []
    for start in range(0, len(scripts), shard):
        near = {
            str(n): [(c, r) for c, r in some if abs(log(r / c)) <= CALIPER]
            for n, some in enumerate(scripts[start : start + shard], start)
        }
        options = {s: [log(r / c) for c, r in some] for s, some in near.items() if some}
        taken += [near[s][n] for s, n in matched(options, "a key").items()]
    return taken


def frame(pairs: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame([{"chosen": {"text": "x" * c}, "rejected": {"text": "x" * r}} for c, r in pairs])


def alone(pairs: list[tuple[int, int]]) -> float:
    """The AUC of a classifier that sees the length of one reply and not its rival's."""
    auc = roc_auc_score([False] * len(pairs) + [True] * len(pairs), [c for c, _ in pairs] + [r for _, r in pairs])
    return float(max(auc, 1 - auc))


@pytest.mark.parametrize("shard", [8, SCRIPTS])
def test_over_a_thousand_pairs_a_planted_bias_is_gone(shard: int) -> None:
    scripts = lengths(bias=2, each=4)
    everything = [some[0] for some in scripts]
    assert alone(everything) > 0.8
    assert length_auc(frame(everything))[0] > 0.95
    pairs = paired(scripts, shard)
    auc, low, high = length_auc(frame(pairs))
    print(f"{len(pairs)} pairs in shards of {shard}: AUC {auc:.3f} ({low:.3f} to {high:.3f}), alone {alone(pairs):.3f}")
    assert len(pairs) >= 1000
    assert alone(pairs) <= 0.55
    assert auc <= 0.55
    assert low <= auc <= high


def test_without_a_bias_hardly_a_pair_is_lost() -> None:
    assert len(paired(lengths(bias=1, each=3), 8)) > 0.9 * SCRIPTS


def test_a_reply_that_is_always_a_word_longer_is_found_out() -> None:
    usual = [some[0][0] for some in lengths(bias=1, each=1)[:200]]
    longer = [(n + 20, n + 26) for n in usual]
    assert alone(longer) < 0.6
    assert length_auc(frame(longer)) == pytest.approx((1, 1, 1))
    assert length_auc(frame([(r, c) for c, r in longer])) == pytest.approx((1, 1, 1))


def test_the_figure_is_the_area_under_the_curve_of_a_reply_beside_its_rival() -> None:
    pairs = [some[0] for some in lengths(bias=1.2, each=1)[:300]]
    ratios = [log_ratio("x" * c, "x" * r) for c, r in pairs]
    expected = roc_auc_score([True] * 300 + [False] * 300, [*ratios, *(-r for r in ratios)])
    assert length_auc(frame(pairs))[0] == pytest.approx(expected)


def test_replies_of_equal_length_tell_nothing_and_no_pairs_have_no_figure() -> None:
    assert length_auc(frame([(30, 30)] * 40)) == (0.5, 0.5, 0.5)
    assert all(np.isnan(length_auc(frame([(30, 30)])[:0])))


def test_both_languages_are_measured_on_one_scale() -> None:
    assert (length("abc"), length("水"), length("水 a")) == (3, 3, 5)
    assert log_ratio("水水水水", "twelve chars") == 0
    assert log_ratio("ab", "abcd") == pytest.approx(log(2)) == -log_ratio("abcd", "ab")
    assert log_ratio("", "") == 0


ratios = st.lists(st.floats(-CALIPER, CALIPER), min_size=1, max_size=6)


@given(st.dictionaries(st.text("abcd", min_size=1, max_size=4), ratios, max_size=12))
@settings(deadline=None)
def test_every_script_has_one_of_its_options_whatever_the_order(options: dict[str, Any]) -> None:
    taken = matched(options, "key")
    assert taken.keys() == options.keys()
    assert all(0 <= n < len(options[s]) for s, n in taken.items())
    assert matched(dict(sorted(options.items(), reverse=True)), "key") == taken


@given(st.lists(st.floats(0.001, CALIPER), min_size=1, max_size=30))
def test_where_both_signs_are_to_be_had_the_sum_stays_within_one(sizes: list[float]) -> None:
    options = {str(n): [size, -size] for n, size in enumerate(sizes)}
    taken = matched(options, "key")
    assert abs(sum(options[s][n] for s, n in taken.items())) <= max(sizes) + 1e-9
