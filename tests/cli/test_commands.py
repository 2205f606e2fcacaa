"""Every command: its help, its JSON, its words at the end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from small_runs import command, config_file, settings, typed

COMMANDS = (
    ["run"], ["expand"], ["script"], ["judge"], ["pair"], ["speak"], ["export"], ["status"], ["sql"], ["verify"],
    ["engines"], ["weights"], ["weights", "pull"], ["cover"], ["app"], ["app", "explore"], ["app", "compare"],
    ["seeds"], ["seeds", "check"], ["seeds", "topics"], ["seeds", "import"], ["seeds", "review"], ["seeds", "adopt"],
    ["seeds", "export"], ["traits"], ["traits", "check"], ["traits", "show"], ["traits", "count"],
    ["traits", "explain"],
)  # fmt: skip


def test_every_command_has_help_and_is_named_in_the_help() -> None:
    top = typed("--help").stdout
    for words in COMMANDS:
        said = typed(*words, "--help")
        assert said.returncode == 0
        assert said.stdout.lstrip().startswith("Usage: ")
        assert words[0] in top


@pytest.mark.parametrize("words", [[], ["run"]])
def test_help_takes_less_than_half_a_second_of_cpu(words: list[str]) -> None:
    before = os.times()
    subprocess.run(command(*words, "--help"), stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used <= 1.0  # 0.2 on an idle machine; the margin is for a busy one


def test_importing_the_commands_imports_nothing_heavy() -> None:
    code = "import sys, persona_forge.cli; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = set(typed_python(code).split())
    assert not loaded & {"polars", "pyarrow", "duckdb", "pydantic", "numpy", "numba", "prefect", "rich", "openai"}


def typed_python(code: str) -> str:
    return subprocess.run([*command()[:1], "-c", code], capture_output=True, text=True, check=True).stdout


def test_status_tells_and_tells_in_json(finished: Path) -> None:
    said = typed("status", finished)
    assert said.returncode == 0
    assert [line.split()[0] for line in said.stdout.splitlines()[:18]] == [
        "stage", "seeds", "families", "allot", "fit", "cover", "expand", "scenes",
        "scripts", "candidates", "judge", "events", "pair", "cast", "speak", "measure",
        "baseline", "check",
    ]  # fmt: skip
    assert "left to do     nothing" in said.stdout
    told = json.loads(typed("status", finished, "--json").stdout)
    assert told["done"] is True
    assert told["engines"]["voice"] == {"engine": "tone", "model": "tone", "how": ""}
    assert {s["stage"]: (s["shards"], s["shards_planned"]) for s in told["funnel"]}["scripts"] == (2, 2)
    assert told["completion_tokens"] > 0


def test_status_of_a_run_that_is_not_done_says_what_is_left(finished: Path) -> None:
    (finished / "seals" / "clips" / "g000-0001.json").unlink()
    told = json.loads(typed("status", finished, "--json").stdout)
    assert told["done"] is False
    assert {s["stage"]: s["waiting"] for s in told["funnel"]}["speak"] == 4
    assert "left to do     speak 1/2" in typed("status", finished).stdout


def test_the_acts_one_by_one_say_what_comes_next(tmp_path: Path, seeds: Path) -> None:
    config, out = config_file(tmp_path / "run.toml", settings(seeds)), tmp_path / "run"
    for act, then in (("expand", "script"), ("script", "judge"), ("judge", "pair"), ("pair", "speak"), ("speak", "")):
        said = typed(act, config, "--out", out)
        assert said.returncode == 0
        assert (f"persona-forge {then} --out {out}" in said.stdout) == bool(then)
        assert f"persona-forge verify {out}" in said.stdout
    assert f"persona-forge run --out {out} --rows 3000 --dialogues 8" in said.stdout
    assert "persona: " in said.stdout
    told = json.loads(typed("status", out, "--json").stdout)
    assert set(told["seconds"]) == {s["stage"] for s in told["funnel"]}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {"time", "level", "message", "stage", "shard", "rows", "rejected", "seconds"} == set(lines[0])


def test_progress_counts_shards_and_goes_to_standard_error(tmp_path: Path, seeds: Path) -> None:
    config, out = config_file(tmp_path / "run.toml", settings(seeds, run__workers=1)), tmp_path / "run"
    said = typed("expand", config, "--out", out)
    lines = [line.split(" s  ")[1] for line in said.stderr.splitlines()]
    assert lines == [
        "seeds g000: 10 rows",
        "families g000: 10 rows",
        "allot g000: 10 rows",
        "fit g000: 0 rows",
        "cover g000: 0 rows",
        *(f"expand g000-{n:04d}: {450 if n < 3 else 150} rows ({n + 1} of 4)" for n in range(4)),
    ]
    again = typed("expand", "--out", out)
    assert again.stderr.split(" s  ")[1] == "expand: nothing to do, 4 of 4 shards are done\n"
    assert again.stdout == said.stdout


def test_json_leaves_standard_error_empty(tmp_path: Path, seeds: Path) -> None:
    config, out = config_file(tmp_path / "run.toml", settings(seeds)), tmp_path / "run"
    said = typed("expand", config, "--out", out, "--json")
    assert said.stderr == ""
    told = json.loads(said.stdout)
    assert told["out"] == str(out)
    assert {s["table"]: s["rows"] for s in told["funnel"]}["personas"] == 1500


def test_engines_are_listed_with_licence_and_lack() -> None:
    told = json.loads(typed("engines", "--json").stdout)
    assert {(e["port"], e["engine"]) for e in told} == {
        ("chat", "local"), ("chat", "openai"), ("chat", "scripted"),
        ("voice", "kokoro"), ("voice", "coqui"), ("voice", "openai"), ("voice", "espeak"), ("voice", "tone"),
        ("ear", "whisper"), ("ear", "deaf"),
    }  # fmt: skip
    assert {e["engine"]: e["licence"] for e in told}["espeak"] == "GPL-3.0"
    assert typed("engines").returncode == 0


def test_verify_tells_in_json(finished: Path) -> None:
    told = json.loads(typed("verify", finished, "--json").stdout)
    assert {c["broken"] for c in told["checks"]} == {0}
    assert told["certificate"]["t"] == 2
    (finished / "clips" / "g000-0000.parquet").write_bytes(b"")
    said = typed("verify", finished, "--json")
    assert said.returncode == 1
    told = json.loads(said.stdout)
    assert (told["checks"][0]["broken"], told["certificate"]) == (1, None)


def test_a_pipe_that_closes_early_is_no_error(finished: Path) -> None:
    words = command("sql", finished, "SELECT * FROM range(200000)", "--format", "csv")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == ""


def test_traits_can_be_checked_counted_explained_and_pictured(tmp_path: Path) -> None:
    assert typed("traits", "check").stdout == "no problems\n"
    one, both = (json.loads(typed("traits", "count", "--given", g, "--json").stdout)["count"]
                 for g in ("language=zh", "age_band=child"))  # fmt: skip
    assert one > both > 10**20
    said = typed("traits", "explain", "age_band=child", "occupation=surgeon", "--json")
    assert json.loads(said.stdout)["possible"] is False
    assert typed("traits", "explain", "age_band=child").stdout == "this combination is possible\n"
    assert "did you mean 'age_band'?" in typed("traits", "explain", "age_bend=child").stderr
    assert typed("traits", "count", "--given", "child").returncode == 2
    picture = tmp_path / "traits.svg"
    assert typed("traits", "show", "--picture", picture).returncode == 0
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_a_covering_array_is_csv_with_a_header(tmp_path: Path) -> None:
    model = tmp_path / "model.txt"
    model.write_text('A: 1, 2, 3\nB: x, y\nC: p, q\nIF [A] = 1 THEN [B] = "x";\n', encoding="utf-8")
    rows = typed("cover", model).stdout.splitlines()
    assert rows[0] == "A,B,C"
    assert {tuple(r.split(",")[:2]) for r in rows[1:]} == {("1", "x"), ("2", "x"), ("2", "y"), ("3", "x"), ("3", "y")}
    said = typed("cover", model, "--out", tmp_path / "rows.csv")
    assert "hold all 15 combinations of 2 values" in said.stdout
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines() == rows
    model.write_text("{ A, B } @ 2\n", encoding="utf-8")
    assert typed("cover", model).returncode == 2


def test_seeds_that_have_fewer_rows_than_were_asked_for_say_so(tmp_path: Path, seeds: Path) -> None:
    value = "{ weight = 1, label = { en = 'x', zh = 'x' }, phrase = { en = 'x', zh = 'x' } }"
    head = "[dimensions.%s]\nlabel = { en = 'x', zh = 'x' }\n[dimensions.%s.values]\n"
    traits = "".join(head % (d, d) + f"a = {value}\nb = {value}\n" for d in ("one", "two", "three"))
    (tmp_path / "traits.toml").write_text(traits, encoding="utf-8")
    few = settings(seeds, seeds__ontology=str(tmp_path / "traits.toml"))
    said = typed("expand", config_file(tmp_path / "run.toml", few), "--out", tmp_path / "run")
    assert said.returncode == 0
    assert "1,500 personas were asked for; these seeds have 80 different ones and no more." in said.stdout
