"""Pins that a language model proposes: only what stands in the prose, is open and possible comes through."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from score_pins import bundled

from persona_forge.cli import main
from persona_forge.core.errors import Refused
from persona_forge.core.ports import Ask, Reply
from persona_forge.personas.curate import curate
from persona_forge.personas.propose import Proposals, propose
from persona_forge.personas.readers import read

PROSE = "I am a nurse, fifty-one, and I keep three cats in a flat by the harbour."


class Says:
    """Answers every question with the same pins; keeps the questions."""

    engine = model = "says"

    def __init__(self, *pins: tuple[str, str, str]) -> None:
        self.asked: list[Ask] = []
        self._pins = [{"evidence": e, "dimension": d, "value": v} for e, d, v in pins]

    async def ask(self, ask: Ask, reply: Any) -> Reply:
        self.asked.append(ask)
        raw = json.dumps({"pins": self._pins})
        return Reply(Proposals.model_validate_json(raw), raw, usage=None)  # type: ignore[arg-type]

    async def close(self) -> None: ...


class Silent(Says):
    async def ask(self, ask: Ask, reply: Any) -> Reply:
        raise Refused("not today")


@pytest.fixture
def seeds(tmp_path: Path) -> pl.DataFrame:
    path = tmp_path / "seeds.jsonl"
    path.write_text(json.dumps({"seed_id": "en-nurse", "prose": PROSE}) + "\n")
    return curate(records=read([path]), ontology=bundled().ontology, hold=()).rows


def test_what_holds_is_marked_and_what_does_not_is_named(seeds: pl.DataFrame) -> None:
    chat = Says(
        ("by the harbour", "living_place", "big_city"),
        ("a nurse", "occupation", "nurse"),
        ("two dogs", "pet", "dog"),
        ("three cats", "pets", "cat"),
        ("fifty-one", "education", "primary_school"),
    )
    found = asyncio.run(propose(seeds, space=bundled(), chat=chat))
    assert found.pins == {
        "en-nurse": [{"evidence": "by the harbour", "dimension": "living_place", "value": "big_city", "by": "model"}]
    }
    assert [r.reason for r in found.refused] == ["settled", "settled", "unknown_trait", "impossible"]
    assert "nurse" in found.refused[-1].detail


def test_the_prose_is_data_and_settled_dimensions_are_not_asked_for(seeds: pl.DataFrame) -> None:
    chat = Says()
    asyncio.run(propose(seeds, space=bundled(), chat=chat))
    system, user = chat.asked[0].messages
    assert json.loads(user.content) == PROSE
    assert "\nliving_place = " in system.content
    assert "\noccupation = " not in system.content


def test_no_answer_costs_no_other_seed(seeds: pl.DataFrame) -> None:
    found = asyncio.run(propose(seeds, space=bundled(), chat=Silent()))
    assert (found.pins, [r.reason for r in found.refused]) == ({}, ["no_answer"])


def test_the_command_writes_every_seed_and_never_over_its_own_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, config, to = tmp_path / "seeds.jsonl", tmp_path / "run.toml", tmp_path / "proposed.jsonl"
    path.write_text(json.dumps({"seed_id": "en-nurse", "prose": PROSE}) + "\n")
    config.write_text('[dialogues]\nengine = "scripted"\n')
    monkeypatch.setattr("sys.argv", ["persona-forge", "seeds", "propose", str(path), str(config), "--to", str(to)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert [json.loads(line)["seed_id"] for line in to.read_text().splitlines()] == ["en-nurse"]
    assert "1 seeds asked about" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["persona-forge", "seeds", "propose", str(path), str(config), "--to", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
