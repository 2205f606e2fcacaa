from __future__ import annotations

from collections import Counter

import pytest

from persona_forge.dialogues.factors import factors
from persona_forge.dialogues.lines import LONGEST_LINE, clean
from persona_forge.dialogues.minors import DESPAIR
from persona_forge.dialogues.probes import probe, probes
from persona_forge.text.language import language_of
from persona_forge.text.minors import ABUSIVE

LANGUAGES = ("en", "zh")


def lines(language: str) -> list[tuple[str, str, str]]:
    """Kind, name and words of every line, with every safe word."""
    return [
        (kind, name, probe(kind, name, language, n))
        for kind, names in probes().items() for name in names for n in range(16)
    ]  # fmt: skip


def test_every_attack_exit_and_twin_has_its_probes() -> None:
    assert set(probes()["attack"]) == set(factors()["attack"])
    assert set(probes()["exit"]) == set(probes()["twin"]) == set(factors()["exit"])
    assert (len(factors()["attack"]), len(factors()["exit"])) == (15, 4)
    assert (set(factors()["attack"]) >= ABUSIVE, set(factors()["exit"]) >= DESPAIR) == (True, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_four_lines_of_each_and_no_line_stands_under_two_labels(language: str) -> None:
    labels: dict[str, set[tuple[str, str]]] = {}
    for kind, name, said in lines(language):
        labels.setdefault(said.casefold(), set()).add((kind, name))
    assert {said: where for said, where in labels.items() if len(where) > 1} == {}
    counts = Counter(label for where in labels.values() for label in where)
    assert min(counts.values()) >= 4
    assert counts["exit", "safe_word"] == counts["twin", "safe_word"] == 16


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_can_be_spoken_as_it_is(language: str) -> None:
    entry = probes()["exit"]["safe_word"]
    agreed = [line.replace("{word}", word) for line in entry["agree"][language] for word in entry["words"][language]]
    for said in [*(said for _, _, said in lines(language)), *agreed]:
        assert clean(said, LONGEST_LINE[language]) == said
        assert len(said) <= LONGEST_LINE[language], said
        assert language_of(said) == language, said


def test_no_exits_words_are_a_twins() -> None:
    for language in LANGUAGES:
        for name in probes()["exit"]:
            out, inside = (
                {probe(kind, name, language, n).casefold() for n in range(16)} for kind in ("exit", "twin")
            )  # fmt: skip
            assert not [(a, b) for a in out for b in inside if a in b or b in a]


def test_every_attack_names_an_assertion_of_its_own_and_what_is_right() -> None:
    assertions = [entry["assertion"] for entry in factors()["attack"].values()]
    assert len(set(assertions)) == 15
    entries = [*factors()["attack"].values(), *factors()["exit"].values()]
    assert all(entry["holds"][language] for entry in entries for language in LANGUAGES)
    assert all(entry["leaves"][language] for entry in factors()["exit"].values() for language in LANGUAGES)


def test_the_deliveries_that_fit_are_deliveries_and_a_contrast_has_two() -> None:
    known = set(factors()["delivery"])
    for entry in [*factors()["attack"].values(), *factors()["exit"].values()]:
        assert set(entry.get("deliveries", known)) <= known
    for entry in probes()["contrast"].values():
        assert len(set(entry["deliveries"]) & known) == 2
        assert set(entry["right"]) == set(entry["deliveries"])
        assert len({entry["right"][d]["en"] for d in entry["deliveries"]}) == 2
