"""A persona as the first message of a live session: golden files, and the services' own types where they install."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_runs import typed
from spoken_run import HOSTILE, spoken_run

from persona_forge.core.errors import Misuse
from persona_forge.dataset.folder import Folder
from persona_forge.text.sessions import LONGEST_NAME, MODELS, SERVICES, VOICES, Player, session

GOLDEN = Path(__file__).parent / "golden"
ADA = Player("Ada Lovell", "You are Ada. You carry the post.\nStay Ada.", "female", "Dry, in short sentences.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("sessions") / "run")


def values(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return [v for value in found.values() for v in values(value)]
    return [v for value in found for v in values(value)] if isinstance(found, list) else [found]


@pytest.mark.parametrize("to", SERVICES)
def test_the_message_is_as_it_was_read(to: str) -> None:
    golden = json.loads((GOLDEN / f"session.{to}.json").read_text(encoding="utf-8"))
    assert session(to, ADA) == golden
    assert ADA.instructions in values(golden)


@pytest.mark.parametrize("to", SERVICES)
def test_the_voice_follows_the_gender_and_is_left_to_the_service_where_that_is_open(to: str) -> None:
    said = {g: values(session(to, Player("Ada", "You are Ada.", g))) for g in ("female", "male", "nonbinary", None)}
    assert VOICES[to]["female"] in said["female"]
    assert VOICES[to]["male"] in said["male"]
    assert said["nonbinary"] == said[None]
    assert not set(VOICES[to].values()) & set(said[None])


def test_openais_own_types_take_the_message() -> None:
    realtime = pytest.importorskip("openai.types.realtime", reason="openai is not installed")
    message = session("openai", ADA)
    parsed = realtime.SessionUpdateEvent.model_validate(message)
    assert parsed.session.model_extra == {}
    assert parsed.session.audio.model_extra == {}
    assert (parsed.session.audio.output.voice, parsed.session.audio.input.format.rate) == ("marin", 24_000)
    assert parsed.model_dump(exclude_none=True) == message


def test_a_long_name_is_cut_where_the_service_cuts_it_and_a_model_can_be_named() -> None:
    long = session("doubao", Player("A" * 50, "You are A."), model="O")
    assert (long["dialog"]["bot_name"], long["dialog"]["extra"]["model"]) == ("A" * LONGEST_NAME, "O")
    assert "speaking_style" not in long["dialog"]
    assert session("gemini", ADA, model="models/other")["setup"]["model"] == "models/other"
    assert set(MODELS) == {"gemini", "doubao"}
    with pytest.raises(Misuse, match="from the connection's address"):
        session("openai", ADA, model="gpt-realtime-2")
    with pytest.raises(Misuse, match="unknown service"):
        session("siri", ADA)


@pytest.mark.parametrize("to", SERVICES)
def test_the_command_writes_a_file_a_persona_with_its_prompt_and_no_secret(
    folder: Folder, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "STEP_API_KEY", "GEMINI_API_KEY", "VOLC_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret-of-mine")
    said = typed("export", folder.root, "--to", f"session-{to}", "--rows", "2", "--out", tmp_path / "out", "--json")
    assert (said.returncode, json.loads(said.stdout)["rows"]) == (0, {"test": 2})
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == [f"{'0200' * 8}.json", f"{'0201' * 8}.json"]
    text = files[0].read_text(encoding="utf-8")
    assert "secret-of-mine" not in text
    prompt = next(v for v in values(json.loads(text)) if isinstance(v, str) and HOSTILE in v and "You are male." in v)
    assert "{{7*7}}" in prompt
    assert VOICES[to]["male"] in values(json.loads(text))
