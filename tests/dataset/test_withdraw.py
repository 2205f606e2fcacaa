"""A withdrawn seed leaves no word behind, and nothing else changes."""

from __future__ import annotations

import base64
import json
import os
import pty
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from small_runs import SEEDS, child, command, counts, made, sealed, settings, typed, write_seeds, written

from persona_forge.core.tables import REJECTS, TABLES
from persona_forge.dataset.catalog import query
from persona_forge.dataset.events import EventLog
from persona_forge.dataset.exports import export
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.ledger import mark
from persona_forge.dataset.shards import write_table
from persona_forge.dataset.verify import verify
from persona_forge.personas.families import ALIKE, neighbours
from persona_forge.pipeline import ACTS, PIPELINE
from persona_forge.text.near import units

ACT_1 = tuple(s for s in PIPELINE if s.name in ACTS["expand"])
GOING = {
    "seed_id": "ottoline-q",
    "language": "en",
    "name": "Ottoline Quillfeather",
    "prose": "I restore water clocks for three museums, and I would rather be exact than loved by the trustees.",
    "catchphrases": [{"text": "drip by drip", "trigger": "somebody hurries", "at_most": 2}],
    "source": "letters",
    "licence": "CC-BY-4.0",
    "author_kind": "human",
}
LEAVING = {"seed_id": "deng-zhou", "language": "zh", "name": "邓舟", "source": "letters", "author_kind": "human",
           "prose": "我在江边修了三十年木船，手上的桐油味洗不掉，儿子嫌，孙女倒喜欢闻。"}  # fmt: skip
TWIN = {"seed_id": "zz-twin", "language": "en", "author_kind": "project", "review": "approved",
        "prose": GOING["prose"] + " My kettle is older than any of them."}  # fmt: skip
HELD = {"seed_id": "held-one", "language": "en", "name": "Bram Oosterdijk", "author_kind": "human",
        "prose": "Write to me at bram.oosterdijk@gmail.com about the moods of old bread ovens."}  # fmt: skip
FILE = [*SEEDS, GOING, LEAVING, TWIN, HELD, {**GOING, "prose": "x"}]
MANY: dict[str, Any] = {"dialogues__count": 24, "dialogues__per_shard": 6, "dialogues__exit_share": 0.2,
                        "speech__count": 16, "speech__per_shard": 4, "personas__rows": 600,
                        "personas__rows_per_shard": 200, "personas__cover_t": 1,
                        "personas__targets": ({"of": "humour", "shares": {"dry": 0.3}},)}  # fmt: skip


