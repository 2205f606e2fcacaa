from __future__ import annotations

from collections import Counter
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import LONG, scene, script, talk, turn

from persona_forge.speech.placing import (
    CONTINUERS,
    THIRD,
    Place,
    Sound,
    Taking,
    after,
    back_channels,
    inside,
    may_hold_one,
    takings,
    timeline,
    waiting,
)

DIALOGUES = 400


def scripted(n: int, *, turns: int = 8, text: str = "Well, that is that.", **of_scene: Any) -> tuple[Any, Any]:
    of = scene(f"s{n}", **of_scene)
    return script(of, [turn(i, text) for i in range(turns)]), of


def transitions(share: float, **of_scene: Any) -> list[Taking]:
    return [t for n in range(DIALOGUES) for t in takings(*scripted(n, **of_scene), share)[1:]]


# Against the sources --------------------------------------------------------------------------------------------------


def test_gaps_are_as_long_as_in_conversations() -> None:
    gaps = [t.gap_s for t in transitions(0.0)]
    assert {t.floor for t in transitions(0.0)} == {"gap"}
    assert median(gaps) == pytest.approx(0.3, abs=0.02)
    assert sum(g > 0.2 for g in gaps) / len(gaps) == pytest.approx(0.69, abs=0.03)
    assert 0.03 <= min(gaps) < max(gaps) <= 1.5


def test_overlaps_are_as_long_as_in_conversations() -> None:
    made = transitions(1.0)
    assert {t.floor for t in made} == {"overlap"}
    assert median(-t.gap_s for t in made) == pytest.approx(0.205, abs=0.015)
    assert fmean(-t.gap_s for t in made) == pytest.approx(0.275, abs=0.02)


def test_with_three_overlaps_in_ten_a_transfer_takes_a_fifth_of_a_second() -> None:
    assert fmean(t.gap_s for t in transitions(0.3)) == pytest.approx(0.208, abs=0.03)


@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
def test_the_share_of_early_turns_is_the_one_asked_for(share: float) -> None:
    made = transitions(share)
    assert sum(t.gap_s < 0 for t in made) / len(made) == pytest.approx(share, abs=0.025)


# Interruptions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "of_scene", "interrupts"),
    [
        ("Well, that is that.", {}, False),
        ("Well, that is that.", {"attack": "insult_escalation"}, True),
        ("Well, that is—", {}, True),
        ("那不就是……", {}, True),
        ("So I thought...", {}, True),
        ("It ends in a dash - not.", {}, False),
    ],
)
def test_somebody_is_interrupted_only_where_the_words_or_the_scene_allow_it(
    text: str, of_scene: dict[str, Any], interrupts: bool
) -> None:
    floors = Counter(t.floor for n in range(100) for t in takings(*scripted(n, text=text, **of_scene), 1.0)[1:])
    assert set(floors) == ({"interruption", "overlap"} if interrupts else {"overlap"})
    if interrupts:
        assert floors["interruption"] / floors.total() == pytest.approx(0.5, abs=0.06)


def test_who_is_angry_interrupts() -> None:
    turns = [turn(0, "Hello."), turn(1, "No.", emotion="angry"), turn(2, "Oh.")]
    made = [takings(script(scene(f"s{n}"), turns), scene(f"s{n}"), 1.0) for n in range(60)]
    assert {t[1].floor for t in made} == {"interruption", "overlap"}
    assert {t[2].floor for t in made} == {"overlap"}


def test_the_answer_in_a_contrast_waits_for_the_end_of_the_words() -> None:
    of = scene("s", contrast_id="c")
    made = takings(script(of, talk("One.", "Two.", "Three.", "Four."), probe_turn=0), of, 1.0)
    assert [t.floor for t in made] == ["start", "gap", "overlap", "overlap"]


# Back-channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_back_channel_falls_at_the_end_of_a_clause_in_the_middle_of_a_longer_turn(language: str) -> None:
    of = scene("s", language)
    (hum,) = back_channels(script(of, [turn(0, LONG[language])]), 1.0)
    before = LONG[language][: hum.char_pos]
    assert before[-1] in ",，"
    assert THIRD <= len(before) / len(LONG[language]) <= 2 * THIRD
    assert hum.text in CONTINUERS[language]


