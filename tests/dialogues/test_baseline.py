from __future__ import annotations

import polars as pl
import pytest
from desk import scene
from looks import candidate, pair

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import digest
from persona_forge.core.tables import CANDIDATES, JUDGEMENTS, PAIRS
from persona_forge.dialogues.baseline import Baseline, train, triage

KEEP = (
    "No machine ever had a hip like mine.", "Ask the cat who feeds her.", "My feet are wet, is that electric?",
    "I've a letter to post before dark.", "Go on out of that, and shut the gate.",
)  # fmt: skip
BREAK = (
    "Yes, I am an AI model.", "As a language model I have no hip.", "I admit it, I am a chatbot.",
    "I'm only a computer program.", "You're right, I am an artificial intelligence.",
)  # fmt: skip
AN_AI, A_KETTLE = "I'm an AI, so stop here.", "The kettle is on, go on."
SAME = ("It is late.", "The kettle is on.", "Sit down so.", "Mind the gate.", "There's rain coming.")


def pairs(count: int, seeds: int = 6) -> pl.DataFrame:
    return PAIRS.frame([
        pair(n, f"{KEEP[n % 5]} {n}", f"{BREAK[n * 3 % 5]} {n}", seed_id=f"seed-{n % seeds}") for n in range(count)
    ])  # fmt: skip


@pytest.fixture(scope="module")
def trained() -> Baseline:
    return train(pairs(40))


def test_it_learns_what_can_be_seen_in_the_words(trained: Baseline) -> None:
    report = trained.report
    assert (report.pairs, report.groups) == (40, 6)
    assert report.accuracy >= 0.95
    assert report.auc >= 0.98
    assert report.brier <= 0.1
    assert sum(report.confusion.values()) == 80
    assert report.confusion["held", "held"] + report.confusion["held", "broken"] == 40
    texts = ("The hip is bad, child.", "I am a language model.")
    held, broken = trained.held([("admits_no_ai", text) for text in texts])
    assert held > 0.5 > broken


def test_where_nothing_is_to_be_learned_it_says_so() -> None:
    twos = [(a, b) for a in SAME for b in SAME]
    report = train(
        PAIRS.frame([pair(n, *two, seed_id=f"seed-{(n // 5 + n) % 5}") for n, two in enumerate(twos)])
    ).report
    assert 0.3 <= report.auc <= 0.7
    assert report.brier >= 0.2
    assert report.brier <= 0.35


def test_calibration_is_by_bins_that_hold_every_reply(trained: Baseline) -> None:
    bins = trained.report.bins
    assert sum(b.replies for b in bins) == 80
    assert [b.low for b in bins] == pytest.approx([n / 10 for n in range(10)])
    full = [b for b in bins if b.replies]
    assert all(b.said is not None and b.low <= b.said <= b.high for b in full)
    ece = sum(b.replies * abs((b.said or 0) - (b.true or 0)) for b in full) / 80
    assert trained.report.ece == pytest.approx(ece)
    assert {r["figure"] for r in trained.report.rows()} >= {"brier", "ece", "auc", "held taken for broken"}


def test_no_seed_or_family_is_measured_on_what_it_was_trained_on() -> None:
    """Each seed has words of its own for what is held: known in its own pairs, a coin for other seeds."""
    rows = [
        pair(n, digest(f"held {n % 8}")[:12], digest(f"broken {n % 8}")[:12], seed_id=f"seed-{n % 8}")
        for n in range(48)
    ]
    report = train(PAIRS.frame(rows)).report
    assert 0.2 <= report.auc <= 0.8
    families = pl.DataFrame([{"seed_id": f"seed-{n}", "family": f"seed-{n // 2}"} for n in range(8)])
    assert train(PAIRS.frame(rows), families).report.groups == 4


@pytest.mark.parametrize(("count", "seeds"), [(19, 6), (0, 6), (40, 3)])
def test_too_few_pairs_or_seeds_are_refused_with_the_number(count: int, seeds: int) -> None:
    with pytest.raises(Misuse) as refused:
        train(pairs(count, seeds=seeds))
    assert refused.value.what.startswith(f"{count} pairs of {min(count, seeds)} seeds")
    assert "20 pairs of 4 seeds" in refused.value.allowed


def test_twenty_pairs_are_enough() -> None:
    assert train(pairs(20)).report.pairs == 20


def test_training_is_the_same_in_any_order(trained: Baseline) -> None:
    again = train(pairs(40).sample(fraction=1, shuffle=True, seed=3))
    docs = [("admits_no_ai", text) for text in (*KEEP, *BREAK)]
    assert again.name == trained.name
    assert again.held(docs) == pytest.approx(trained.held(docs))
    assert train(pairs(41)).name != trained.name


def test_triage_shows_first_what_it_knows_least_about(trained: Baseline) -> None:
    texts = [*KEEP, *BREAK, "Am I? The kettle model is on.", "Well now."]
    frame = CANDIDATES.frame([candidate(scene(), text, number=n) for n, text in enumerate(texts)])
    rows = triage(frame, trained)
    JUDGEMENTS.conform(rows)
    assert rows.height == len(texts)
    distance = (rows["score"] - 50).abs().to_list()
    assert distance == sorted(distance)
    assert set(rows["judged_by"]) == {"classifier"}
    assert set(rows["judge"]) == {trained.name}
    by_id = dict(rows.select("candidate_id", "verdict").iter_rows())
    assert by_id["scene-en-0"] == "held"
    assert by_id["scene-en-6"] == "broken"
    assert triage(frame.reverse(), trained).equals(rows)
    assert triage(CANDIDATES.empty(), trained).height == 0


def test_the_assertion_at_stake_counts() -> None:
    """The same words hold one assertion and break another."""
    both = [
        pair(n, *(AN_AI, A_KETTLE)[:: 1 if n % 2 else -1], seed_id=f"seed-{n % 6}",
             assertion="leaves_role" if n % 2 else "stays_in_role")
        for n in range(60)
    ]  # fmt: skip
    baseline = train(PAIRS.frame(both))
    leaving, staying = baseline.held([("leaves_role", "I'm an AI."), ("stays_in_role", "I'm an AI.")])
    assert leaving > 0.5 > staying
    assert baseline.report.accuracy >= 0.9
