from __future__ import annotations

import json
from pathlib import Path

from card_files import END, PIXEL, V2, V3, archive, packed, picture, read_one, text_chunk
from small_runs import typed

DOES = "mends nets by the harbour and has never learned to swim."
PLAIN = {"seed_id": "s1", "prose": "Mo keeps bees on a roof in the middle of the town.", "name": "Mo"}


def test_seeds_go_out_as_cards_and_what_is_no_seed_is_named(tmp_path: Path) -> None:
    source = tmp_path / "pictures" / "ann.png"
    source.parent.mkdir()
    ann = read_one(source, picture(text_chunk("zTXt", b"ccv3", packed(V3)))).data
    path = tmp_path / "mine.jsonl"
    path.write_text("\n".join([json.dumps(PLAIN), "{", json.dumps(ann)]))
    said = typed("seeds", "export", path, "--to", tmp_path / "one", "--as", "png", "--pictures", source.parent)
    assert said.returncode == 1
    assert "mine.jsonl:2" in said.stdout
    assert said.stdout.endswith(f"2 cards are in {tmp_path / 'one'}, 1 records cannot be used\n")
    assert (tmp_path / "one" / "Ann.png").read_bytes().endswith(PIXEL + END)
    record = read_one(tmp_path / "one" / "Mo.png")
    assert record.data is not None
    assert {k: record.data[k] for k in PLAIN} == PLAIN
    told = json.loads(typed("seeds", "export", path, "--to", tmp_path / "two", "--as", "png", "--json").stdout)
    assert told["cards"] == [str(tmp_path / "two" / name) for name in ("Mo.png", "Ann.png")]
    assert (len(told["bare"]), len(told["rejects"])) == (1, 1)


def test_a_command_that_would_write_over_cards_is_misuse(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(PLAIN))
    assert typed("seeds", "export", path, "--to", tmp_path, "--spec", "v2").returncode == 0
    assert json.loads((tmp_path / "Mo.json").read_bytes())["spec"] == "chara_card_v2"
    said = typed("seeds", "export", path, "--to", tmp_path)
    assert (said.returncode, "Mo.json is there already" in said.stderr) == (2, True)


def test_cards_are_imported_and_go_out_as_they_came_and_a_broken_one_is_named(tmp_path: Path) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    named = [
        {**V2, "data": {**V2["data"], "name": name, "description": f"{name} {DOES}"}} for name in ("Bea", "Cy", "Di")
    ]
    (cards / "b.png").write_bytes(picture(after=text_chunk("iTXt compressed", b"chara", packed(named[0]))))
    (cards / "c.charx").write_bytes(archive(("card.json", json.dumps(named[1]).encode())))
    (cards / "d.json").write_text(json.dumps(named[2]))
    (cards / "e.png").write_bytes(picture())
    said = typed("seeds", "export", cards, "--to", tmp_path / "straight", "--spec", "v2")
    assert (said.returncode, "e.png: a picture without a card" in said.stdout) == (1, True)
    assert typed("seeds", "import", cards, "--to", tmp_path / "seeds.jsonl").returncode == 0
    said = typed("seeds", "export", tmp_path / "seeds.jsonl", "--to", tmp_path / "imported", "--spec", "v2")
    assert said.returncode == 0
    for folder in ("straight", "imported"):
        assert [json.loads((tmp_path / folder / f"{n}.json").read_bytes()) for n in ("Bea", "Cy", "Di")] == named
