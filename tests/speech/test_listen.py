"""What listeners are given to hear, what is kept of what they say, and what nobody may know before."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from some_clips import ALL_FLAT, CLIPS_HEARD, HZ, SECONDS, in_line, run_of_clips, told, voiced
from some_pairs import seal

from persona_forge.core.errors import Misuse
from persona_forge.dataset.catalog import connect
from persona_forge.dataset.events import EventLog, gather
from persona_forge.dataset.folder import Folder
from persona_forge.desks import clips, listen_desk
from persona_forge.speech.listen import ListenDesk, drawn, majority, obeyed

QUEUE = in_line()
PLACE = {name: n for n, name in enumerate(QUEUE["utterance_id"])}
Sit = Callable[[str], ListenDesk]


@pytest.fixture
def sit(tmp_path: Path) -> Sit:
    """Somebody sits down at a desk; all of them write into one folder."""
    return lambda who: ListenDesk(QUEUE, EventLog(tmp_path / "events", "listen"), who, lambda clip: voiced())


def say(desk: ListenDesk, name: str, emotion: str = "neutral", speed: str = "medium", naturalness: int = 3) -> None:
    heard: dict[str, str | int] = {"emotion": emotion, "speed": speed, "naturalness": naturalness}
    desk.decide(PLACE[name], "heard", heard=heard)


def test_clips_that_fail_come_first_and_those_whose_mood_was_judged_come_last() -> None:
    order = list(QUEUE["utterance_id"])
    assert (order[0], order[-1], sorted(order[1:-1])) == ("shut", "good", ["kite", "plain", "tea"])
    assert QUEUE["meas_duration_s"].null_count() == 0


def test_a_clip_tells_nothing_of_what_was_wanted_measured_or_heard_before_the_verdict(sit: Sit) -> None:
    say(sit("Jo"), "shut", "disgusted")
    mei = sit("Mei")
    shown = [mei.show(n) for n in range(CLIPS_HEARD)]
    assert {key for clip in shown for key in clip} == {
        "n",
        "utterance_id",
        "language",
        "text",
        "mine",
        "aware",
        "progress",
    }
    said = json.dumps([[clip["text"], clip["mine"]] for clip in shown], ensure_ascii=False)
    for secret in ("sad", "wished", "slow", "{sigh}", "disgusted", "Jo"):
        assert secret not in said
    assert sorted(mei.hear(0)) == ["peaks", "pitch", "seconds", "sound"]


def test_what_was_wanted_stands_beside_what_was_heard_after_the_verdict(sit: Sit) -> None:
    mei = sit("Mei")
    say(mei, "shut", "sad", "medium_slow", 4)
    shown = mei.show(PLACE["shut"])
    assert [(t["tag"], t["wanted"], t["obeyed"], t["by"], t["heard"]) for t in shown["told"]["tags"]] == [
        ("emotion", "sad", True, "listener", "sad"),
        ("emotion_prosody", "sad", True, "meas_f0_median_hz, meas_f0_sd_st", None),
        ("speed", "slow", True, "meas_rate", "medium_slow"),
    ]
    assert (shown["told"]["qc_reasons"], shown["told"]["want_instruction"]) == (["words"], "wished for sad")
    assert shown["others"] == {}


def test_a_verdict_is_kept_with_all_three_answers(sit: Sit, tmp_path: Path) -> None:
    mei = sit("Mei")
    say(mei, "tea", "angry", "unclear", 5)
    (event,) = told(tmp_path / "events", "Mei")
    assert (event["app"], event["verdict"], event["on"], event["seed_id"]) == ("listen", "heard", "tea", "seed-zh")
    assert event["detail"] == {"heard": {"emotion": "angry", "speed": "unclear", "naturalness": 5}, "blind": True}


@pytest.mark.parametrize(("heard", "says"), [
    ({**ALL_FLAT, "emotion": "cheerful"}, "emotion is 'cheerful'"),
    ({**ALL_FLAT, "naturalness": 6}, "naturalness is 6"),
    ({"emotion": "sad"}, "answered is emotion"),
    (None, "answered is nothing"),
])  # fmt: skip
def test_an_answer_that_is_none_is_refused(sit: Sit, tmp_path: Path, heard: Any, says: str) -> None:
    with pytest.raises(Misuse, match=says):
        sit("Mei").decide(0, "heard", heard=heard)
    assert told(tmp_path / "events", "Mei") == []


def test_the_queue_holds_what_is_left_and_what_was_skipped_comes_last(sit: Sit) -> None:
    mei = sit("Mei")
    mei.decide(0, "skip")
    say(mei, str(QUEUE["utterance_id"][1]))
    assert mei.find() == [2, 3, 4, 0]
    assert (mei.find(status="heard"), mei.find(status="skipped"), mei.find(status="all")) == ([1], [0], [0, 1, 2, 3, 4])
    assert mei.progress() == {"total": 5, "by": {"Mei": 1}, "once": 1, "twice": 0}
    assert mei.undo() == {"n": 1, "verdict": "heard", "progress": {**mei.progress(), "by": {"Mei": 0}}}
    assert (mei.undo()["verdict"], mei.undo()) == ("skip", {})
    assert mei.find() == list(range(5))


def test_the_queue_is_narrowed_by_language_engine_gate_mood_and_words(sit: Sit) -> None:
    mei = sit("Mei")

    def found(**filters: Any) -> set[str]:
        return {str(QUEUE["utterance_id"][n]) for n in mei.find(**filters)}

    assert found(language="zh") == {"tea", "kite"}
    assert found(engine="espeak") == {"tea"}
    assert found(failing=True) == {"shut"}
    assert found(emotion="sad") == {"shut", "kite"}
    assert found(search="the  BRIDGE") == {"plain"}
    assert found(search="茶") == {"tea"}
    assert found(search="sigh") == set()  # of the words alone: a cue is a wish
    assert mei.start()["choices"] == {
        "language": ["en", "zh"], "engine": ["espeak", "kokoro"], "emotion": ["angry", "happy", "neutral", "sad"],
    }  # fmt: skip


def test_others_are_heard_only_after_ones_own_verdict(sit: Sit) -> None:
    mei, jo = sit("Mei"), sit("Jo")
    say(mei, "kite", "sad")
    mei.decide(PLACE["kite"], "comment", comment="hollow")
    assert "others" not in jo.show(PLACE["kite"])
    say(jo, "kite", "fearful")
    (view,) = jo.show(PLACE["kite"])["others"].values()
    assert (view["heard"]["emotion"], view["comments"]) == ("sad", ("hollow",))


def test_who_knows_what_was_wanted_is_not_blind(sit: Sit, tmp_path: Path) -> None:
    mei = sit("Mei")
    say(mei, "kite")
    mei.undo()
    assert sit("Mei").show(PLACE["kite"])["aware"] is True  # also at another desk, on another day
    say(sit("Mei"), "kite", "sad")
    mei.show(mei.find(emotion="angry")[0])
    mei.find()
    say(mei, "tea", "angry")
    say(mei, "plain")
    heard = [(e["on"], e["detail"]["blind"]) for e in told(tmp_path / "events", "Mei") if e["verdict"] == "heard"]
    assert heard == [("kite", True), ("kite", False), ("tea", False), ("plain", True)]


def test_agreement_by_question_is_as_worked_out_by_hand(sit: Sit) -> None:
    mei, jo = sit("Mei"), sit("Jo")
    moods = {"shut": ("sad", "sad"), "tea": ("sad", "sad"), "kite": ("angry", "angry"), "plain": ("angry", "sad")}
    for name, (hers, his) in moods.items():
        say(mei, name, hers, naturalness=1)
        say(jo, name, his, naturalness=2)
    for desk in (mei, jo):
        desk.find(emotion="happy")
        desk.show(PLACE["good"])
        say(desk, "good", "happy")  # not blind: does not count
    found = mei.agreement()["people"]
    # sad 5, angry 3 of 8 values: expected disagreement 2·5·3 / (8·7) = 30/56, observed 2/8
    assert found["emotion"]["alpha"] == pytest.approx(1 - (2 / 8) / (30 / 56))
    (pair,) = found["emotion"]["pairs"]
    # alike 3 of 4; by chance 2/4·3/4 + 2/4·1/4 = 1/2
    assert (pair["units"], pair["same"], pair["kappa"]) == (4, 3, pytest.approx(0.5))
    assert found["speed"]["alpha"] is None  # one label is all there is
    # never alike: observed 1, expected 2·4·4 / (8·7) = 32/56
    assert found["naturalness"]["alpha"] == pytest.approx(1 - 56 / 32)


def test_the_machine_stands_beside_most_of_the_listeners(sit: Sit) -> None:
    """Pace: the machine says obeyed on shut and good, not on the other three; listeners on shut, good and kite."""
    mei, jo, li = sit("Mei"), sit("Jo"), sit("Li")
    paces = {"shut": "slow", "good": "medium_fast", "kite": "slow", "tea": "medium", "plain": "fast"}
    for name, pace in paces.items():
        for desk in (mei, jo):
            say(desk, name, speed=pace)
        say(li, name, speed="unclear")
    (pair,) = mei.agreement()["machine"]["speed"]["pairs"]
    # alike 4 of 5; by chance 2/5·3/5 + 3/5·2/5 = 12/25
    assert (pair["a"], pair["b"], pair["units"], pair["same"]) == ("listeners", "machine", 5, 4)
    assert pair["kappa"] == pytest.approx((4 / 5 - 12 / 25) / (1 - 12 / 25))
    assert sit("Eva").agreement()["machine"]["speed"]["units"] == 0  # who has judged nothing sees nothing


def test_a_pace_is_obeyed_on_the_side_that_was_wanted_and_a_mood_by_its_name() -> None:
    assert [obeyed("speed", "medium_slow", s) for s in ("slow", "medium", "fast", "unclear")] == [
        True,
        False,
        False,
        None,
    ]
    assert [obeyed("speed", "medium", s) for s in ("medium", "medium_fast")] == [True, False]
    assert [obeyed("emotion", "sad", e) for e in ("sad", "angry", "unclear", None)] == [True, False, None, None]
    assert (majority(["sad", "sad", "angry"]), majority(["sad", "angry"]), majority([])) == ("sad", None, None)


def test_a_clip_is_drawn_as_it_is() -> None:
    times = np.arange(24000) / 24000
    loud = np.where(times < 0.5, 0.5, 0.05) * sum(np.sin(2 * np.pi * HZ * n * times) / n for n in range(1, 8)) / 2
    picture = drawn(loud.astype(np.float32), 24000)
    assert picture["seconds"] == 1.0
    assert len(picture["peaks"]) == 480
    assert picture["peaks"][120] == pytest.approx(10 * picture["peaks"][360], rel=0.05)
    assert {round(hz / HZ, 2) for t, hz in picture["pitch"] if 0.1 < t < 0.4} == {1.0}
    assert drawn(np.zeros(100, np.float32), 24000)["pitch"] == []


def test_the_desk_of_a_run_plays_the_clip_that_it_shows(tmp_path: Path) -> None:
    run = run_of_clips(tmp_path / "run")
    calls = listen_desk(run, run / "events", "Mei")
    assert calls["start"]()["progress"]["total"] == CLIPS_HEARD
    heard = calls["hear"](0)
    assert (base64.b64decode(heard["sound"]), heard["seconds"]) == (voiced(), SECONDS)
    (tmp_path / "empty").mkdir()
    Folder(tmp_path / "empty").write_card(dict.fromkeys(("config", "engines", "ingredients", "ontology", "stages")))
    with pytest.raises(Misuse, match="has no clips yet"):
        clips(tmp_path / "empty")


def test_what_most_listeners_heard_comes_back_into_the_data(tmp_path: Path) -> None:
    run = run_of_clips(tmp_path / "run")
    desks = [
        ListenDesk(QUEUE, EventLog(run / "events", "listen"), who, lambda clip: b"") for who in ("Mei", "Jo", "Li")
    ]
    for desk, moods in zip(desks, (("sad", "angry"), ("sad", "sad"), ("happy", "unclear")), strict=True):
        for name, mood in zip(("shut", "kite"), moods, strict=True):
            say(desk, name, mood, "medium_slow")
    say(desks[0], "plain", "happy", "unclear")
    desks[0].undo()
    say(desks[0], "plain", "happy")  # not blind any more
    say(desks[2], "plain")
    desks[2].undo()
    say(desks[1], "tea", "angry", "slow", 5)
    desks[1].decide(PLACE["tea"], "comment", comment="x")
    seal(Folder(run), "events", gather(acts=EventLog(run / "events", "listen").news()).rows)
    with connect(Folder(run)) as sql:
        assert sql.sql("SELECT * FROM heard ORDER BY utterance_id, tag").fetchall() == [
            ("kite", "emotion", "sad", None, None, "listener", 3, 1),
            ("kite", "speed", "medium_slow", "medium_slow", True, "listener", 3, 3),
            ("shut", "emotion", "sad", "sad", True, "listener", 3, 2),
            ("shut", "speed", "slow", "medium_slow", True, "listener", 3, 3),
            ("tea", "emotion", "angry", "angry", True, "listener", 1, 1),
            ("tea", "speed", "medium_fast", "slow", False, "listener", 1, 1),
        ]
        assert sql.sql("SELECT * FROM listened WHERE utterance_id = 'tea'").fetchall() == [
            ("tea", "Jo", "angry", "slow", 5)
        ]
