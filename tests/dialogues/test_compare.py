"""Two replies side by side: what is asked, what is kept of the answer, and what nobody may see before it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_pairs import PICKS, file_of_pairs, pair, scene

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import PAIRS, SCENES
from persona_forge.dataset.events import EventLog
from persona_forge.dialogues.compare import CompareDesk, Sounds
from persona_forge.dialogues.questions import Question, Reply, of_file, of_run

QUESTIONS = of_run(PAIRS.frame([pair(n) for n in range(PICKS)]), SCENES.frame([scene(n) for n in range(PICKS)]))


@pytest.fixture
def sit(tmp_path: Path) -> Callable[..., CompareDesk]:
    """Somebody sits down at a desk; all of them write into one folder."""

    def desk(who: str, sounds: Sounds | None = None, questions: list[Question] = QUESTIONS) -> CompareDesk:
        return CompareDesk(questions, EventLog(tmp_path / "events", "compare"), who, sounds)

    return desk


def question(n: int) -> Question:
    replies = Reply(f"a{n}", "a", "a"), Reply(f"b{n}", "b", "b")
    return Question(f"pair {n}", "s", "en", "", [], replies)


@settings(max_examples=20)
@given(st.text(min_size=1, max_size=8))
def test_each_reply_stands_left_about_as_often_as_right_for_everybody(who: str) -> None:
    left = sum(question(n).sides(who)[0].candidate_id == f"a{n}" for n in range(1000))
    assert 400 < left < 600


def test_two_annotators_have_about_half_of_the_pairs_the_other_way_round() -> None:
    same = sum(question(n).sides("Mei") == question(n).sides("Jo") for n in range(1000))
    assert 400 < same < 600


def test_the_order_of_a_question_has_nothing_to_do_with_which_reply_is_right() -> None:
    frame = PAIRS.frame([{**pair(0), "pair_id": f"pair-{n}"} for n in range(400)])
    first = sum(q.replies[0].candidate_id == "right-0" for q in of_run(frame, SCENES.empty()))
    assert 150 < first < 250


def test_a_question_tells_nothing_that_would_give_the_answer_away(sit: Callable[..., CompareDesk]) -> None:
    shown = sit("Mei").show(0)
    told = json.dumps(shown)
    for secret in ("right-", "wrong-", "you_are_an_ai", "admits_no_ai", "chosen", "rejected", "attack", "Jo"):
        assert secret not in told
    assert "others" not in shown
    assert shown["scene"]["delivery"] == {"en": "with a shaky voice", "zh": "声音发抖"}
    assert [turn["role"] for turn in shown["turns"]] == ["partner", "persona", "partner"]


def picked(tmp_path: Path, who: str) -> list[dict[str, Any]]:
    lines = (tmp_path / "events" / f"compare.{who}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("pick", ["left", "right", "tie", "both_bad"])
def test_a_pick_is_kept_with_what_stood_where(sit: Callable[..., CompareDesk], tmp_path: Path, pick: str) -> None:
    sit("Mei").decide(3, "chosen", pick=pick)
    (event,) = picked(tmp_path, "Mei")
    left, right = (reply.candidate_id for reply in QUESTIONS[3].sides("Mei"))
    assert (event["app"], event["verdict"], event["on"]) == ("compare", "chosen", QUESTIONS[3].pair_id)
    assert event["seed_id"] == QUESTIONS[3].seed_id
    chosen = {"left": left, "right": right}.get(pick, pick)
    assert json.loads(event["detail"]) == {
        "pair_id": QUESTIONS[3].pair_id, "left": left, "right": right, "pick": chosen, "blind": True,
    }  # fmt: skip


def test_the_queue_holds_what_is_left_and_what_was_skipped_comes_last(sit: Callable[..., CompareDesk]) -> None:
    mei = sit("Mei")
    mei.decide(0, "skip")
    mei.decide(1, "chosen", pick="tie")
    assert mei.find() == [2, 3, 4, 5, 6, 7, 0]
    assert mei.find(status="picked") == [1]
    assert mei.find(status="skipped") == [0]
    assert mei.find(status="all", language="zh") == [n for n, q in enumerate(QUESTIONS) if q.language == "zh"]
    assert mei.progress() == {"total": 8, "by": {"Mei": 1}, "once": 1, "twice": 0}
    assert mei.undo() == {"n": 1, "verdict": "chosen", "progress": {**mei.progress(), "by": {"Mei": 0}}}
    assert mei.undo()["verdict"] == "skip"
    assert mei.undo() == {}
    assert mei.find() == list(range(8))


def test_others_are_seen_only_after_ones_own_pick_and_a_pick_after_that_is_marked(
    sit: Callable[..., CompareDesk], tmp_path: Path
) -> None:
    mei, jo = sit("Mei"), sit("Jo")
    mei.decide(0, "chosen", pick="left")
    mei.decide(0, "comment", comment="too smooth")
    assert "others" not in jo.show(0)
    jo.decide(0, "chosen", pick="both_bad")
    (theirs,) = jo.show(0)["others"].values()
    same = QUESTIONS[0].sides("Mei") == QUESTIONS[0].sides("Jo")
    assert (theirs["pick"], theirs["comments"]) == ("left" if same else "right", ("too smooth",))
    jo.decide(0, "chosen", pick="tie")
    assert [json.loads(event["detail"])["blind"] for event in picked(tmp_path, "Jo")] == [True, False]


def test_agreement_is_of_blind_picks_where_one_has_picked_oneself(sit: Callable[..., CompareDesk]) -> None:
    mei, jo, li = sit("Mei"), sit("Jo"), sit("Li")

    def pick(desk: CompareDesk, n: int, reply: Reply) -> None:
        side = ("left", "right")[QUESTIONS[n].sides(desk.who).index(reply)]
        desk.decide(n, "chosen", pick=side)

    for n in range(4):
        pick(mei, n, QUESTIONS[n].replies[n % 2])
        pick(jo, n, QUESTIONS[n].replies[n % 2 if n < 3 else 0])
    found = mei.agreement()
    assert (found["units"], found["pairs"][0]["same"], found["pairs"][0]["kappa"]) == (4, 3, 0.5)
    assert li.agreement()["units"] == 0
    pick(li, 0, QUESTIONS[0].replies[0])
    assert [(p["a"], p["b"]) for p in li.agreement()["pairs"]] == [("Jo", "Li"), ("Jo", "Mei"), ("Li", "Mei")]
    li.show(0)
    pick(li, 0, QUESTIONS[0].replies[1])  # having seen what the others said
    assert [(p["a"], p["b"]) for p in li.agreement()["pairs"]] == [("Jo", "Mei")]


def test_a_pick_of_a_reply_that_is_not_there_any_more_is_none(sit: Callable[..., CompareDesk], tmp_path: Path) -> None:
    detail = {"pair_id": "pair-0", "left": "x", "right": "y", "pick": "x"}
    log = EventLog(tmp_path / "events", "compare")
    log.append(who="Mei", on="pair-0", seed_id="", verdict="chosen", detail=detail)
    assert sit("Mei").progress()["by"] == {"Mei": 0}


def test_replies_can_be_heard_only_where_both_can(sit: Callable[..., CompareDesk]) -> None:
    n = next(n for n, q in enumerate(QUESTIONS) if q.pair_id == "pair-0")
    right, wrong = pair(0)["chosen"]["text"], pair(0)["rejected"]["text"]
    first = pair(0)["prompt"][0]["text"]
    both = {(0, first): b"a", (3, right): b"b", (3, wrong): b"c"}
    desk = sit("Mei", lambda script_id: both if script_id == "script-0" else {})
    shown = desk.show(n)
    assert shown["sound"] is True
    assert [turn["sound"] for turn in shown["turns"]] == [True, False, False]
    heard = {base64.b64decode(desk.hear(n, side)) for side in ("left", "right")}
    assert (heard, desk.hear(n, 0)) == ({b"b", b"c"}, base64.b64encode(b"a").decode())
    assert sit("Jo", lambda _: {(3, right): b"b"}).show(n)["sound"] is False


def test_files_of_pairs_are_read_whatever_their_columns_are_called(tmp_path: Path) -> None:
    found = of_file(file_of_pairs(tmp_path / "talk.jsonl"))
    assert len({q.pair_id for q in found}) == 4
    assert (found[0].card, found[0].language) == ("You are Rosa.", "en")
    assert [turn["text"] for turn in found[0].turns] == ["Question 0?"]
    assert {reply.text for reply in found[0].replies} == {"Well, 0, honey.", "As an AI, 0."}
    plain = {"prompt": ["你好？"], "a": ["哎，来了。"], "b": ["您好，我是助手。"], "id": ["p1"], "seed_id": ["s1"]}
    pl.DataFrame(plain).write_parquet(tmp_path / "plain.parquet")
    (q,) = of_file(tmp_path / "plain.parquet")
    assert (q.pair_id, q.seed_id, q.language, q.turns[0]["text"]) == ("p1", "s1", "zh", "你好？")


def test_a_pair_of_a_file_keeps_its_id_when_the_file_is_sorted_anew(tmp_path: Path) -> None:
    path = file_of_pairs(tmp_path / "talk.jsonl")
    before = {q.pair_id: q.replies for q in of_file(path)}
    path.write_text("\n".join(reversed(path.read_text(encoding="utf-8").splitlines())), encoding="utf-8")
    assert {q.pair_id: q.replies for q in of_file(path)} == before


@pytest.mark.parametrize(("text", "says"), [
    ("", "holds no pair"),
    ('{"prompt": "x", "chosen": "y"}', "row 1 is no pair: it has prompt, chosen"),
    ('{"prompt": "x", "a": "y", "b": "z"}\n{"prompt"', "line 2 is no JSON"),
    ('{"prompt": "x", "a": "y", "b": "y"}', "row 1 has the same reply twice"),
    ('{"prompt": "x", "a": 3, "b": "y"}', "row 1 has something else than messages: 3"),
    ('{"prompt": "x", "a": "y", "b": "z"}\n' * 2, "more than once"),
    ("[]", "line 1 is no object"),
])  # fmt: skip
def test_what_is_no_pair_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Misuse, match=says):
        of_file(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="neither a run nor a file of pairs"):
        of_file(tmp_path / "pairs.csv")
    (tmp_path / "pairs.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(Misuse, match="cannot be read"):
        of_file(tmp_path / "pairs.parquet")
