from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from persona_forge.cli.curating import seeds_check, seeds_topics

ROOT = Path(__file__).parents[2]
APP = typer.Typer()
APP.command("check")(seeds_check)
APP.command("topics")(seeds_topics)

ROWS = [
    {"seed_id": "a", "prose": "I bake rye bread in a cellar in Leith and sing while the dough rises."},
    {"seed_id": "b", "prose": "I bake rye bread in a cellar in Leith and whistle while the dough rises."},
    {"seed_id": "c", "prose": "The town clock is mine to wind, and since the suicide of its builder nobody else will."},
]


def said(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(APP, [*words])
    return result.exit_code, result.output


def seed_file(tmp_path: Path) -> str:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


def test_check_names_every_flag_with_its_line(tmp_path: Path) -> None:
    code, text = said("check", seed_file(tmp_path))
    assert (code, text.splitlines()) == (1, [
        "held: mine.jsonl:2: near_duplicate (75% of their shingles are the same): 'a': "
        "approve it in `persona-forge seeds review`, or mend it",
        "flag distressing: mine.jsonl:3: 'suicide': suicide or self-harm",
        "flags: distressing 1",
        "2 seeds can be used, 1 records cannot",
    ])  # fmt: skip


def test_check_tells_in_json(tmp_path: Path) -> None:
    found = json.loads(said("check", seed_file(tmp_path), "--json")[1])
    assert (found["seeds"], found["flagged"], [r["reason"] for r in found["rejects"]]) == (
        2,
        {"distressing": 1},
        ["held"],
    )
    assert found["flags"] == [
        {"where": "mine.jsonl:3", "kind": "distressing", "evidence": "suicide", "detail": "suicide or self-harm"}
    ]


def test_topics_tell_what_is_there_and_what_is_missing() -> None:
    code, text = said("topics", str(ROOT / "seeds/zh/starter.jsonl"))
    assert (code, "Vendi score" in text, "none yet: " in text) == (0, True, True)
    found = json.loads(said("topics", str(ROOT / "seeds/zh/starter.jsonl"), "--json")[1])
    assert sum(t["share"] for t in found["topics"]) == pytest.approx(1)
    assert sum(t["seeds"] for t in found["topics"]) == found["diversity"]["zh"]["seeds"]
    assert "age_band" in {gap["dimension"] for gap in found["gaps"]}
