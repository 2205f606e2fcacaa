"""Whatever is typed or configured wrong: what was given, what is allowed, what to do; and nothing is left behind."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from small_runs import SEEDS, child, config_file, made, sealed, settings, typed, write_seeds


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def _refused(tmp_path: Path, *words: str | Path, code: int = 2, env: dict[str, str] | None = None) -> str:
    """What a command says that is refused and leaves nothing behind."""
    out = tmp_path / "new"
    said = child(*words, "--out", out, env=env) if env else typed(*words, "--out", out)
    assert said.returncode == code, said.stderr
    assert said.stderr.startswith("persona-forge: ") or "\npersona-forge: " in said.stderr
    assert "Traceback" not in said.stderr
    assert not out.exists()
    return said.stderr[said.stderr.rindex("persona-forge: ") :]


@pytest.mark.parametrize(("text", "says"), [
    ('[dialogues]\nengin = "scripted"', "unknown key 'dialogues.engin'\n  allowed: count, per_shard, "),
    ('[dialogues]\nengin = "scripted"', "to do:   did you mean 'engine'?"),
    ("[personnas]\nrows = 1", "unknown section 'personnas'\n  allowed: run, seeds, personas, dialogues, speech\n"),
    ("[personnas]\nrows = 1", "to do:   did you mean 'personas'?"),
    ("[personas]\nrows = 0", "personas.rows = 0: input should be greater than or equal to 1"),
    ('[personas]\nrows = "many"', "personas.rows = 'many': input should be a valid integer"),
    ("rows = 1", "unknown section 'rows'"),
    ("[personas\nrows = 1", "is not TOML: "),
    ("[personas]\nrows = 1\nrows = 2", "is not TOML: "),
    ("personas = 3", "personas = 3: "),
    ('[dialogues]\nengine = "chatgpt"', "unknown chat engine 'chatgpt'\n  allowed: local, openai, scripted\n"),
    ('[speech]\nengine = "kokorro"',
     "unknown voice engine 'kokorro'\n  allowed: kokoro, coqui, openai, espeak, tone\n"),
    ('[speech]\nengine = "tone"\near = "whisperer"\n[dialogues]\nengine = "scripted"',
     "unknown ear engine 'whisperer'\n  allowed: whisper, deaf\n"),
    ('[dialogues]\nengine = "local"\nmodel = "qwen-9b"', "has no model 'qwen-9b'\n  allowed: qwen-1.5b, qwen-0.5b\n"),
    ('[dialogues]\nmodel = "qwen-9b"', "has no model 'qwen-9b'\n  allowed: qwen-1.5b, qwen-0.5b\n"),
    ('[dialogues]\nengine = "openai"', 'dialogues.engine = "openai" needs dialogues.base_url'),
    ('[dialogues]\nengine = "openai"\nbase_url = "https://api.example.org/v1"', "needs dialogues.model"),
    ('[dialogues]\nengine = "openai"\nmodel = "m"\nbase_url = "https://api.example.org/v1"', "no budget is set"),
    ('[dialogues]\nengine = "openai"\nmodel = "m"\nbase_url = "https://api.example.org/v1"\nbudget_tokens = 9',
     "OPENAI_API_KEY"),
    ('[seeds]\npaths = ["nowhere.jsonl"]', "there is no seed file "),
    ('[seeds]\nontology = "nowhere.toml"', "nowhere.toml cannot be read: "),
])  # fmt: skip
def test_a_config_that_cannot_work_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "run.toml").write_text(text + "\n", encoding="utf-8")
    assert says in _refused(tmp_path, "run", "run.toml")


def test_a_config_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    assert "there is no config file nowhere.toml" in _refused(tmp_path, "run", "nowhere.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    assert "bytes.toml cannot be read" in _refused(tmp_path, "run", "bytes.toml")
    (tmp_path / "folder.toml").mkdir()
    assert "folder.toml cannot be read" in _refused(tmp_path, "run", "folder.toml")


@pytest.mark.parametrize(("content", "says"), [
    (b"", "no seeds in "),
    (b"\n \n", "no seeds in "),
    (b'{"prose": "short"}\n{\n', "none of the 2 records can be used; the first: mine.jsonl:1: prose: "),
    (b"\xff\xfe", "mine.jsonl looks like UTF-16"),
    (None, "there is no seed file "),
])  # fmt: skip
def test_a_seed_file_without_a_seed_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / "mine.jsonl").write_bytes(content)
    assert says in _refused(tmp_path, "expand", "--seeds", "mine.jsonl")


def test_seeds_of_a_kind_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.docx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    assert "mine.docx: no format of seeds is called" in _refused(tmp_path, "expand", "--seeds", "mine.docx")
    assert "no seeds in the folder " in _refused(tmp_path, "expand", "--seeds", "empty")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_seed_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    write_seeds(tmp_path / "mine.jsonl").chmod(0)
    assert "cannot be read: Permission denied" in _refused(tmp_path, "expand", "--seeds", "mine.jsonl")


def test_an_ontology_that_leaves_nothing_possible_is_refused(tmp_path: Path) -> None:
    (tmp_path / "traits.toml").write_text("[dimensions.a]\nlabel = 3\n", encoding="utf-8")
    (tmp_path / "run.toml").write_text('[seeds]\nontology = "traits.toml"\n', encoding="utf-8")
    assert "traits.toml" in _refused(tmp_path, "expand", "run.toml")


@pytest.mark.parametrize("option", ["--only", "--redo"])
def test_an_unknown_stage_is_refused(tmp_path: Path, option: str) -> None:
    said = _refused(tmp_path, "run", option, "expnad")
    assert said == (
        "persona-forge: unknown stage 'expnad'\n"
        "  allowed: seeds, families, allot, fit, cover, expand, scenes, scripts, candidates, judge, events, pair, "
        "cast, speak, measure, baseline, check\n"
    )


def test_words_that_the_command_line_does_not_know_are_misuse(tmp_path: Path) -> None:
    for words in (["exqand"], ["run", "--rowz", "3"], ["expand", "--rows", "0"], ["expand", "--rows", "x"], ["status"]):
        said = typed(*words)
        assert said.returncode == 2
        assert "Traceback" not in said.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["a full folder", "a file"])
def test_an_output_folder_that_is_no_run_is_refused_and_left_as_it_is(tmp_path: Path, what: str) -> None:
    out = tmp_path / "mine"
    if what == "a file":
        out.write_text("precious", encoding="utf-8")
    else:
        out.mkdir()
        (out / "thesis.txt").write_text("precious", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    said = typed("expand", "--out", out, "--rows", "10")
    assert said.returncode == 2
    assert (
        "is a file and not a folder" if what == "a file" else "is not empty and not a run: it holds thesis.txt"
    ) in (said.stderr)
    assert "choose a new or empty folder with --out" in said.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_folder_of_another_run_is_refused_and_left_as_it_is(finished: Path, tmp_path: Path) -> None:
    before, card = sealed(finished), (finished / "run.json").read_bytes()
    other = write_seeds(
        tmp_path / "other.jsonl", [{"prose": f"Somebody else altogether, number {i}."} for i in range(3)]
    )
    said = typed("expand", "--seeds", other, "--out", finished)
    assert said.returncode == 2
    assert "is another run: none of its 10 seeds is in " in said.stderr
    assert "choose another --out" in said.stderr
    assert (sealed(finished), (finished / "run.json").read_bytes()) == (before, card)


def test_other_settings_are_refused_and_redone_when_told(finished: Path, tmp_path: Path, seeds: Path) -> None:
    config = config_file(tmp_path / "run.toml", settings(seeds, dialogues__temperature=0.2))
    said = typed("script", config, "--out", finished)
    assert said.returncode == 2
    assert "was made with other settings: dialogues.temperature 0.8 → 0.2" in said.stderr
    assert "--redo scripts makes anew: scripts (2 shards), candidates (2 shards), judge" in said.stderr
    assert typed("script", config, "--out", finished, "--redo", "scripts").returncode == 0
    assert typed("speak", "--out", finished).returncode == 0
    assert typed("verify", finished).returncode == 0


@pytest.mark.parametrize("words", [["status"], ["verify"], ["sql"]])
def test_asking_what_is_no_run_is_misuse(tmp_path: Path, words: list[str]) -> None:
    query = ["SELECT 1"] if words == ["sql"] else []
    for folder, says in (
        (tmp_path / "nowhere", "there is no folder "),
        (tmp_path, "is not a run: there is no run.json"),
    ):
        said = typed(*words, folder, *query)
        assert said.returncode == 2
        assert says in said.stderr
        assert "name the folder that `persona-forge run --out` was given" in said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "code"), [("{", 1), ("[]", 2), ('{"format": 99}', 2), ('{"format": 1}', 1)])
def test_a_damaged_card_is_said(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    said = typed("status", tmp_path)
    assert said.returncode == code
    assert "run.json" in said.stderr
    assert "Traceback" not in said.stderr


def _poor(tmp_path: Path) -> dict[str, str]:
    """An environment in which no weights can be had, and fails fast."""
    nothing = {"PERSONA_FORGE_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1",
               "PIP_FIND_LINKS": "", "npm_config_registry": "http://127.0.0.1:9"}  # fmt: skip
    return {**os.environ, **nothing}


def test_a_named_engine_that_cannot_be_had_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('[dialogues]\nengine = "local"\n', encoding="utf-8")
    began = time.monotonic()
    said = _refused(tmp_path, "run", "run.toml", "--rows", "10", code=1, env=_poor(tmp_path))
    assert said.startswith("persona-forge: qwen-1.5b: pip could not download it: ")
    assert "persona-forge weights pull" in said
    assert time.monotonic() - began < 60


def test_an_engine_that_nobody_named_gives_way_aloud_and_the_choice_is_sealed(tmp_path: Path, seeds: Path) -> None:
    (tmp_path / "run.toml").write_text("[dialogues]\ncount = 2\nturns = 2\n", encoding="utf-8")
    out, words = tmp_path / "run", ["run.toml", "--out", "run"]
    env = _poor(tmp_path)
    assert typed("expand", *words, "--rows", "50", "--seeds", seeds).returncode == 0
    said = child("script", "--out", "run", env=env)
    assert said.returncode == 0
    assert "local cannot be had: qwen-1.5b: " in said.stderr
    assert "scripted takes its place (stock sentences, no model: for tests and dry runs; " in said.stderr
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["engines"] == {
        "chat": {"engine": "scripted", "model": "scripted", "how": ""}
    }
    again = child("script", "--out", "run", "--dialogues", "3", env=env)
    assert (again.returncode, "cannot be had" in again.stderr) == (0, False)  # the choice stands


def test_weights_of_an_unknown_name_are_misuse_and_those_that_cannot_be_had_are_not(tmp_path: Path) -> None:
    said = typed("weights", "pull", "qwen-9b")
    assert said.returncode == 2
    assert "no weights are called 'qwen-9b'\n  allowed: " in said.stderr
    said = child("weights", "pull", "qwen-0.5b", env=_poor(tmp_path))
    assert said.returncode == 1
    assert "Traceback" not in said.stderr


def test_bad_records_are_rejects_and_the_others_go_through(tmp_path: Path) -> None:
    file = write_seeds(tmp_path / "mine.jsonl", [*SEEDS, {"prose": "x"}])
    said = typed("seeds", "check", file)
    assert said.returncode == 1
    assert "mine.jsonl:11: prose: " in said.stdout
    assert "10 seeds can be used, 1 records cannot" in said.stdout
    made(tmp_path / "run", settings(file, personas__rows=20))
    assert typed("verify", tmp_path / "run").returncode == 0
