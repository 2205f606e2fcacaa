from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from card_files import V1, V2, V3, archive, chunk, packed, picture, read_one, text_chunk
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from small_space import small_space

from persona_forge.core.errors import SeedsError, StorageError
from persona_forge.core.ids import canonical
from persona_forge.core.stage import Reject
from persona_forge.personas.card_export import Form, Spec, as_spec, cards_of, write_cards
from persona_forge.personas.curate import curated
from persona_forge.personas.readers.cards import COLUMNS, OURS, seed_of
from persona_forge.personas.readers.png import chunks
from persona_forge.personas.readers.record import Record

Row = dict[str, Any]
ONTOLOGY = small_space().ontology
patient = settings(deadline=None)  # the first Chinese sentence loads a dictionary
WORDS = "bakes bread in a small town and walks home in the rain"
character = st.characters(codec="utf-8")
text = st.text(character, max_size=6)
macro = st.sampled_from(
    ["", "{{char}}", "<BOT>", "{{user}}", "<user>'s", ". {{user}} is", "{{// x}}", "{{random:a,b}}"]
)
value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
deep = st.integers(1, 90).map(lambda n: json.loads('{"a":[' * (n // 2) + "1" + "]}" * (n // 2)))
prose = st.builds("{} {} {}".format, macro | text, st.just(WORDS), macro | text)
unknown = st.dictionaries(text.filter(lambda k: k not in ("spec", "data")), value | deep, max_size=3)
v1_fields = st.fixed_dictionaries({
    "name": st.builds("A{}".format, text), "description": prose, "personality": macro | text | prose, "scenario": text,
    "first_mes": text, "mes_example": text,
})  # fmt: skip
v2_fields = st.builds(
    lambda known, extensions, more: {**more, **known, "extensions": extensions},
    v1_fields, st.dictionaries(text, value | deep, max_size=3),
    unknown | st.fixed_dictionaries({"alternate_greetings": st.lists(text), "character_book": value, "nickname": text}),
)  # fmt: skip


def named(spec: Spec) -> dict[str, str]:
    return {"spec": f"chara_card_{spec}", "spec_version": f"{spec[1]}.0"}


def rows_of(data: Iterable[Row]) -> list[Row]:
    found = [row for _, row in curated((Record("x", "x", row) for row in data), ONTOLOGY, ())]
    rejects = [row for row in found if isinstance(row, Reject)]
    if any(r.reason == "language" for r in rejects):
        reject()  # strange letters, drawn at random
    assert rejects == []
    return [row for row in found if not isinstance(row, Reject)]


def row_of(card: Row) -> Row:
    (row,) = rows_of([seed_of(card, {"file": "ann.json"})])
    return row


def out(row: Row, spec: Spec) -> Row:
    (card,) = cards_of([row], ONTOLOGY, spec)
    return card


def same(row: Row, other: Row) -> None:
    assert {k: v for k, v in row.items() if k in COLUMNS} == {k: v for k, v in other.items() if k in COLUMNS}


@patient
@given(st.sampled_from(["v2", "v3"]), v2_fields, unknown)
def test_an_unedited_card_leaves_as_it_came(spec: Spec, fields: Row, top: Row) -> None:
    card = {**top, **named(spec), "data": fields}
    assert canonical(out(row_of(card), spec)) == canonical(card)


@patient
@given(v1_fields, unknown)
def test_v1_becomes_v2_with_all_that_it_had(fields: Row, top: Row) -> None:
    card = {**top, **fields}
    made = out(row_of(card), "v2")
    others = {k: v for k, v in top.items() if k not in V1}
    nothing = {"creator_notes": "", "system_prompt": "", "post_history_instructions": "", "alternate_greetings": [],
               "tags": [], "creator": "", "character_version": "", "extensions": {}}  # fmt: skip
    assert canonical(made) == canonical({**others, **named("v2"), "data": {**nothing, **fields}})


@patient
@given(v2_fields, unknown)
def test_another_spec_takes_nothing_from_a_card(fields: Row, top: Row) -> None:
    fields.pop("character_book", None)  # whose entries are given what V3 wants
    up = as_spec({**top, **named("v2"), "data": fields}, "v3")
    assert canonical({**up, "data": {**up["data"], **fields}}) == canonical({**up, **top, **named("v3")})
    assert up["data"]["group_only_greetings"] == fields.get("group_only_greetings", [])
    assert canonical(as_spec(up, "v2")) == canonical({**up, **named("v2")})


seeds = st.fixed_dictionaries({
    "prose": prose, "name": text, "style": text | prose, "voice": text, "source": text, "licence": text,
    "author_kind": st.sampled_from(["human", "project", "model", "unknown"]),
    "review": st.sampled_from(["new", "approved", "rejected"]), "language": st.sampled_from(["en", "zh", ""]),
    "opinions": st.lists(st.fixed_dictionaries(
        {"topic": st.just("tea"), "stance": prose, "strength": st.floats(0, 1)}), max_size=2),
    "catchphrases": st.lists(st.fixed_dictionaries(
        {"text": prose, "trigger": text, "at_most": st.integers(1, 9)}), max_size=2),
    "emotional_limits": st.lists(st.fixed_dictionaries(
        {"trigger": st.just("noise"), "threshold": text, "reaction": prose, "recovery": text}), max_size=1),
    "pins": st.sampled_from([[], [{"dimension": "pet", "value": "cat", "evidence": "walks home", "by": "author"}]]),
    "withheld": st.sampled_from([[], ["age"], ["job", "age"]]),
}, optional={"id": st.integers(0, 9), "tags": value, "persona": text, "card": value})  # fmt: skip


@patient
@given(st.sampled_from(["v2", "v3"]), seeds)
def test_a_seed_that_went_out_as_a_card_comes_back_the_same(spec: Spec, data: Row) -> None:
    (row,) = rows_of([data])
    again = row_of(out(row, spec))
    same(again, row)
    assert again["extras"] == row["extras"]


@patient
@given(st.sampled_from(["v2", "v3"]), v2_fields, st.none() | prose, st.none() | text, seeds)
def test_a_card_whose_seed_was_edited_comes_back_as_that_seed(
    spec: Spec, fields: Row, new_prose: str | None, new_name: str | None, data: Row
) -> None:
    card = {**named(spec), "data": fields}
    edits = {k: data[k] for k in ("opinions", "catchphrases", "review", "licence", "withheld", "style")}
    edits |= {k: v for k, v in (("prose", new_prose), ("name", new_name)) if v is not None}
    (row,) = rows_of([{**seed_of(card, {}), **edits}])
    made = out(row, spec)
    same(row_of(made), row)
    assert canonical(out(row_of(made), spec)) == canonical(made)
    kept = {k: v for k, v in made["data"].items() if k not in ("name", "description", "personality", "extensions")}
    assert canonical(kept) == canonical({k: v for k, v in fields.items() if k in kept})
    assert {k: v for k, v in made["data"]["extensions"].items() if k != OURS} == fields["extensions"]


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        ({"name": "Bea"}, {"name": "Bea", "description": "Ann bakes bread in a small town."}),
        ({"prose": "Ann bakes cakes.\nPatient with you."}, {"description": "Ann bakes cakes."}),
        ({"prose": "Ann bakes bread in a small town.\nShort with you."}, {"personality": "Short with you."}),
        ({"prose": "Ann has retired from it all."}, {"description": "Ann has retired from it all.", "personality": ""}),
    ],
)
def test_an_edit_stands_in_the_field_that_it_was_read_from(edit: Row, changed: Row) -> None:
    mirrored = {**V2, "description": V2["data"]["description"], "name": "someone else"}
    (row,) = rows_of([{**seed_of(mirrored, {}), **edit}])
    made = out(row, "v2")
    made["data"]["extensions"].pop(OURS, None)
    assert made["data"] == {**V2["data"], **changed}
    assert made["description"] == made["data"]["description"]
    assert made["name"] == "someone else"


def test_a_card_keeps_what_was_noted_beside_it() -> None:
    (row,) = rows_of([{**seed_of(V2, {}), "checked": ["by me"]}])
    assert seed_of(out(row, "v2"), {})["checked"] == ["by me"]


@patient
@given(st.dictionaries(st.sampled_from([*sorted(COLUMNS), "extras", "said", "whole"]), value) | value)
def test_whatever_stands_under_our_key_is_a_seed_or_a_reject(ours: Any) -> None:
    card = {**V2, "data": {**V2["data"], "extensions": {OURS: ours}}}
    ((_, row),) = curated([Record("x", "x", seed_of(card, {}))], ONTOLOGY, ())
    assert isinstance(row, Reject) or row["prose"] == "Ann bakes bread in a small town.\nPatient with you."


def test_no_card_approves_itself() -> None:
    (row,) = rows_of([{**seed_of(V2, {}), "review": "approved"}])
    assert out(row, "v2") == V2
    (row,) = rows_of([{"prose": f"Ann {WORDS}.", "review": "rejected"}])
    card = out(row, "v2")
    card["data"]["extensions"][OURS] |= {"review": "approved", "extras": {"review": "approved", "flags": []}}
    assert seed_of(card, {}).keys().isdisjoint(["review", "flags"])


def test_what_somebody_edits_in_a_card_of_ours_is_read_and_its_lost_evidence_is_dropped() -> None:
    pins = [{"dimension": "pet", "value": "cat", "evidence": e, "by": "author"} for e in ("a cat", "town")]
    data = {"prose": "Keeps a cat in the middle of the town.", "name": "Ann", "style": "Curt.", "pins": pins[:1],
            "withheld": ["job"], "seed_id": "s1"}  # fmt: skip
    (row,) = rows_of([data])
    card = out(row, "v3")
    assert seed_of(card, {}).keys().isdisjoint(["card", "card_from"])
    card["data"]["description"] = "{{char}} keeps bees in the middle of the town."
    card["data"]["first_mes"] = "Hello."
    again = seed_of(card, {})
    assert (again["prose"], again["style"], again["pins"], again["withheld"], again["seed_id"]) == (
        "Ann keeps bees in the middle of the town.", "Curt.", [], ["job"], "s1",
    )  # fmt: skip
    assert again["card"] == card


def test_a_seed_becomes_a_card_that_others_can_use() -> None:
    (row,) = rows_of([{
        "prose": f"Ann {WORDS}.", "name": "Ann", "style": "Dry.", "source": "bo", "licence": "CC0-1.0", "seed_id": "s1",
        "catchphrases": [{"text": "Well, then.", "trigger": "doubt", "at_most": 2}],
    }])  # fmt: skip
    card = out(row, "v3")
    assert {k: card["data"][k] for k in ("name", "description", "personality", "mes_example", "creator", "tags")} == {
        "name": "Ann", "description": f"Ann {WORDS}.", "personality": "Dry.", "creator": "bo", "tags": ["en"],
        "mes_example": "<START>\n{{char}}: Well, then.",
    }  # fmt: skip
    assert card["data"]["creator_notes"] == "Seed s1 of bo, licence: CC0-1.0."
    assert card["data"].keys() == {*V3["data"]} - {"assets", "nickname", "creation_date", "character_book"}
    assert out({**row, "name": ""}, "v2")["data"]["name"] == "s1"


def test_a_lorebook_is_given_what_v3_wants() -> None:
    (entry,) = as_spec(V2, "v3")["data"]["character_book"]["entries"]
    assert entry == {**V2["data"]["character_book"]["entries"][0], "use_regex": False}


def written(rows: list[Row], to: Path, form: Form, *sources: Path, spec: Spec = "v3") -> tuple[list[str], list[str]]:
    paths, bare = write_cards(rows, ONTOLOGY, to, spec, form, sources)
    assert sorted(p.name for p in to.iterdir()) == sorted(p.name for p in paths)
    return [p.name for p in paths], bare


@pytest.mark.parametrize("form", ["json", "png", "charx"])
@pytest.mark.parametrize("spec", ["v2", "v3"])
def test_a_file_of_every_form_is_read_again_as_its_card(tmp_path: Path, form: Form, spec: Spec) -> None:
    card = as_spec(V3, spec)
    assert written([row_of(card)], tmp_path / "out", form, spec=spec) == ([f"Ann.{form}"], [])
    record = read_one(tmp_path / "out" / f"Ann.{form}")
    assert record.data is not None
    assert record.data["card"] == card


def test_a_picture_of_a_card_keeps_its_pixels_and_its_other_chunks(tmp_path: Path) -> None:
    other = (
        text_chunk("tEXt", b"Comment", b"hi") + chunk(b"teSt", b"\0\1") + text_chunk("tEXt", b"chara-ext-asset_:1", b"")
    )
    old = text_chunk("zTXt", b"chara", packed(V2))
    source = tmp_path / "ann.png"
    first = read_one(source, picture(old + other, text_chunk("iTXt", b"ccv3", packed(V3)))).data
    assert first is not None
    (row,) = rows_of([first])
    assert written([row], tmp_path / "out", "png", source) == (["Ann.png"], [])
    content = (tmp_path / "out" / "Ann.png").read_bytes()
    new = [c for c in chunks(io.BytesIO(content)) if c.holds_card]
    assert [(c.kind, c.keyword) for c in new] == [(b"tEXt", "chara"), (b"tEXt", "ccv3")]
    assert new[-1].at < content.index(b"IDAT")
    rest = b"".join(content[c.at : c.at + 12 + c.length] for c in chunks(io.BytesIO(content)) if not c.holds_card)
    assert rest == picture(other)[8:]


def test_an_archive_of_a_card_keeps_its_assets(tmp_path: Path) -> None:
    source = tmp_path / "ann.charx"
    asset = ("assets/icon/images/main.png", picture())
    first = read_one(source, archive(asset, ("card.json", json.dumps(V3).encode()), ("x_app.json", b"[1]"))).data
    assert first is not None
    (row,) = rows_of([first])
    assert written([row], tmp_path / "out", "charx", tmp_path / "none.txt", source) == (["Ann.charx"], [])
    with zipfile.ZipFile(tmp_path / "out" / "Ann.charx") as made:
        assert {n: made.read(n) for n in made.namelist() if n != "card.json"} == dict([asset, ("x_app.json", b"[1]")])
        assert json.loads(made.read("card.json")) == V3
        assert made.getinfo("card.json").date_time == (1980, 1, 1, 0, 0, 0)  # of no day: the same seed is the same file
    assert written([row], tmp_path / "bare", "charx") == (["Ann.charx"], [row["seed_id"]])
    assert written([row], tmp_path / "text", "json", source)[1] == [row["seed_id"]]


def test_the_same_seed_is_the_same_file(tmp_path: Path) -> None:
    for form in ("json", "png", "charx"):
        first, second = (tmp_path / f"{form}{n}" for n in (1, 2))
        written([row_of(V2)], first, form)
        written([row_of(V2)], second, form)
        assert (first / f"Ann.{form}").read_bytes() == (second / f"Ann.{form}").read_bytes()


def test_names_of_files_are_safe_and_each_stands_once(tmp_path: Path) -> None:
    names = [
        "Ann",
        "ANN",
        "../../etc/passwd",
        "/",
        "..",
        "con",
        "NUL.x",
        "阿宁",
        "a\\b:c*?",
        "x" * 300,
        "𠀀" * 300,
        "Dr. No.",
    ]
    rows = [{**row_of(V2), "name": name, "seed_id": f"s{n}"} for n, name in enumerate(names)]
    assert written(rows, tmp_path / "out", "json")[0] == [
        "Ann.json", "ANN (2).json", "etc_passwd.json", "card.json", "card (2).json", "card con.json", "card NUL.x.json",
        "阿宁.json", "a_b_c.json", "x" * 50 + ".json", "𠀀" * 50 + ".json", "Dr. No.json",
    ]  # fmt: skip


@patient
@given(st.lists(st.text(character), max_size=5))
def test_any_name_makes_a_file_in_the_folder(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    rows = [{**row_of(V2), "name": name, "seed_id": f"s/{n}"} for n, name in enumerate(names)]
    written(rows, tmp_path_factory.mktemp("names") / "out", "json")


def test_no_file_is_written_over(tmp_path: Path) -> None:
    written([row_of(V2)], tmp_path / "out", "json")
    with pytest.raises(SeedsError, match=r"Ann\.json is there already"):
        written([row_of(V2)], tmp_path / "out", "json")
    with pytest.raises(StorageError, match=r"the cards cannot be written to .*Ann\.json: "):
        written([row_of(V2)], tmp_path / "out" / "Ann.json", "json")


def test_pictures_of_different_seeds_differ(tmp_path: Path) -> None:
    rows = [{**row_of(V2), "seed_id": f"s{n}"} for n in range(20)]
    written(rows, tmp_path / "out", "png", spec="v2")
    pixels = {p.read_bytes().partition(b"PLTE")[2] for p in (tmp_path / "out").iterdir()}
    assert len(pixels) == 20
