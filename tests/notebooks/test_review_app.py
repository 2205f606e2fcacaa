"""The review app as annotators meet it: its own command, its own server, a real browser, the keyboard."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browsing import Person, Server, events, review

from persona_forge.dataset.events import EventLog
from persona_forge.desks import adopt

SEEDS = [
    ("s1", "Rosa", "I am a woman in my fifties and I run the night desk of a motel off the interstate."),
    ("s2", "Tim", "I'm a man who keeps bees on a roof in Ghent and talks to them in the evening."),
    ("s3", "程野", "我是一名女性，在重庆送了十二年外卖，膝盖比天气预报准。"),
    ("s4", "Oona", "I mend violins in a shed by the harbour, and I never play where anybody can hear me."),
    ("s5", "Ivo", "After the war I could not sleep, and one winter I wanted to kill myself; now I teach chess."),
]
"""The last is flagged, and comes first."""
YE = ("s3", "Ye", "I have carried noodles to doors for twelve years, and my knees know the weather before anybody.")
ENGLISH = [*SEEDS[:2], YE, *SEEDS[3:]]
"""For servers of their own: the dictionary that Chinese needs takes seconds to load."""


def write_seeds(folder: Path, seeds: Sequence[tuple[str, str, str]] = SEEDS) -> Path:
    path = folder / "five.jsonl"
    rows = [{"seed_id": i, "name": name, "prose": prose} for i, name, prose in seeds]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("review")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with review(write_seeds(folder), folder / "events") as served:
        yield served


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Person:
    """One page, at which others take their seat."""
    return Person(browser, server.url)


def test_seeds_are_judged_edited_and_taken_back_by_keyboard_alone(page: Person, server: Server, folder: Path) -> None:
    mei = page
    mei.enter("Mei")
    mei.press("s")
    mei.sees("article h2", "Rosa")
    assert mei.page.locator("mark.pin").count() == 2
    assert mei.page.locator("mark.pin").first.get_attribute("title") == "gender=female"
    mei.press("a")
    mei.sees("article h2", "Tim")
    mei.press("r")
    mei.sees("dialog", "Too thin")
    mei.press("3")
    mei.sees("article h2", "程野")
    mei.press("r", "n")
    mei.page.keyboard.type("reads like a form")
    mei.press("Enter")
    mei.sees("article h2", "Oona")
    mei.press("c")
    mei.page.keyboard.type("a and r are only letters here")
    mei.press("Control+Enter")
    mei.sees("aside", "a and r are only letters here")
    mei.press("e")
    mei.page.locator("#prose").wait_for()
    mei.press("Control+a")
    mei.page.keyboard.type("I mend violins in a shed by the old harbour.")
    mei.press("Control+Enter")
    mei.sees("article .prose", "by the old harbour")
    mei.press("u")
    mei.sees("article .prose", "where anybody can hear me")
    mei.press("a", "u", "u", "u")  # the comment too, and the verdict on 程野
    mei.sees("article h2", "程野")
    assert mei.text("#mine") == "Mine 2 / 5"
    assert events(folder / "events", "Mei") == [
        ("skip", "s5"), ("approve", "s1"), ("reject", "s2"), ("reject", "s3"), ("comment", "s4"), ("edit", "s4"),
        ("undo", "s4"), ("approve", "s4"), ("undo", "s4"), ("undo", "s4"), ("undo", "s3"),
    ]  # fmt: skip
    reasons = [json.loads(e["detail"])["reason"] for e in told(folder, "Mei") if e["verdict"] == "reject"]
    assert reasons == ["thin", "other"]
    assert [e["comment"] for e in told(folder, "Mei") if e["on"] == "s3"] == ["reads like a form", ""]
    assert [url for url in mei.requests if not url.startswith((server.url, "data:", "blob:"))] == []


def told(folder: Path, who: str) -> list[dict[str, Any]]:
    lines = (folder / "events" / f"review.{who}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_shortcuts_sleep_while_an_input_method_composes(browser: Any, server: Server, folder: Path) -> None:
    lin = Person(browser, server.url, "林", locale="zh-CN")
    lin.sees("header", "种子审阅")
    lin.press("s")
    lin.sees("article h2", "Rosa")
    lin.press_composing("a")
    lin.press("/")
    lin.compose("a", "ar", "外卖")
    lin.sees(".found", "1 条种子")
    assert events(folder / "events", "林") == [("skip", "s5")]
    lin.press("Enter", "a")
    lin.sees("#mine", "我 1 / 5")
    assert events(folder / "events", "林")[1:] == [("approve", "s3")]


def test_the_queue_is_searched_and_filtered_and_the_language_switched(page: Person) -> None:
    ana = page
    ana.enter("Ana")
    assert ana.page.locator(".row b").all_inner_texts() == ["Ivo", "Rosa", "Tim", "程野", "Oona"]
    ana.press("/")
    ana.page.keyboard.type("harbour")
    ana.press("Escape", "l")  # the search is done before the next key counts
    ana.sees(".found", "1 条种子")
    ana.sees("article h2", "Oona")
    ana.page.fill("#search", "")
    ana.press("Escape")
    ana.page.select_option("#filter-language", "zh")
    ana.sees("article h2", "程野")
    ana.page.select_option("#filter-language", "")
    ana.page.select_option("#filter-order", "given")
    ana.sees("article h2", "Rosa")
    ana.press("j", "ArrowDown", "k")
    ana.sees("article h2", "Tim")
    ana.press("?")
    ana.sees("dialog", "按 Esc 离开输入框")
    ana.press("Escape", "l")
    ana.sees("header", "Seed review")


def test_a_distressing_text_is_announced_before_it_is_shown(page: Person, folder: Path) -> None:
    eva = page
    eva.enter("Eva")
    eva.sees("article", "This text may be distressing")
    assert "kill myself" not in eva.page.locator(".desk").inner_text()
    eva.press("a", "r", "e", "c")  # nothing is decided on a text that was not read
    eva.press("Enter")
    eva.sees("mark.flag", "kill myself")
    assert events(folder / "events", "Eva") == []
    eva.press("a")
    eva.sees("#mine", "Mine 1 / 5")


def test_selected_words_are_pinned_and_an_impossible_edit_is_refused(page: Person, folder: Path) -> None:
    kai = page
    kai.enter("Kai")
    kai.press("s", "s", "s", "s")
    kai.sees("article h2", "Oona")
    kai.press("e")
    area = kai.page.locator("#prose")
    area.wait_for()
    area.evaluate("a => a.setSelectionRange(2, 14)")
    pins = kai.page.locator(".pins .item").count()
    kai.press("Alt+p")
    assert kai.page.locator(".pins .item").count() == pins + 1
    row = kai.page.locator(".pins .item").last
    assert row.locator("input").input_value() == "mend violins"
    row.locator("select.dimension").select_option("occupation")
    kai.page.locator(".pins .item").last.locator("input").fill("mend cellos")
    kai.press("Control+Enter")
    kai.sees(".saying", "These words do not stand in the text: mend cellos")
    kai.page.reload()  # as if the browser had been killed: the draft is there
    kai.sees("article h2", "Oona")
    kai.press("e")
    kai.sees("article", "Your unsaved draft is back")
    kai.page.locator(".pins .item").last.locator("input").fill("mend violins")
    kai.press("Control+Enter")
    kai.sees("aside .trait", "mend violins")
    kai.sees("aside .trait", "annotator")
    assert events(folder / "events", "Kai")[-1] == ("edit", "s4")


def test_two_annotators_are_blind_then_compared_then_settled(browser: Any, tmp_path: Path) -> None:
    path = write_seeds(tmp_path, ENGLISH)
    with review(path, tmp_path / "events", "--language", "en") as server:
        mei, tom = Person(browser, server.url, "Mei"), Person(browser, server.url, "Tom")
        mei.press("Enter", "a", "a", "r", "6", "a", "a")
        mei.sees("article", "This queue is done")
        tom.press("Enter")
        tom.sees("aside", "Shown once you have given your verdict")
        assert "Mei" not in tom.text("aside")
        tom.press("a", "r", "3")
        tom.sees("article h2", "Tim")
        assert "Mei" not in tom.text("aside")
        tom.press("r", "6", "a", "a")
        tom.sees("#disputes", "Disputed 1")
        tom.press("k", "e")
        tom.sees("article", "Editing Oona")
        tom.page.fill("#prose", "I mend violins in a shed by the sea.")
        tom.press("Control+Enter")
        tom.sees("article", "As edited by Tom")
        tom.press("g")
        # Of 10 verdicts 7 approve, 3 reject; one seed of five differs: 1 − 0.2 / (2·7·3 / (10·9)) = 0.571
        tom.sees("#alpha", "0.571")
        tom.sees("dialog td", "0.545")
        tom.press("Escape", "m")
        tom.sees("aside", "Disputed")
        tom.sees("article h2", "Rosa")
        assert tom.text("aside .view.approve") == "Mei\nApproved"
        tom.press("a")
        tom.sees("#disputes", "Disputed 0")
        mei.press("m")
        mei.sees("article", "No seed fits")
        mei.press("m")
        mei.page.select_option("#filter-status", "approve")
        mei.sees("article h2", "Ivo")
        mei.press("Enter", "j", "j", "j")
        mei.sees("article h2", "Oona")
        mei.press("e")
        mei.page.fill("#prose", "I mend violins in a shed by the lake.")
        mei.press("Control+Enter")
        mei.sees("article", "As edited by Mei")
        mei.press("m")
        mei.sees("aside", "Version to keep")
        mei.press("0")
        mei.sees("article .prose", "where anybody can hear me")
        mei.press("2")
        mei.sees("article .prose", "by the sea")
        mei.press("a")
        mei.sees("#disputes", "Disputed 0")
        mei.leave()
        tom.leave()
    counts = adopt(path, tmp_path / "events", tmp_path / "adopted.jsonl")
    assert counts == {"approved": 4, "rejected": 1, "new": 0, "disputed": 0, "unreadable": 0}
    adopted = (tmp_path / "adopted.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(adopted[3])["prose"] == "I mend violins in a shed by the sea."


def test_a_killed_server_loses_nothing_that_was_confirmed(browser: Any, tmp_path: Path) -> None:
    with review(write_seeds(tmp_path, ENGLISH), tmp_path / "events", "--who", "Mei", "--language", "en") as server:
        mei = Person(browser, server.url)
        mei.sees("article", "This text may be distressing")
        mei.press("s", "a", "r", "2")
        mei.sees("article h2", "Ye")
        mei.press("c")
        mei.page.keyboard.type("half a thou")
        server.kill()
        mei.press("Control+Enter")
        mei.sees(".saying", "The server does not answer")
        assert events(tmp_path / "events", "Mei") == [("skip", "s5"), ("approve", "s1"), ("reject", "s2")]
        with (tmp_path / "events" / "review.Mei.jsonl").open("ab") as file:
            file.write(b'{"app":"review","at":"2026-')  # as a power cut would leave it
        with mei.page.expect_event("load"):  # it comes back by itself
            server.start()
        mei.sees("#mine", "Mine 2 / 5")
        mei.sees("article h2", "Ye")
        mei.press("c")
        assert mei.page.locator("#comment-text").input_value() == "half a thou"
        mei.press("Control+Enter")
        mei.sees("aside", "half a thou")
        mei.press("u", "u")
        mei.sees("article h2", "Tim")
    log = EventLog(tmp_path / "events", "review")
    log.refresh()
    assert [(e["verdict"], e["on"]) for e in log.standing()] == [("skip", "s5"), ("approve", "s1")]


def test_ten_thousand_seeds_scroll_and_filter_without_waiting(browser: Any, tmp_path: Path) -> None:
    with Server(
        "-m", "marimo", "run", str(Path(__file__).with_name("many_seeds.py")), "--headless", "--port"
    ) as server:
        ana = Person(browser, server.url, "Ana")
        ana.sees(".found", "10,000 seeds")
        took = {}

        def within(name: str, where: str, text: str) -> None:
            started = time.perf_counter()
            ana.sees(where, text)
            took[name] = time.perf_counter() - started

        ana.press("/")
        ana.page.keyboard.insert_text("number 9876")
        within("search", ".found", "1 seeds")
        ana.page.fill("#search", "")
        within("all again", ".found", "10,000 seeds")
        ana.page.select_option("#filter-flag", "minor")
        within("filter", ".found", "100 seeds")
        ana.page.select_option("#filter-flag", "")
        within("unfilter", ".found", "10,000 seeds")
        ana.page.locator(".list").evaluate("list => (list.scrollTop = list.scrollHeight)")
        within("scroll", ".row", "Somebody 9999")
        assert ana.page.locator(".row").count() < 40
        ana.press("Escape")
        started = time.perf_counter()
        for _ in range(20):
            ana.press("a")
        ana.sees("#mine", "Mine 20 / 10,000")
        took["a decision"] = (time.perf_counter() - started) / 20
    assert max(took.values()) < 2, took
