from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_runs import command, typed
from small_space import small_space

from persona_forge.personas.curate import curate
from persona_forge.personas.readers import read, seed_files
from persona_forge.personas.readers.importing import Wishes, import_seeds

PROSE = "I mend clocks in a cellar."
SPACE = small_space()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_an_import_says_what_it_saw_and_what_became_of_it(tmp_path: Path) -> None:
    source, to = tmp_path / "mine.csv", tmp_path / "new" / "seeds.jsonl"
    source.write_text(f"name,bio,age\nMo,{PROSE},71\nLi,\nNo,,4\n")
    said = typed("seeds", "import", source, "--to", to)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"{source}: CSV with commas between its cells: rows of one's own; prose ← bio; kept besides: age",
        "",
        f"3 read = 1 written to {to} + 2 rejected",
        f"rejected, with places and reasons, in {to}.rejects.jsonl; the first: mine.csv:3: 2 cells under 3 columns",
        f"what to type next: persona-forge seeds check {to}",
    ]
    assert lines(to) == [
        {"name": "Mo", "prose": PROSE, "author_kind": "unknown", "source": "mine", "licence": "unknown", "age": "71"}
    ]
    assert lines(to.with_name("seeds.jsonl.rejects.jsonl")) == [
        {"where": "mine.csv:3", "reason": "2 cells under 3 columns", "raw": "Li,"},
        {"where": "mine.csv:4", "reason": "no text to be the prose; it has name, bio, age", "raw": "No,,4"},
    ]


def test_an_import_tells_machines_the_same(tmp_path: Path) -> None:
    source, to = tmp_path / "a.jsonl", tmp_path / "seeds.jsonl"
    source.write_text(json.dumps({"persona": PROSE}) + "\n")
    said = typed("seeds", "import", source, "--to", to, "--json")
    saw = "JSON lines: lines of personas, as Persona-Hub has them; prose ← persona; kept besides: nothing"
    assert json.loads(said.stdout) == {
        "read": 1, "written": 1, "rejected": 0, "to": str(to), "rejects": None,
        "files": [{"path": str(source), "saw": saw}],
    }  # fmt: skip
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "seeds.jsonl"]