@pytest.fixture(scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of thirteen seeds, one held, with events, a log, an export, and a file that no seal names."""
    home = tmp_path_factory.mktemp("withdraw") / "home"  # a run knows its seed files by their folder's name too
    home.mkdir()
    file = write_seeds(home / "seeds.jsonl", FILE)
    made(home / "run", settings(file, **MANY))
    folder = Folder(home / "run")
    log = EventLog(folder.root / "events", "review")
    for who, seed_id in (("Mei", GOING["seed_id"]), ("Mei", "en-baker"), ("Tom", GOING["seed_id"])):
        log.append(who=who, on=seed_id, seed_id=seed_id, verdict="approve", detail={}, comment=f"of {seed_id}")
    made(folder.root, settings(file, **MANY))
    lines = ["scripts g000-0000: 6 rows", "Ottoline Quillfeather said no", "she would rather be exact than loved, yes"]
    (folder.root / "log.jsonl").write_text("".join(json.dumps({"message": m}) + "\n" for m in lines))
    export(folder, "sft", home / "sft.jsonl")
    write_table(folder.rows("pairs", "g009-0000"), TABLES["pairs"], folder.scan("pairs").collect())
    return home


@pytest.fixture
def home(_run: Path, tmp_path: Path) -> Path:
    """The same, and of one's own."""
    return Path(shutil.copytree(_run, tmp_path / "home"))


def remove(home: Path, *words: str) -> None:
    said = typed("remove", home / "run", *words, "--yes")
    assert (said.returncode, said.stderr) == (0, "")


def again(home: Path, **keys: Any) -> None:
    made(home / "run", settings(home / "seeds.jsonl", **MANY | keys))


def broken(out: Path) -> list[str]:
    return [f"{c.name}: {c.example}" for c in verify(Folder(out)) if not c.ok]


def texts(out: Path) -> Iterator[tuple[str, str]]:
    """Every file, as it stands; of Parquet also every value, and the schema that is coded within."""
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        name = str(path.relative_to(out))
        yield name, path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            keep = [c for c in table.column_names if c != "audio"]
            yield name, json.dumps(table.select(keep).to_pylist(), ensure_ascii=False, default=str)
            coded = pq.ParquetFile(path).metadata.metadata.get(b"ARROW:schema", b"")
            yield name, base64.b64decode(coded).decode("utf-8", "replace")


def words_of(*seeds: dict[str, Any]) -> set[str]:
    """Ids, names, and all four words or eight characters in a row that no other seed has."""
    found = {str(s[k]) for s in seeds for k in ("seed_id", "name")}
    others = "\n".join(s["prose"] for s in (*SEEDS, TWIN))
    for seed in seeds:
        said = units(seed["prose"], seed["language"])
        size, gap = (8, "") if seed["language"] == "zh" else (4, " ")
        found |= {w for n in range(len(said) - size + 1) if (w := gap.join(said[n : n + size])) not in others}
    return found


def mentioning(out: Path, words: set[str]) -> set[str]:
    return {name for name, text in texts(out) if any(w in text for w in words)}


def rows_by_table(out: Path, without: set[str]) -> dict[str, list[str]]:
    """Every row of every table but those of these seeds, and but what they are called in the rows of others."""
    folder, found = Folder(out), {}
    for table in TABLES.values():
        frame = folder.scan(table.name).collect() if table is not REJECTS else pl.DataFrame()
        if "seed_id" in frame.columns:
            frame = frame.filter(~pl.col("seed_id").is_in(list(without))).drop(
                "family", "near", "similarity", "flags", "audio", strict=False
            )
        found[table.name] = sorted(map(repr, frame.rows()))
    return found


def test_nothing_is_left_of_a_seed_and_nothing_else_changes(home: Path) -> None:
    out, words = home / "run", words_of(GOING)
    before, shards, gone = rows_by_table(out, {GOING["seed_id"]}), sealed(out), counts(out)
    tables = {name.split("/")[0] for name in mentioning(out, words)}
    assert tables == {*gone, "rejects", "replies", "log.jsonl"} - {"weights", "baselines"}
    remove(home, "--seed", GOING["seed_id"])
    assert mentioning(out, words) == set()
    assert broken(out) == []
    assert rows_by_table(out, set()) == before
    assert {t for t in gone if counts(out)[t] < gone[t]} >= tables & set(gone) - {"events"}
    rewritten = {n for n, data in sealed(out).items() if n.endswith(".parquet") and data != shards[n]}
    assert rewritten.isdisjoint({"weights/g000.parquet", "baselines/g000.parquet"})
    assert any(n.startswith("clips/") for n in sealed(out).keys() - rewritten)
    assert json.loads((out / "log.jsonl").read_text()) == {"message": "scripts g000-0000: 6 rows"}
    assert [p.name for p in sorted((out / "events").glob("*.jsonl"))] == ["review.Mei.jsonl"]
    tombstone = json.loads((out / "tombstones.jsonl").read_text())
    assert (tombstone["seed"], tombstone["why"]) == (mark(GOING["seed_id"]), "seed")


def test_a_rerun_makes_nothing_and_brings_nothing_back(home: Path) -> None:
    out = home / "run"
    remove(home, "--seed", GOING["seed_id"], "--seed", LEAVING["seed_id"])
    state, when = sealed(out), written(out)
    again(home)
    assert (sealed(out) == state, written(out) == when) == (True, True)
    (home / "seeds.jsonl").write_text((home / "seeds.jsonl").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    again(home)  # the file has changed, and is read again
    assert written(out) == when


@pytest.mark.parametrize("redo", [False, True])
def test_seed_files_that_still_hold_it_do_not_bring_it_back(home: Path, redo: bool) -> None:
    out = home / "run"
    remove(home, "--seed", GOING["seed_id"])
    ask = "SELECT reason, seed_id, raw FROM rejects WHERE stage = 'seeds' AND reason <> 'held'"
    assert query(Folder(out), ask).to_pylist() == [{"reason": "withdrawn", "seed_id": None, "raw": None}] * 2
    new = {"seed_id": "en-new", "language": "en", "prose": "I mend umbrellas under the railway bridge, rain or shine."}
    write_seeds(home / "seeds.jsonl", [new, *FILE])
    made(out, settings(home / "seeds.jsonl", **MANY), ACT_1, redo=ACT_1[:1] if redo else ())
    assert query(Folder(out), ask).to_pylist() == [{"reason": "withdrawn", "seed_id": None, "raw": None}] * 2
    assert (counts(out)["seeds"], mentioning(out, words_of(GOING))) == (13, set())
    assert broken(out) == []


def test_a_run_grows_on_after_a_withdrawal(home: Path) -> None:
    out = home / "run"
    remove(home, "--seed", GOING["seed_id"])
    again(home, personas__rows=900, dialogues__count=30, speech__count=20)
    assert (counts(out)["personas"], counts(out)["scenes"]) == (900, 30)
    assert query(Folder(out), "SELECT count(*) - count(DISTINCT scene_id) AS twice FROM scenes").to_pylist() == [
        {"twice": 0}
    ]
    assert mentioning(out, words_of(GOING)) == set()
    assert broken(out) == []


def test_all_seeds_of_a_source_or_licence_go_together(home: Path) -> None:
    remove(home, "--source", "letters")
    assert mentioning(home / "run", words_of(GOING, LEAVING)) == set()
    assert broken(home / "run") == []
    assert len((home / "run" / "tombstones.jsonl").read_text().splitlines()) == 2
    said = typed("remove", home / "run", "--licence", "CC-BY-4.0", "--yes")
    assert (said.returncode, "no seed of this run has the licence 'CC-BY-4.0'" in said.stderr) == (2, True)


def test_a_seed_that_was_held_and_never_used_goes_too(home: Path) -> None:
    out = home / "run"
    assert mentioning(out, words_of(HELD)) == {"rejects/seeds/g000.parquet"}
    remove(home, "--seed", HELD["seed_id"])
    assert mentioning(out, words_of(HELD)) == set()
    assert broken(out) == []


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 13), ("y", 0, 12)])
def test_whoever_sits_at_a_terminal_is_asked(home: Path, answer: str, code: int, left: int) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    words = command("remove", home / "run", "--seed", GOING["seed_id"])
    said = subprocess.run(words, stdin=theirs, capture_output=True, text=True)
    assert ("to withdraw: ottoline-q" in said.stdout, "Remove all this?" in said.stderr) == (True, True)
    assert (said.returncode, counts(home / "run")["seeds"]) == (code, left)
    assert not (home / "run" / ".changing").exists()


