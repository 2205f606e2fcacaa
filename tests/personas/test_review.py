import json
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import Misuse
from persona_forge.core.tables import SEEDS
from persona_forge.dataset.events import EventLog
from persona_forge.desks import adopt
from persona_forge.personas.curate import curate
from persona_forge.personas.readers import read
from persona_forge.personas.review import Unfit, edit_of, edited, marked
from persona_forge.personas.review_desk import ReviewDesk, Shelf
from persona_forge.space.ontology import read_ontology

PIN = {"dimension": "gender", "value": "female", "evidence": "I am a woman", "by": "cue"}
SHORTER = "I am a woman and I mend clocks."
FLAG = {"kind": "personal_data", "evidence": "555-0142", "detail": "phone number"}


def seed(seed_id: str, prose: str = "I am a woman and I mend clocks. Call 555-0142.", **fields: Any) -> dict[str, Any]:
    lists: dict[str, Any] = {k: [] for k in ("opinions", "catchphrases", "emotional_limits", "withheld", "flags")}
    texts = {"style": "", "voice": "", "source": "test", "licence": "CC0-1.0", "author_kind": "human", "extras": "{}"}
    row = {
        "seed_id": seed_id,
        "name": f"Name {seed_id}",
        "language": "en",
        "prose": prose,
        "pins": [PIN],
        "review": "new",
    }
    return {**row, **lists, **texts, **fields}


def desk(folder: Path, who: str, *seeds: Mapping[str, Any]) -> ReviewDesk:
    return ReviewDesk(Shelf(seeds or (seed("a"), seed("b"), seed("c"))), EventLog(folder, "review"), who)


def state(d: ReviewDesk, n: int = 0) -> tuple[str, bool]:
    d.find()
    return d._reviews[n].state, d._reviews[n].disputed


def test_one_verdict_decides_two_that_differ_are_a_dispute(tmp_path: Path) -> None:
    mei, tom = desk(tmp_path, "Mei"), desk(tmp_path, "Tom")
    mei.decide(0, "approve")
    assert state(tom) == ("approved", False)
    tom.decide(0, "reject", reason="thin")
    assert state(mei) == ("new", True)
    assert mei.find(status="disputed") == [0]
    tom.undo()
    tom.decide(0, "approve")
    assert state(mei) == ("approved", False)


def test_a_skip_and_a_comment_decide_nothing(tmp_path: Path) -> None:
    mei = desk(tmp_path, "Mei")
    mei.decide(0, "skip")
    mei.decide(0, "comment", comment="ask the author")
    assert state(mei) == ("new", False)
    assert mei.show(0)["mine"]["comments"] == ("ask the author",)
    assert mei.find(status="todo") == [0, 1, 2]
    assert mei.find(status="skip") == [0]


def test_others_are_shown_after_one_s_own_verdict_alone(tmp_path: Path) -> None:
    mei, tom = desk(tmp_path, "Mei"), desk(tmp_path, "Tom")
    mei.decide(0, "reject", reason="harmful", comment="hidden from Tom for now")
    for _ in range(2):
        shown = tom.show(0)
        assert "others" not in shown
        assert "hidden from Tom" not in json.dumps(shown)
        tom.decide(0, "skip")
    assert "Mei" not in json.dumps([tom.start()["rows"], tom.start()["marks"]])
    mei.decide(0, "edit", edit={"prose": SHORTER})
    assert tom.show(0, "Mei")["seed"]["prose"] == seed("a")["prose"]
    tom.decide(0, "approve")
    assert tom.show(0)["others"]["Mei"]["comments"] == ("hidden from Tom for now",)
    tom.undo()
    assert "others" not in tom.show(0)


def test_a_verdict_changed_after_others_were_seen_is_no_agreement(tmp_path: Path) -> None:
    mei, tom = desk(tmp_path, "Mei"), desk(tmp_path, "Tom")
    for n in range(3):
        mei.decide(n, "approve")
    tom.decide(1, "approve")
    tom.decide(2, "reject", reason="thin")
    assert [mei.agreement()["units"], mei.agreement()["pairs"][0]["same"]] == [2, 1]
    tom.show(2)
    tom.decide(2, "approve")
    assert state(tom, 2) == ("approved", False)
    assert tom.agreement()["units"] == 1


def test_a_settlement_ends_a_dispute_with_the_edit_it_names(tmp_path: Path) -> None:
    mei, tom = desk(tmp_path, "Mei"), desk(tmp_path, "Tom")
    mei.decide(0, "edit", edit={"prose": SHORTER})
    mei.decide(0, "approve")
    tom.decide(0, "reject", reason="personal_data")
    assert [tom.show(0, version)["seed"]["prose"] for version in (None, "Mei")] == [seed("a")["prose"], SHORTER]
    tom.decide(0, "settle", settled="approve", version="Mei")
    assert state(mei) == ("approved", False)
    assert mei._reviews[0].edit == {"prose": SHORTER}
    assert mei.progress()["disputed"] == 0
    tom.undo()
    assert state(mei) == ("new", True)


