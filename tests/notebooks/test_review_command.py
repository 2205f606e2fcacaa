"""What `seeds review` and `seeds adopt` say to what is typed wrong, and what adopting prints."""

import json
from pathlib import Path

import pytest
from small_runs import typed

from persona_forge.cli import desks
from persona_forge.core.errors import Uninstalled
from persona_forge.dataset.events import EventLog
from persona_forge.desks import review_desk


def write_seed(folder: Path) -> Path:
    path = folder / "one.jsonl"
    row = {"seed_id": "s1", "name": "Tim", "prose": "I'm a man who keeps bees on a roof in Ghent."}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return path


def test_without_the_apps_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "NEEDED", ("sys", "no_such_library"))
    with pytest.raises(Uninstalled) as error:
        desks.open_app("review_seeds.py", {}, port=2718, browser=False)
    assert str(error.value) == "this app needs no_such_library\n  to do:   pip install 'persona-forge[apps]'"


@pytest.mark.parametrize(("words", "says"), [
    (("nowhere.jsonl",), "there is no seed file nowhere.jsonl"),
    (("one.jsonl", "--who", "../../x"), "is no annotator's name"),
    (("one.jsonl", "--events", "one.jsonl"), "one.jsonl is a file"),
])  # fmt: skip
def test_what_cannot_be_reviewed_is_refused_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    write_seed(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = typed("seeds", "review", *words)
    assert said.returncode == 2
    assert says in said.stderr


def test_decisions_are_adopted_from_beside_the_seeds(tmp_path: Path) -> None:
    path = write_seed(tmp_path)
    calls = review_desk(path, tmp_path / "one.jsonl.events", "Mei")
    calls["start"]()
    calls["decide"](0, "approve")
    said = typed("seeds", "adopt", path, "--to", tmp_path / "two.jsonl", "--json")
    assert json.loads(said.stdout) == {"approved": 1, "rejected": 0, "new": 0, "disputed": 0, "unreadable": 0}
    assert json.loads((tmp_path / "two.jsonl").read_text(encoding="utf-8"))["review"] == "approved"
    said = typed("seeds", "adopt", path, "--to", tmp_path / "two.jsonl")
    assert said.stdout.startswith("1 approved, 0 rejected, 0 new, of which 0 in dispute; 0 records could not be read;")
    assert len(EventLog(tmp_path / "one.jsonl.events", "review").news()) == 1
