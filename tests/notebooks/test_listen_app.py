"""The listen app as listeners meet it: its own command, its own server, a real browser, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Person, Server
from small_runs import typed
from some_clips import CLIPS_HEARD, SECONDS, in_line, run_of_clips, told

from persona_forge.speech.listen import QUESTIONS

ORDER = list(in_line()["utterance_id"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of_clips(tmp_path_factory.mktemp("listen") / "run")


@pytest.fixture(scope="module")
def server(run: Path) -> Iterator[Server]:
    with Server("-m", "persona_forge.cli", "app", "listen", str(run), "--no-browser", "--port") as served:
        yield served


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Person:
    """One page, at which others take their seat."""
    return Person(browser, server.url)


def judged(person: Person, keys: str, n: int) -> None:
    """Answers the three questions, saves, and sees it counted."""
    person.press(*keys)
    person.sees("#do-save", "Save")
    person.press("Enter")
    person.sees("#mine", f" {n} / {CLIPS_HEARD}")


def onward(person: Person, at: int) -> None:
    person.press("j")
    person.sees(".place", f"{at} of")


def test_clips_are_judged_skipped_and_taken_back_by_keyboard_alone(page: Person, server: Server, run: Path) -> None:
    mei = page
    mei.enter("Mei")
    mei.sees(".words", "Nobody came.")
    mei.sees("aside", "Shown once you have said what you hear")
    mei.press("3", "5", "Backspace", "1")
    mei.sees("#speed-slow.chosen", "slow")
    judged(mei, "4", 1)
    mei.sees(".tag.obeyed", "Mood")
    assert mei.page.locator(".words .cue").all_inner_texts() == ["sad", "slow", "sighs"]
    mei.press("Enter", "s")
    mei.sees(".place", "3 of 5")
    mei.press("c")
    mei.page.keyboard.type("s and 3 are only letters here")
    mei.press("Control+Enter")
    mei.sees(".views", "s and 3 are only letters here")
    judged(mei, "003", 2)
    mei.press("u")
    mei.sees("#mine", "Mine 1 / 5")
    mei.sees(".views", "You know what was wanted here")
    mei.press("/")
    mei.page.keyboard.type("night")
    mei.press("Enter")
    mei.sees(".words", "I got the night shift!")
    events = told(run / "events", "Mei")
    assert [(e["verdict"], e["on"]) for e in events] == [
        ("heard", "shut"), ("skip", ORDER[1]), ("comment", ORDER[2]), ("heard", ORDER[2]), ("undo", ORDER[2])
    ]  # fmt: skip
    heard = [tuple(e["detail"]["heard"][q] for q in QUESTIONS) for e in events if e["verdict"] == "heard"]
    assert heard == [("sad", "slow", 4), ("unclear", "unclear", 3)]
    assert [url for url in mei.requests if not url.startswith((server.url, "data:", "blob:"))] == []


def test_nothing_on_the_page_tells_what_was_wanted_before_the_verdict(page: Person) -> None:
    eva = page
    eva.enter("Eva")
    for n in range(CLIPS_HEARD):
        eva.sees(".place", f"{n + 1} of {CLIPS_HEARD}")
        parts = eva.page.locator("main article > :not(.filters):not(.ask), aside").all()
        shown = "".join(part.inner_html() for part in parts)
        assert not re.search(r"wished|kokoro|espeak|cue|sad|slow|angry|chosen|gate", shown)
        eva.press("j")


def test_shortcuts_sleep_while_an_input_method_composes(browser: Any, server: Server, run: Path) -> None:
    lin = Person(browser, server.url, "林", locale="zh-CN")
    lin.sees("header", "您听到了什么")
    lin.press_composing("s")
    lin.press("c")
    lin.compose("s", "sha", "沙哑")
    lin.press("Control+Enter")
    lin.sees(".views", "沙哑")
    assert [(e["verdict"], e["comment"]) for e in told(run / "events", "林")] == [("comment", "沙哑")]
    lin.leave()


def test_a_clip_is_drawn_and_played(page: Person) -> None:
    ana = page
    ana.enter("Ana")
    ana.sees(".pitch", "150 Hz")
    assert ana.page.locator(".wave path").get_attribute("d").count("L") == 2 * 480
    assert ana.hears(" ") == f"heard {SECONDS}"


def test_two_listeners_are_blind_to_each_other_and_then_compared(page: Person) -> None:
    for who, moods in (("Tom", "3344"), ("Kim", "3343")):
        page.enter(who)
        page.press("g")
        page.sees(".saying", "once you have judged clips yourself")
        for n, mood in enumerate(moods, 1):
            page.sees(".place", f"{n} of")
            assert "Tom" not in page.text("main")
            judged(page, f"{mood}33", n)
            onward(page, n + 1)
    kim = page
    kim.press("k")
    kim.sees("aside .view", "Tom")
    kim.press("g")
    kim.sees("#pairs tr", "Mood")
    cells = kim.page.locator("#pairs tr").filter(has_text="Kim · Tom").filter(has_text="Mood").locator("td")
    # 3 of 4 alike; by chance 2/4·3/4 + 2/4·1/4 = 1/2
    assert cells.all_inner_texts() == ["Mood", "Kim · Tom", "4", "3", "0.500"]
    kim.press("Escape")


def test_a_killed_server_loses_nothing_that_was_confirmed_nor_what_is_half_written(
    page: Person, server: Server, run: Path
) -> None:
    kai = page
    kai.enter("Kai")
    judged(kai, "111", 1)
    kai.press("Enter", "4")
    kai.sees("#emotion-angry.chosen", "angry")
    kai.press("c")
    kai.page.keyboard.type("half a thou")
    server.kill()
    kai.press("Control+Enter")
    kai.sees(".saying", "The server does not answer")
    with kai.page.expect_event("load"):
        server.start()
    kai.sees("#mine", f"Mine 1 / {CLIPS_HEARD}")
    kai.sees(".place", "1 of 4")
    kai.sees("#emotion-angry.chosen", "angry")
    kai.press("c")
    assert kai.page.input_value("#comment-text") == "half a thou"
    kai.press("Control+Enter")
    kai.sees(".views", "half a thou")
    assert [(e["verdict"], e["on"]) for e in told(run / "events", "Kai")] == [("heard", "shut"), ("comment", ORDER[1])]


@pytest.mark.parametrize(("words", "says"), [
    (("nowhere",), "nowhere is not a run"),
    (("run", "--who", "../../x"), "is no annotator's name"),
    (("run", "--events", "file"), "file is a file"),
])  # fmt: skip
def test_what_cannot_be_heard_is_refused_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    run_of_clips(tmp_path / "run")
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    said = typed("app", "listen", *words)
    assert said.returncode == 2
    assert says in said.stderr