def test_two_edits_of_a_field_clash_only_where_they_differ(tmp_path: Path) -> None:
    mei, tom = desk(tmp_path, "Mei"), desk(tmp_path, "Tom")
    shorter = {"prose": SHORTER}
    mei.decide(0, "edit", edit=shorter)
    mei.decide(0, "approve")
    tom.decide(0, "edit", edit={**shorter, "opinions": [{"topic": "time", "stance": "late", "strength": 1.0}]})
    tom.decide(0, "approve")
    assert state(mei) == ("approved", False)
    tom.decide(0, "edit", edit={"prose": "I am a woman. I mend watches."})
    assert state(mei) == ("new", True)


def test_a_verdict_on_a_text_that_was_rewritten_since_says_nothing(tmp_path: Path) -> None:
    desk(tmp_path, "Mei").decide(0, "approve")
    assert desk(tmp_path, "Mei").find(status="approve") == [0]
    assert desk(tmp_path, "Mei", seed("a", "I am a woman and I sell clocks."), seed("b")).find(status="todo") == [0, 1]


def test_undo_goes_back_step_by_step_over_a_restart_and_never_to_another(tmp_path: Path) -> None:
    mei = desk(tmp_path, "Mei")
    mei.decide(0, "approve")
    mei.decide(1, "reject", reason="twin")
    desk(tmp_path, "Tom").decide(2, "approve")
    again = desk(tmp_path, "Mei")
    assert [again.undo().get("n") for _ in range(3)] == [1, 0, None]
    assert again.progress()["by"] == {"Mei": 0, "Tom": 1}


def test_the_queue_is_filtered_searched_and_ordered(tmp_path: Path) -> None:
    flagged = seed("b", "I am a woman who keeps Bees in Ghent", flags=[FLAG, {**FLAG, "kind": "minor"}])
    mei = desk(tmp_path, "Mei", seed("a"), flagged, seed("c", "我在重庆送外卖", language="zh", flags=[FLAG]))
    assert mei.find(order="given") == [0, 1, 2]
    assert mei.find(order="flagged") == [1, 2, 0]
    assert mei.find(search="bees GHENT") == [1]
    assert mei.find(search="外卖") == [2]
    assert mei.find(flag="minor") == [1]
    assert mei.find(language="zh") == [2]
    mei.decide(2, "approve")
    desk(tmp_path, "Tom", *mei.shelf.seeds).decide(2, "reject", reason="thin")
    assert mei.find(order="disputed") == [2, 0, 1]
    assert mei.find(status="approve") == [2]


def test_a_distressing_text_is_not_quoted_in_the_list(tmp_path: Path) -> None:
    mei = desk(tmp_path, "Mei", seed("a", flags=[{**FLAG, "kind": "distressing"}]), seed("b", flags=[FLAG]))
    assert [row[3] for row in mei.start()["rows"]] == ["", "I am a woman and I mend clocks. Call 555-0142."]
    assert [mei.show(n)["distressing"] for n in (0, 1)] == [True, False]


def test_an_edit_keeps_what_changed_and_who_pinned_it() -> None:
    old = seed("a")
    new = {"dimension": "occupation", "value": "craftsman", "evidence": "I mend clocks"}
    edit = edit_of(old, {"prose": old["prose"], "pins": [PIN, new], "opinions": []})
    assert edit == {"pins": [PIN, {**new, "by": "annotator"}]}


def test_a_trait_taken_out_is_withheld_and_one_pinned_is_not() -> None:
    old = seed("a", withheld=["occupation"])
    new = {"dimension": "occupation", "value": "craftsman", "evidence": "I mend clocks", "by": "annotator"}
    assert edited(old, {"pins": [new]})["withheld"] == ["gender"]


@pytest.mark.parametrize(
    ("change", "kind", "about"),
    [
        ({"pins": [{**PIN, "evidence": "I am a man"}]}, "no_evidence", "I am a man"),
        ({"prose": "I am a man and I mend clocks."}, "no_evidence", "I am a woman"),
        ({"pins": [PIN, {**PIN, "value": "male"}]}, "twice", "gender"),
        ({"prose": "short", "pins": []}, "unfit", "prose: String should have at least 8 characters"),
        ({"opinions": [{"topic": "", "stance": "x", "strength": 1}]}, "unfit",
         "opinions.0.topic: String should have at least 1 character"),
    ],
)  # fmt: skip
def test_an_edit_that_leaves_no_seed_is_not_taken(
    tmp_path: Path, change: dict[str, Any], kind: str, about: str
) -> None:
    mei = desk(tmp_path, "Mei")
    form = {field: seed("a")[field] for field in ("prose", "pins", "opinions", "emotional_limits")}
    assert edit_of(seed("a"), {**form, **change}) == Unfit(kind, about)
    assert mei.decide(0, "edit", edit={**form, **change}) == {"unfit": {"kind": kind, "about": about}}
    assert mei.undo() == {}


