"""The compare app as annotators meet it: its own command, its own server, a real browser, the keyboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Person, Server
from small_runs import typed
from some_pairs import CARDS, PICKS, TALK, file_of_pairs, run_of_pairs

from persona_forge.desks import questions

RIGHT = {language: replies[0][:8] for language, (_, _, replies) in TALK.items()}


def compare(path: Path, *more: str) -> Server:
    return Server("-m", "persona_forge.cli", "app", "compare", str(path), "--no-browser", *more, "--port")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of_pairs(tmp_path_factory.mktemp("compare") / "run")


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[Server]:
    with compare(run) as served:
        yield served


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Person:
    """One page, at which others take their seat."""
    return Person(browser, server.url)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return file_of_pairs(tmp_path_factory.mktemp("talk") / "talk.jsonl")


@pytest.fixture(scope="module")
def talk_server(talk: Path) -> Iterator[Server]:
    with compare(talk, "--language", "en") as served:
        yield served


@pytest.fixture(scope="module")
def talk_page(browser: Any, talk_server: Server) -> Person:
    return Person(browser, talk_server.url)


def told(folder: Path, who: str) -> list[dict[str, Any]]:
    path = folder / f"compare.{who}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def picks(folder: Path, who: str) -> list[str]:
    """What an annotator did: right or wrong for a reply that was picked, else the pick or the verdict."""
    details = [(event["verdict"], json.loads(event["detail"])) for event in told(folder, who)]
    return [detail["pick"].split("-")[0] if verdict == "chosen" else verdict for verdict, detail in details]


def side_of_right(person: Person) -> str:
    texts = [person.text(f"#reply-{side} p") for side in ("left", "right")]
    return ("ArrowLeft", "ArrowRight")[next(n for n, t in enumerate(texts) if t.startswith(tuple(RIGHT.values())))]


def picked(person: Person, key: str, n: int) -> None:
    person.press(key)
    person.sees("#mine", f" {n} / {PICKS}")


def test_replies_are_picked_skipped_and_taken_back_by_keyboard_alone(page: Person, server: Server, run: Path) -> None:
    mei = page
    mei.enter("Mei")
    mei.sees(".talk", "you're a program")
    mei.sees("aside", CARDS["en"][:20])
    mei.sees(".scene", "with a shaky voice")
    assert mei.page.locator(".talk .cue").all_inner_texts() == ["sighs"]
    picked(mei, side_of_right(mei), 1)
    mei.press("s")
    mei.sees(".place", "3 of 8")
    mei.press("c")
    mei.page.keyboard.type("b and t are only letters here")
    mei.press("Control+Enter")
    mei.sees(".views", "b and t are only letters here")
    picked(mei, "3", 2)
    picked(mei, "b", 3)
    mei.press("k")
    mei.sees(".views", "Both bad")
    mei.sees(".views", "Nobody else has been here")
    picked(mei, "u", 2)
    assert mei.page.locator(".views").inner_text() == ""
    mei.press("p")
    mei.sees_no("aside h3")
    assert mei.page.locator("aside").bounding_box()["width"] == 0
    mei.press("p")
    mei.sees("aside h3", "Persona")
    assert picks(run / "events", "Mei") == ["right", "skip", "comment", "tie", "both_bad", "undo"]
    assert [e["comment"] for e in told(run / "events", "Mei")][2] == "b and t are only letters here"
    assert [url for url in mei.requests if not url.startswith((server.url, "data:", "blob:"))] == []


def test_nothing_on_the_page_tells_which_reply_is_thought_right(page: Person) -> None:
    eva = page
    eva.enter("Eva")
    eva.sees(".talk", "you're a program")
    shown = eva.page.locator(".desk").inner_html()
    assert not re.search(r"right-\d|wrong-\d|chosen|rejected|you_are_an_ai|admits_no_ai", shown)
    left = []
    for n in range(PICKS):
        eva.sees(".place", f"{n + 1} of 8")
        left.append(side_of_right(eva))
        eva.press("j")
    assert set(left) == {"ArrowLeft", "ArrowRight"}


def test_shortcuts_sleep_while_an_input_method_composes(browser: Any, server: Server, run: Path) -> None:
    lin = Person(browser, server.url, "林", locale="zh-CN")
    lin.sees("header", "哪一句更像本人")
    lin.press_composing("t")
    lin.press("c")
    lin.compose("t", "tai", "太顺")
    lin.press("Control+Enter")
    lin.sees(".views", "太顺")
    assert picks(run / "events", "林") == ["comment"]
    picked(lin, "t", 1)


def test_sounds_are_played_where_both_replies_have_one(page: Person, run: Path) -> None:
    ana = page
    ana.enter("Ana")
    ana.page.select_option("#filter-language", "en")
    ana.sees(".place", "of 4")
    order = [q.pair_id for q in questions(run) if q.language == "en"]
    for _ in range(order.index("pair-0")):
        ana.press("j")
    ana.sees(".place", f"{order.index('pair-0') + 1} of 4")
    assert ana.page.locator(".reply .speaker").count() == 2
    assert ana.hears("q") == "heard 0.3"
    ana.page.select_option("#filter-language", "zh")
    ana.sees(".talk", "你其实就是个程序吧")
    for n in range(4):
        ana.sees(".place", f"{n + 1} of 4")
        assert ana.page.locator(".reply .speaker").count() == 0  # not where one alone has a sound
        ana.press("j")


def test_two_annotators_are_blind_to_each_other_and_then_compared(talk: Path, talk_page: Person) -> None:
    mei = tom = talk_page
    mei.enter("Mei")
    mei.press("g")
    mei.sees(".saying", "once you have judged pairs yourself")
    for n, key in enumerate(("t", "t", "b", "b"), 1):
        mei.press(key)
        mei.sees("#mine", f"Mine {n} / 4")
    mei.sees(".empty", "This queue is done")
    tom.enter("Tom")
    tom.sees(".talk", "Question 0?")
    assert "Mei" not in tom.page.locator("main").inner_text()
    for n, key in enumerate(("t", "t", "b", "t"), 1):
        tom.press(key)
        tom.sees("#mine", f"Mine {n} / 4")
    tom.press("k")
    tom.sees(".views", "Mei")
    assert tom.page.locator(".view .verdict").all_inner_texts() == ["Equally good", "Both bad"]
    tom.press("g")
    tom.sees("dialog td", "0.500")  # 3 of 4 alike; chance gives (3·2 + 1·2) / 16 = 1/2
    tom.press("Escape", "t")
    tom.sees(".empty", "This queue is done")
    assert [json.loads(e["detail"])["blind"] for e in told(talk.with_name("talk.jsonl.events"), "Tom")][-1] is False


def test_a_server_killed_while_nobody_did_anything_loses_nothing(
    talk: Path, talk_server: Server, talk_page: Person
) -> None:
    kai = talk_page
    kai.enter("Kai")
    kai.press("t")
    kai.sees("#mine", "Mine 1 / 4")
    talk_server.kill()
    talk_server.start()
    kai.page.clock.install()
    with kai.page.expect_event("load"):  # the new server does not know the page, which then starts again
        kai.press("b")
        kai.page.clock.fast_forward(4000)  # as long as it waits to be heard
    kai.sees("#mine", "Mine 1 / 4")
    kai.sees(".talk", "Question 1?")
    assert picks(talk.with_name("talk.jsonl.events"), "Kai") == ["tie"]


@pytest.mark.parametrize(("words", "says"), [
    (("nowhere.csv",), "nowhere.csv is neither a run nor a file of pairs"),
    (("nowhere.jsonl",), "nowhere.jsonl cannot be read"),
    (("empty",), "empty is not a run"),
    (("talk.jsonl", "--who", "../../x"), "is no annotator's name"),
    (("talk.jsonl", "--events", "talk.jsonl"), "talk.jsonl is a file"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    file_of_pairs(tmp_path / "talk.jsonl")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    said = typed("app", "compare", *words)
    assert said.returncode == 2
    assert says in said.stderr