def test_the_rest_of_a_family_stays_under_another_name(home: Path) -> None:
    folder = Folder(home / "run")
    assert folder.scan("families").filter(family=GOING["seed_id"]).collect().height == 2
    split = folder.scan("families").filter(seed_id=TWIN["seed_id"]).collect()["split"][0]
    remove(home, "--seed", GOING["seed_id"])
    twin = folder.scan("families").filter(seed_id=TWIN["seed_id"]).collect().row(0, named=True)
    assert twin == {"seed_id": "zz-twin", "family": "zz-twin", "near": None, "similarity": 0.0, "split": split}
    flags = folder.scan("seeds").filter(seed_id=TWIN["seed_id"]).collect()["flags"][0].to_list()
    assert [f["kind"] for f in flags if f["kind"] == "near_duplicate"] == []
    assert next(neighbours([GOING["prose"], TWIN["prose"]], "en", [0]))[0][0] >= ALIKE


def test_every_row_of_every_table_names_its_seed(home: Path) -> None:
    folder = Folder(home / "run")
    orphans = {"weights", "baselines"}
    """A law fitted to all seeds at once, and what a voice sounds like: of no seed."""
    assert {t.name for t in TABLES.values() if "seed_id" not in t.names} == orphans & set(TABLES)
    for table in (t.name for t in TABLES.values() if t.name not in orphans | {"rejects"}):
        answer = query(
            folder, f"SELECT count(*) AS n, count(s.seed_id) AS known FROM {table} t LEFT JOIN seeds s USING (seed_id)"
        )
        assert [r["n"] - r["known"] for r in answer.to_pylist()] == [0], table
    back = " UNION ALL ".join(f"SELECT '{t.name}' AS t, count(*) AS n FROM {t.name} WHERE seed_id = 'en-baker'"
                              for t in TABLES.values() if t.name not in orphans)  # fmt: skip
    found = {row["t"]: row["n"] for row in query(folder, back).to_pylist()}
    assert (found["seeds"], found["families"], found["events"]) == (1, 1, 1)
    assert min(found["personas"], found["scenes"], found["scripts"], found["candidates"], found["judgements"]) > 0