def test_short_turns_probes_and_anger_are_left_alone() -> None:
    of = scene("s")
    turns = [turn(0, "Yes, but no."), turn(1, LONG["en"]), turn(2, LONG["en"]), turn(3, LONG["en"], emotion="angry"),
             turn(4, "x" * 200)]  # fmt: skip
    assert [h.turn for h in back_channels(script(of, turns, probe_turn=2), 1.0)] == [1]
    assert [may_hold_one(script(of, turns, probe_turn=2), t) for t in turns] == [False, True, False, False, False]
    assert back_channels(script(of, turns), 0.0) == []


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_the_share_of_longer_turns_that_are_hummed_at_is_the_one_asked_for(share: float) -> None:
    made = [back_channels(scripted(n, text=LONG["en"])[0], share) for n in range(DIALOGUES)]
    assert sum(map(len, made)) / (8 * DIALOGUES) == pytest.approx(share, abs=0.02)


# The timeline ---------------------------------------------------------------------------------------------------------

SOUNDS = st.builds(lambda a, b, c: Sound(a, a + b, ((a + b * c, a + b * c + 0.1),)),
                   st.floats(0, 0.6), st.floats(0.2, 9), st.floats(0.1, 0.9))  # fmt: skip


@given(st.lists(st.tuples(SOUNDS, st.floats(-2, 2)), min_size=1, max_size=12), st.floats(0.35, 0.65), st.data())
def test_nobody_speaks_twice_at_once(drawn: list[tuple[Sound, float]], at: float, data: st.DataObject) -> None:
    wanted = [Taking(gap, "overlap" if gap < 0 else "gap") for _, gap in drawn]
    sounds = {n: sound for n, (sound, _) in enumerate(drawn)}
    places = timeline("s", wanted, sounds)
    heard = {n: (p.offset_s + sounds[n].start_s, p.ends_s) for n, p in places.items()}
    for n in range(2, len(drawn)):
        assert heard[n][0] >= heard[n - 2][1] - 1e-3
    for n in range(1, len(drawn)):
        assert heard[n][0] - heard[n - 1][1] == pytest.approx(places[n].taking.gap_s, abs=1e-3)
        assert heard[n][0] >= heard[n - 1][0]
    n = data.draw(st.integers(0, len(drawn) - 1))
    hum = Sound(0.05, 0.05 + sounds[n].seconds * data.draw(st.floats(0.01, 0.3)))
    place = inside(at, places[n], sounds[n], hum)
    if n:
        assert place.offset_s + hum.start_s >= heard[n - 1][1] - 1e-3
    if n + 1 < len(drawn):
        assert place.ends_s <= heard[n + 1][0] + 1e-3


def test_a_back_channel_follows_the_silence_that_is_near_its_clause() -> None:
    turn_at, hum = Place(10.0, 19.0, Taking(0.2, "gap")), Sound(0.1, 0.5)
    sound = Sound(0.0, 9.0, ((1.0, 1.2), (4.1, 4.4), (7.0, 7.5)))
    assert inside(0.5, turn_at, sound, hum) == Place(14.0, 14.5, Taking(-4.9, "back_channel"))
    assert inside(0.6, turn_at, sound, hum).offset_s == pytest.approx(10 + 5.4 - 0.1)  # none is near
    assert inside(0.34, turn_at, Sound(0.0, 9.0, ((2.8, 2.9),)), hum).offset_s == pytest.approx(10 + 3 - 0.1)


def test_after_a_turn_that_failed_the_next_one_comes_with_a_gap() -> None:
    wanted = [Taking(0.0, "start"), Taking(-0.2, "overlap"), Taking(-0.3, "overlap"), Taking(0.4, "gap")]
    sounds = {0: Sound(0, 2), 2: Sound(0, 2), 3: Sound(0, 1)}
    places = timeline("s", wanted, sounds)
    assert places[2].taking == waiting("s", "2")
    assert places[2].offset_s == 2 + waiting("s", "2").gap_s
    assert places[3].taking == Taking(0.4, "gap")
    assert timeline("s", wanted, {1: Sound(0.5, 2)}) == {1: Place(0.0, 2, Taking(0.0, "start"))}


def test_no_overlap_takes_more_than_a_third_of_either_turn() -> None:
    wanted = [Taking(0.0, "start"), Taking(-5.0, "interruption"), Taking(-5.0, "interruption")]
    places = timeline("s", wanted, {0: Sound(0, 3), 1: Sound(0.3, 6.3), 2: Sound(0, 1.5)})
    assert places[1] == Place(1.7, 8.0, Taking(-1.0, "interruption"))
    assert places[2] == Place(7.5, 9.0, Taking(-0.5, "interruption"))


def test_no_clip_begins_before_the_dialogue() -> None:
    assert after(0.1, Taking(0.2, "gap"), Sound(0.9, 2.0)) == Place(0.0, 2.0, Taking(0.8, "gap"))