def test_evidence_is_marked_where_it_stands_also_where_it_overlaps() -> None:
    pieces = marked("I am a woman of 81.", [PIN, {**PIN, "evidence": "a woman of 81"}], [{**FLAG, "evidence": "81"}])
    assert [(p["text"], p["pins"], p["flags"]) for p in pieces] == [
        ("I am ", [0], []), ("a woman", [0, 1], []), (" of ", [1], []), ("81", [1], [0]), (".", [], []),
    ]  # fmt: skip


@given(st.text(max_size=30), st.lists(st.text(max_size=4), max_size=4))
def test_marking_loses_no_character(prose: str, evidence: list[str]) -> None:
    pieces = marked(prose, [{"evidence": e} for e in evidence], [])
    assert "".join(p["text"] for p in pieces) == prose


ACTS = (("Mei", "approve", ""), ("Tom", "reject", "thin"), ("Ana", "approve", ""))


def test_what_comes_out_does_not_depend_on_who_was_first(tmp_path: Path) -> None:
    outcomes = set()
    for number, order in enumerate(permutations(ACTS)):
        for who, verdict, reason in order:
            desk(tmp_path / str(number), who).decide(0, verdict, reason=reason)
        outcomes.add(state(desk(tmp_path / str(number), "Zoe")))
    assert outcomes == {("new", True)}


def write(path: Path) -> Path:
    rows = [
        {"seed_id": "a", "name": "Ada", "prose": "I am a woman in my fifties and I mend clocks in Ghent.", "shelf": 7},
        {"seed_id": "b", "name": "Bo", "prose": "I'm a man who keeps bees on a roof in Ghent.", "review": "approved"},
        {"seed_id": "c", "name": "陈默", "prose": "我是一名女性，在重庆送了十二年外卖，膝盖比天气预报准。"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def as_read(path: Path) -> list[dict[str, Any]]:
    file = Path(__file__).resolve().parents[2] / "seeds" / "traits.toml"
    ontology = read_ontology(file.read_text(encoding="utf-8"), file.name)
    return curate(records=read([path]), ontology=ontology, hold=()).rows.to_dicts()


def test_adopting_no_verdict_loses_and_changes_nothing(tmp_path: Path) -> None:
    source, to = write(tmp_path / "seeds.jsonl"), tmp_path / "adopted.jsonl"
    desk(tmp_path / "events", "Mei", *as_read(source)).decide(1, "comment", comment="which roof?")
    counts = adopt(source, tmp_path / "events", to)
    assert counts == {"approved": 1, "rejected": 0, "new": 2, "disputed": 0, "unreadable": 0}
    assert as_read(to) == as_read(source)
    assert SEEDS.frame(as_read(to)).height == 3


def test_adopting_writes_verdicts_and_edits_and_leaves_disputes_new(tmp_path: Path) -> None:
    source, to = write(tmp_path / "seeds.jsonl"), tmp_path / "adopted.jsonl"
    before = source.read_bytes()
    shelf = Shelf(as_read(source))
    mei, tom = (ReviewDesk(shelf, EventLog(tmp_path / "events", "review"), who) for who in ("Mei", "Tom"))
    pins = [p for p in shelf.seeds[0]["pins"] if p["dimension"] != "gender"]
    mei.decide(0, "edit", edit={"prose": "I am a woman in my fifties and I mend old clocks in Ghent.", "pins": pins})
    mei.decide(0, "approve")
    mei.decide(1, "reject", reason="thin")
    mei.decide(2, "approve")
    tom.decide(2, "reject", reason="unnatural")
    counts = adopt(source, tmp_path / "events", to)
    assert counts == {"approved": 1, "rejected": 1, "new": 1, "disputed": 1, "unreadable": 0}
    ada, bo, chen = as_read(to)
    assert (ada["review"], ada["prose"]) == ("approved", "I am a woman in my fifties and I mend old clocks in Ghent.")
    assert "gender" in ada["withheld"]
    assert "gender" not in {p["dimension"] for p in ada["pins"]}
    assert json.loads(ada["extras"]) == {"shelf": 7}
    assert (bo["review"], chen["review"]) == ("rejected", "new")
    assert source.read_bytes() == before


def test_the_seeds_under_review_are_never_written_over(tmp_path: Path) -> None:
    source = write(tmp_path / "seeds.jsonl")
    for to in (source, tmp_path / "." / "seeds.jsonl", tmp_path / "x.yaml"):
        with pytest.raises(Misuse, match="decisions cannot be written"):
            adopt(source, tmp_path / "events", to)