def test_exports_that_hold_the_seed_are_listed(home: Path) -> None:
    folder, inside = Folder(home / "run"), GOING["seed_id"]
    split = folder.scan("scripts").filter(seed_id=inside).collect()["split"][0]
    for name in ("train", "validation", "test"):
        if folder.scan("scripts").filter(split=name).collect().height:
            export(folder, "sft", home / f"{name}.jsonl", split=name)
    (folder.root / "notes.md").write_text("Call Ottoline Quillfeather back.", encoding="utf-8")
    said = typed("remove", folder.root, "--seed", inside, "--yes", "--json")
    assert json.loads(said.stdout)["mentioned"] == [str(folder.root / "notes.md")]
    listed = json.loads(said.stdout)["exports"]
    assert [(Path(e["out"]).name, e["split"], e["to"]) for e in listed] == [
        ("sft.jsonl", None, "sft"),
        (f"{split}.jsonl", split, "sft"),
    ]
    assert listed[0]["rows"] == len((home / "sft.jsonl").read_text().splitlines())


@pytest.mark.parametrize(("words", "says"), [
    (("--seed", "nobody", "--yes"), "no seed of this run has the seed 'nobody'"),
    (("--seed", "en-baker"), "there is nobody to ask whether to go on"),
    ((), "0 ways of naming seeds"),
    (("--seed", "en-baker", "--source", "letters", "--yes"), "2 ways of naming seeds"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(home: Path, words: tuple[str, ...], says: str) -> None:
    before = sealed(home / "run")
    said = typed("remove", home / "run", *words)
    assert (said.returncode, says in said.stderr) == (2, True)
    assert sealed(home / "run") == before


def test_a_seed_that_was_withdrawn_is_not_withdrawn_again(home: Path) -> None:
    remove(home, "--seed", GOING["seed_id"])
    said = typed("remove", home / "run", "--seed", GOING["seed_id"], "--yes")
    assert (said.returncode, "was withdrawn before" in said.stderr) == (2, True)


def test_while_a_run_is_at_work_nothing_is_removed(home: Path) -> None:
    before = sealed(home / "run")
    with Folder(home / "run").locked():
        said = child("remove", home / "run", "--seed", "en-baker", "--yes")
    assert (said.returncode, "is in use by process" in said.stderr) == (2, True)
    assert sealed(home / "run") == before


# Kills ----------------------------------------------------------------------------------------------------------------

STEPS = """
import os, shutil, signal, sys
from pathlib import Path

from persona_forge.dataset.journal import settle

run, copies = Path(sys.argv[1]), Path(sys.argv[2])

def dying_at(moment):
    touched = 0
    def touch(event, args):
        nonlocal touched
        if event in ("open", "os.rename", "os.remove", "os.rmdir"):
            touched += 1
            if touched == moment:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(touch)

for moment in range(1, 10_000):
    copy = copies / str(moment)
    shutil.copytree(run, copy, symlinks=True)
    child = os.fork()
    if not child:
        dying_at(moment)
        settle(copy)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(moment)
"""
"""Carries a journal out on a copy of the run, and dies at the nth touch of a file; for every n there is."""

WHOLE = """
import os, signal, sys
touched, moment = 0, int(sys.argv.pop())
def touch(event, args):
    global touched
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.symlink") and "run" in str(args[0]):
        touched += 1
        if touched == moment:
            os.kill(os.getpid(), signal.SIGKILL)
from persona_forge.cli import main
sys.addaudithook(touch)
try:
    main()
finally:
    print("touched", touched)
"""


def state(out: Path) -> dict[str, str]:
    """Every file but locks and stamps of time."""
    files = (p for p in sorted(out.rglob("*")) if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(out)): re.sub(rb'"at": "[^"]*"', b"", p.read_bytes()).hex() for p in files}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small run, to be copied many times; and the same after a withdrawal."""
    home = tmp_path_factory.mktemp("few")
    file = write_seeds(home / "few.jsonl", [*SEEDS[:2], GOING])
    acts = tuple(s for s in PIPELINE if s.name in (*ACTS["expand"], *ACTS["script"]))
    made(home / "run", settings(file, dialogues__count=3, personas__rows=60), acts)
    shutil.copytree(home / "run", home / "after")
    assert typed("remove", home / "after", "--seed", GOING["seed_id"], "--yes").returncode == 0
    return home / "run", home / "after"


def test_a_withdrawal_killed_at_any_step_of_its_journal_is_finished_by_the_next_command(
    few: tuple[Path, Path], tmp_path: Path
) -> None:
    run, after = Path(shutil.copytree(few[0], tmp_path / "run")), state(few[1])
    assert subprocess.run([sys.executable, "-c", CUT, str(run)], check=False).returncode == 9
    command = [sys.executable, "-c", STEPS, str(run), str(tmp_path / "copies")]
    copies = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(copies.stdout) > 60
    for moment in range(1, int(copies.stdout) + 1):
        copy = tmp_path / "copies" / str(moment)
        with Folder(copy).locked():
            pass
        assert state(copy) == after, moment


def test_a_withdrawal_killed_at_any_moment_is_whole_or_never_was(few: tuple[Path, Path], tmp_path: Path) -> None:
    before, after = map(state, few)
    command = ["remove", "--seed", GOING["seed_id"], "--yes"]

    def killed(out: Path, moment: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", WHOLE, *command, str(out), str(moment)], capture_output=True, text=True
        ).stdout

    whole = Path(shutil.copytree(few[0], tmp_path / "run-whole"))
    touches = int(killed(whole, 0).rpartition("touched ")[2])
    assert state(whole) == after
    chance, found = random.Random(7), set()
    for moment in (*chance.sample(range(1, touches), 5), touches - 8):
        out = Path(shutil.copytree(few[0], tmp_path / f"run-{moment}"))
        assert "touched" not in killed(out, moment)
        assert typed("status", out).returncode == 0
        with Folder(out).locked():
            pass
        found.add(state(out) == after)
        assert state(out) in (before, after), moment
    assert found == {True, False}


CUT = f"""
import os, sys
from pathlib import Path
from persona_forge.cli.removing import _inputs
from persona_forge.dataset import journal
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.withdraw import Withdrawal, chosen
from persona_forge.engines.replies import forget
folder = Folder(Path(sys.argv[1]))
withdrawal = Withdrawal(folder, chosen(folder, "seed", ["{GOING["seed_id"]}"]), _inputs, forget)
withdrawal.stage("seed")
journal.settle = lambda root: os._exit(9)
journal.commit(folder.root)
"""
"""Decides on a withdrawal, and dies before any of it is carried out."""