def test_what_a_row_says_of_its_origin_stands_and_the_rest_is_filled_in(tmp_path: Path) -> None:
    source, to = tmp_path / "a.jsonl", tmp_path / "seeds.jsonl"
    rows = [{"persona": PROSE, "license": "MIT", "source": "them", "author_kind": "model"}, {"persona": PROSE, "id": 2}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    typed("seeds", "import", source, "--to", to, "--licence", "CC0-1.0", "--source", "us", "--author-kind", "human")
    assert [(r["licence"], r["source"], r["author_kind"]) for r in lines(to)] == [
        ("MIT", "them", "model"), ("CC0-1.0", "us", "human")
    ]  # fmt: skip


def test_columns_are_mapped_by_the_user(tmp_path: Path) -> None:
    source, to = tmp_path / "a.csv", tmp_path / "seeds.jsonl"
    source.write_text(f"who,what,age,junk\nMo,{PROSE},71,x\n")
    words = ["seeds", "import", str(source), "--to", str(to)]
    refused = typed(*words)
    assert refused.returncode == 2
    assert "no column looks like the prose of a persona; it has who, what, age, junk" in refused.stderr
    refused = typed(*words, "--map", "prose=whta")
    assert (refused.returncode, "has no column 'whta'" in refused.stderr) == (2, True)
    assert typed(*words, "--map", "prose=what", "--map", "name=who", "--map", "extras=age").returncode == 0
    assert {"name": "Mo", "prose": PROSE, "age": "71"}.items() <= lines(to)[0].items()
    assert "junk" not in lines(to)[0]


def test_rows_of_json_without_a_text_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"age": 3}\n')
    said = typed("seeds", "import", tmp_path / "a.jsonl", "--to", tmp_path / "seeds.jsonl")
    assert said.returncode == 2
    assert "no column looks like the prose of a persona; it has age" in said.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_folder_is_imported_whole_and_never_reads_what_it_writes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"bio\n{PROSE}\n")
    (tmp_path / "b.json").write_text(json.dumps([{"act": "Cook", "prompt": PROSE}]))
    (tmp_path / "c.csv").write_text("age\n3\n")
    to = tmp_path / "seeds.jsonl"
    for force in ([], ["--force"]):
        said = typed("seeds", "import", tmp_path, "--to", to, *force)
        assert said.returncode == 0
        assert f"3 read = 2 written to {to} + 1 rejected" in said.stdout
        assert f"{tmp_path / 'c.csv'}: not read: {tmp_path / 'c.csv'}: no column looks like the prose" in said.stdout
    assert [r["source"] for r in lines(to)] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--to", "seeds.jsonl"], "seeds.jsonl is there already"),
        (["--to", "seeds.csv"], "JSON lines are written"),
        (["--to", "a.jsonl", "--force"], "nothing to import but a.jsonl itself"),
        (["--to", "b.jsonl", "--map", "text=persona"], "there is no field 'text'"),
        (["--to", "b.jsonl", "--format", "parquet"], "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "seeds.jsonl"):
        Path(name).write_text(json.dumps({"persona": PROSE}) + "\n")
    said = typed("seeds", "import", "a.jsonl", *words)
    assert (said.returncode, what in said.stderr) == (2, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "seeds.jsonl"]


def test_what_is_there_is_replaced_only_by_force_and_stale_rejects_go(tmp_path: Path) -> None:
    to = tmp_path / "seeds.jsonl"
    to.write_text("old\n")
    (tmp_path / "seeds.jsonl.rejects.jsonl").write_text("old\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"persona": PROSE}) + "\n")
    assert typed("seeds", "import", tmp_path / "a.jsonl", "--to", to, "--force").returncode == 0
    assert [r["prose"] for r in lines(to)] == [PROSE]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "seeds.jsonl"]


def test_where_nothing_can_be_used_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{broken\n")
    said = typed("seeds", "import", tmp_path / "a.jsonl", "--to", tmp_path / "seeds.jsonl")
    assert said.returncode == 2
    assert "none of the 1 records can be used; the first: a.jsonl:1: Expecting property name" in said.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_an_import_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    source, to = tmp_path / "a.jsonl", tmp_path / "out" / "seeds.jsonl"
    source.write_text((json.dumps({"persona": PROSE}) + "\n") * 2_000_000)
    with subprocess.Popen(
        command("seeds", "import", source, "--to", to), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (to.parent.is_dir() and sum(p.stat().st_size for p in to.parent.iterdir())):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert (process.returncode, "nothing was written" in told) == (3, True)
    assert os.listdir(to.parent) == []


ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["prose", "persona", "sentences", "id", "name", "language", "licence", "tags", "extras"]),
        st.none() | st.integers(0, 3) | st.text("ab 中é\u202e=", max_size=12) | st.just([PROSE, "I like tea."])
        | st.just(PROSE) | st.dictionaries(st.text("ab", max_size=2), st.integers(), max_size=2),
        max_size=6,
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(ROWS)
@example([{"licence": 0, "prose": "=======a"}])
def test_an_imported_seed_is_the_one_that_a_run_would_have_read(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    rows = [*rows, {"prose": PROSE, "seed_id": "last"}]
    source, to = tmp_path / "mine.jsonl", tmp_path / "seeds.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with to.open("wb") as seeds:
        import_seeds([source], seeds, BytesIO(), Wishes({}, "", {}), lambda records: None)
    direct, imported = (curate(records=read(seed_files([p])), ontology=SPACE.ontology, hold=()) for p in (source, to))
    assert imported.rows.sort("seed_id").equals(direct.rows.sort("seed_id"))
