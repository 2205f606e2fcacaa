"""Personas that leave one by one: who is chosen, and the Character Cards that they become."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from small_runs import typed
from spoken_run import ONTOLOGY, spoken_run

from persona_forge.core.errors import Misuse
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.people import chosen
from persona_forge.personas.curate import curate
from persona_forge.personas.readers import read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("people") / "run")


def test_personas_are_chosen_at_even_distances_as_many_of_each_language(folder: Folder) -> None:
    assert chosen(folder, 4).rows["persona_id"].to_list() == ["0100" * 8, "0300" * 8, "0101" * 8, "0301" * 8]
    assert Counter(chosen(folder, 3).rows["language"]) == {"en": 2, "zh": 1}
    assert chosen(folder, 100).rows.height == 8
    assert chosen(folder, 8, split="test").rows["persona_id"].to_list() == ["0200" * 8, "0201" * 8]


def test_one_is_found_by_its_id_and_what_is_none_is_refused(folder: Folder) -> None:
    assert chosen(folder, 1, persona="0301" * 8).rows.select("language", "gender").rows() == [("zh", None)]
    with pytest.raises(Misuse, match="is no persona_id"):
        chosen(folder, 1, persona="who")
    with pytest.raises(Misuse, match="no such persona"):
        chosen(folder, 1, persona="ff" * 16)


@pytest.mark.parametrize("spec", ["v2", "v3"])
def test_a_persona_leaves_as_a_card_that_is_read_again_as_that_persona(
    folder: Folder, tmp_path: Path, spec: str
) -> None:
    said = typed("export", folder.root, "--to", "cards", "--rows", "8", "--spec", spec, "--out", tmp_path / "cards")
    assert (said.returncode, said.stderr) == (0, "")
    files = sorted((tmp_path / "cards").iterdir())
    assert [f.name for f in files][:2] == [f"{'0000' * 8}.json", f"{'0001' * 8}.json"]
    card: dict[str, Any] = json.loads(files[0].read_text(encoding="utf-8"))
    assert card["spec"] == f"chara_card_{spec}"
    assert {"You are female.", "How you talk: Dry. You say little."} < set(card["data"]["description"].split("\n"))
    back = curate(records=read(files), ontology=ONTOLOGY, hold=())
    assert (back.rows.height, back.rejects) == (8, ())
    pins = {row["seed_id"]: {p["dimension"]: p["value"] for p in row["pins"]} for row in back.rows.to_dicts()}
    assert pins["0000" * 8] == {"gender": "female", "verbosity": "terse"}
    assert pins["0301" * 8] == {"verbosity": "chatty"}


def test_one_persona_may_be_a_file_that_is_named_and_is_never_written_over(folder: Folder, tmp_path: Path) -> None:
    out = tmp_path / "one.json"
    words = ("export", folder.root, "--to", "cards", "--persona", "0000" * 8, "--out", out)
    assert typed(*words).returncode == 0
    assert json.loads(out.read_text(encoding="utf-8"))["data"]["tags"] == ["en"]
    said = typed(*words)
    assert (said.returncode, "is there already" in said.stderr) == (2, True)
