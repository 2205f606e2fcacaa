from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from card_files import V1, V2, V3, archive, chunk, packed, picture, read_one, text_chunk

from persona_forge.personas.readers.cards import spoken

PROSE = "Ann bakes bread in a small town.\nPatient with you."


@pytest.mark.parametrize(
    ("card", "spec", "source", "name"),
    [(V1, "v1", "character card", "Ann"), (V2, "v2", "bo", "Ann"), (V3, "v3", "bo", "Annie")],
)
def test_a_card_is_a_seed_and_stands_whole_beside_it(
    tmp_path: Path, card: dict[str, Any], spec: str, source: str, name: str
) -> None:
    record = read_one(tmp_path / "ann.json", card)
    assert (record.where, record.source, record.complaint) == ("ann.json", "ann", "")
    assert record.data == {
        "name": "Ann", "prose": PROSE.replace("Ann", name), "source": source, "card": card,
        "card_from": {"spec": spec, "file": "ann.json", "form": "json"},
    }  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before IDAT", "after IDAT"])
@pytest.mark.parametrize("keyword", ["chara", "ccv3", "Chara"])
@pytest.mark.parametrize("how", ["tEXt", "zTXt", "iTXt", "iTXt compressed"])
def test_a_picture_holds_its_card_in_any_text_chunk(tmp_path: Path, how: str, keyword: str, after: bool) -> None:
    text = text_chunk(how, keyword.encode(), packed(V3))
    record = read_one(tmp_path / "a.PNG", picture(after=text) if after else picture(text))
    assert record.data is not None
    assert record.data["card"] == V3
    assert record.data["card_from"] == {
        "spec": "v3", "file": "a.PNG", "form": "png", "chunk": how[:4], "keyword": keyword.lower(),
    }  # fmt: skip


@pytest.mark.parametrize("first", ["chara", "ccv3"])
def test_ccv3_wins_over_chara_wherever_they_stand(tmp_path: Path, first: str) -> None:
    old, new = text_chunk("tEXt", b"chara", packed(V2)), text_chunk("zTXt", b"ccv3", packed(V3))
    record = read_one(tmp_path / "a.png", picture(old, new) if first == "chara" else picture(new, old))
    assert record.data is not None
    assert record.data["card"] == V3


def test_a_card_is_found_among_thousands_of_chunks(tmp_path: Path) -> None:
    many = b"".join(text_chunk("tEXt", b"comment", b"%d" % n) + chunk(b"teSt", b"x" * n) for n in range(2000))
    record = read_one(tmp_path / "a.png", picture(many, many + text_chunk("tEXt", b"chara", packed(V2))))
    assert record.data is not None
    assert record.data["card"] == V2


@pytest.mark.parametrize(
    "text",
    [
        b"\n".join(packed(V2)[n : n + 76] for n in range(0, len(packed(V2)), 76)),
        packed(V2).rstrip(b"="),
        json.dumps(V2).encode(),
        base64.b64encode(b"\xef\xbb\xbf" + json.dumps(V2, ensure_ascii=False).encode()),
    ],
    ids=["lines", "no padding", "plain JSON", "byte order mark"],
)
def test_what_tools_make_of_base64_is_read(tmp_path: Path, text: bytes) -> None:
    record = read_one(tmp_path / "a.png", picture(text_chunk("tEXt", b"chara", text)))
    assert record.data is not None
    assert record.data["card"] == V2


def test_an_archive_holds_its_card_at_its_root(tmp_path: Path) -> None:
    content = archive(("assets/icon/card.json", b"{}"), ("card.json", json.dumps(V3).encode()), ("x_risu.json", b"[]"))
    record = read_one(tmp_path / "a.charx", content)
    assert record.data is not None
    assert record.data["card"] == V3
    assert record.data["card_from"] == {"spec": "v3", "file": "a.charx", "form": "charx"}
    assert read_one(tmp_path / "a.zip", content).data is not None
    assert read_one(tmp_path / "b.charx", b"\xff\xd8 a picture in front \xff\xd9" + content).data is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{char}} and {{CHAR}}, <BOT>, <char>", "Ann and Ann, Ann, Ann"),
        ("She likes {{user}}. {{user}} is tired.", "She likes you. You are tired."),
        ("<USER>'s coat; {{user}}’s hat", "Your coat; your hat"),
        ("when {{user}} was here, {{user}} has told", "when you were here, you have told"),
        ('"Go!" {{user}} does.\n  {{user}} left', '"Go!" You do.\n  You left'),
        ("{{user}} isn't, {{user}} hastens", "You isn't, you hastens"),
        ("one{{// an aside}} two{{comment: x}}{{hidden_key:y}}", "one two"),
        ("{{random:a,b}} {{roll:6}} { {char} }", "{{random:a,b}} {{roll:6}} { {char} }"),
    ],
)
def test_macros_are_spoken_out(text: str, said: str) -> None:
    assert spoken(text, "Ann", chinese=False) == said


def test_macros_are_spoken_out_in_chinese(tmp_path: Path) -> None:
    assert (
        spoken("{{char}}总记得{{user}}的生日。{{user}}是客人。", "阿宁", chinese=True)
        == "阿宁总记得你的生日。你是客人。"
    )
    card = {"name": "阿宁", "description": "{{char}}在小镇上卖面包，认得{{user}}。"}
    record = read_one(tmp_path / "a.json", card)
    assert record.data is not None
    assert record.data["prose"] == "阿宁在小镇上卖面包，认得你。"


def test_a_name_with_a_backslash_is_no_pattern() -> None:
    assert spoken("{{char}}", r"\1\g<0>", chinese=False) == r"\1\g<0>"


@pytest.mark.parametrize(
    ("more", "source", "licence"),
    [
        ({"creator": " ", "source": [7, "https://cards.example/ann"]}, "https://cards.example/ann", None),
        ({"creator": "bo", "license": "CC-BY-4.0"}, "bo", "CC-BY-4.0"),
        ({"creator": 3, "extensions": {"licence": "CC0-1.0"}}, "character card", "CC0-1.0"),
    ],
)
def test_whose_a_card_is_stands_in_the_seed(
    tmp_path: Path, more: dict[str, Any], source: str, licence: str | None
) -> None:
    record = read_one(tmp_path / "a.json", {**V2, "data": {**V2["data"], **more}})
    assert record.data is not None
    assert (record.data["source"], record.data.get("licence")) == (source, licence)


@pytest.mark.parametrize(
    ("card", "spec"),
    [
        ({"data": V2["data"]}, "v2"),
        ({"spec": "chara_card_v4", "spec_version": "4.0", "data": V2["data"]}, "v3"),
        ({**V1, "spec": "chara_card_v2"}, "v1"),
    ],
)
def test_a_card_of_an_odd_or_later_make_is_read_too(tmp_path: Path, card: dict[str, Any], spec: str) -> None:
    record = read_one(tmp_path / "a.json", card)
    assert record.data is not None
    assert (record.data["card"], record.data["card_from"]["spec"], record.data["prose"]) == (card, spec, PROSE)
