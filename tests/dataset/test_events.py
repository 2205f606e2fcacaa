import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import Corrupt, Misuse
from persona_forge.core.tables import EVENTS
from persona_forge.dataset.events import EventLog, annotator


def say(log: EventLog, who: str, on: str, verdict: str, comment: str = "") -> None:
    log.append(who=who, on=on, seed_id=on, verdict=verdict, detail={}, comment=comment)


def read(folder: Path) -> EventLog:
    log = EventLog(folder, "review")
    log.refresh()
    return log


def told(log: EventLog, on: str) -> list[tuple[str, str]]:
    return [(e["who"], e["verdict"]) for e in log.on(on)]


def test_each_annotator_has_a_file_and_each_event_a_line_that_fits_the_table(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events", "review")
    say(log, "Mei", "s1", "approve", "好")
    say(log, "Tom", "s1", "reject")
    say(log, "Mei", "s2", "skip")
    assert sorted(p.name for p in log.folder.iterdir()) == ["review.Mei.jsonl", "review.Tom.jsonl"]
    lines = (log.folder / "review.Mei.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["comment"] for line in lines] == ["好", ""]
    assert log.refresh() == {"s1", "s2"}
    assert EVENTS.frame([dict(e) for e in log.standing()]).height == 3
    assert log.annotators == ["Mei", "Tom"]


def test_a_log_reads_only_what_was_added_since(tmp_path: Path) -> None:
    mine, theirs = EventLog(tmp_path, "review"), EventLog(tmp_path, "review")
    say(mine, "Mei", "s1", "approve")
    assert theirs.refresh() == {"s1"}
    assert theirs.refresh() == set()
    say(mine, "Mei", "s2", "approve")
    assert theirs.refresh() == {"s2"}
    assert told(theirs, "s1") == [("Mei", "approve")]


def test_another_app_s_events_are_not_this_one_s(tmp_path: Path) -> None:
    say(EventLog(tmp_path, "compare"), "Mei", "p1", "left")
    assert read(tmp_path).standing() == []


def test_undo_takes_back_one_s_own_last_act_that_still_stands(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "review")
    for who, on, verdict in (("Mei", "s1", "approve"), ("Mei", "s2", "reject"), ("Tom", "s2", "approve")):
        say(log, who, on, verdict)
    log.refresh()
    undone = []
    for _ in range(3):
        last = log.undo("Mei", {"s1", "s2"})
        undone.append(last and last["on"])
        log.refresh()
    assert undone == ["s2", "s1", None]
    assert told(log, "s2") == [("Tom", "approve")]
    assert read(tmp_path).standing() == log.standing()
    raw = EventLog(tmp_path, "review").news()
    assert [e["verdict"] for e in raw] == ["approve", "reject", "undo", "undo", "approve"]


def test_nobody_can_undo_what_another_did(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "review")
    say(log, "Tom", "s1", "approve")
    log.refresh()
    event_id = log.on("s1")[0]["event_id"]
    log.append(who="Mei", on="s1", seed_id="s1", verdict="undo", detail={"event_id": event_id})
    log.refresh()
    assert told(log, "s1") == [("Tom", "approve")]


@given(st.lists(st.sampled_from(["s1", "s2", "undo"]), max_size=12))
def test_acts_and_undos_fold_as_a_stack(tmp_path_factory: pytest.TempPathFactory, acts: list[str]) -> None:
    log = EventLog(tmp_path_factory.mktemp("events"), "review")
    stack: list[str] = []
    for act in acts:
        if act == "undo":
            log.undo("Mei", {"s1", "s2"})
            del stack[-1:]
        else:
            say(log, "Mei", act, "approve")
            stack.append(act)
        log.refresh()
    assert [e["on"] for e in read(log.folder).standing()] == stack


def test_a_torn_last_line_is_passed_over_and_cut_by_the_next_append(tmp_path: Path) -> None:
    log = EventLog(tmp_path, "review")
    say(log, "Mei", "s1", "approve")
    path = tmp_path / "review.Mei.jsonl"
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        assert told(read(tmp_path), "s1") == [("Mei", "approve")]
    say(EventLog(tmp_path, "review"), "Mei", "s2", "reject")
    assert path.read_bytes()[: len(whole)] == whole
    assert path.read_bytes().count(b"\n") == 2
    assert told(read(tmp_path), "s2") == [("Mei", "reject")]


def test_a_line_that_was_changed_is_refused(tmp_path: Path) -> None:
    say(EventLog(tmp_path, "review"), "Mei", "s1", "approve")
    path = tmp_path / "review.Mei.jsonl"
    path.write_bytes(path.read_bytes().replace(b"approve", b"approvE"))
    with pytest.raises(Corrupt, match="does not check"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["", "  ", "../x", "a/b", ".hidden", "a\nb", "x" * 41, "a*"])
def test_a_name_that_can_be_no_file_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="annotator's name"):
        annotator(name)


def test_names_of_people_are_taken() -> None:
    assert [annotator(n) for n in (" 梅 ", "Anna-Lena K.2", "a")] == ["梅", "Anna-Lena K.2", "a"]


WRITER = """
import sys
from pathlib import Path
from persona_forge.dataset.events import EventLog
log = EventLog(Path(sys.argv[1]), "review")
for n in range(100_000):
    log.append(who="Mei", on=f"s{n}", seed_id="s", verdict="approve", detail={})
    print(n, flush=True)
"""


def test_what_was_confirmed_outlives_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONHASHSEED": "0"}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.kill()
        confirmed = len(process.stdout.read().splitlines()) + 1
    there = len(read(tmp_path).standing())
    assert there in (confirmed, confirmed + 1)
