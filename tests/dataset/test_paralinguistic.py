"""Questions about how something was said: only what was measured or heard is asked, and answers are in balance."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import typed
from spoken_run import flac, spoken_run

from persona_forge.core.errors import Misuse
from persona_forge.dataset.exports import Exported
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.paralinguistic import (
    FAILED,
    UNLABELLED,
    Item,
    balanced,
    export_paralinguistic,
    mixed,
    questions,
)

ELEVEN = {"gender", "age", "timbre", "emotion", "pitch", "rhythm", "speed", "style", "scenario", "event", "vocal"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return spoken_run(tmp_path_factory.mktemp("para") / "run")


@pytest.fixture(scope="module")
def made(folder: Folder) -> Exported:
    return export_paralinguistic(folder, folder.root.parent / "out")


@pytest.fixture(scope="module")
def items(folder: Folder, made: Exported) -> list[dict[str, Any]]:
    files = sorted((folder.root.parent / "out" / "data").glob("*.parquet"))
    return [row for f in files for row in pq.read_table(f).to_pylist()]


def test_every_dimension_of_the_benchmark_is_asked_or_left_out_with_a_reason(made: Exported) -> None:
    assert set(questions()) | set(UNLABELLED) == ELEVEN
    for name, why in UNLABELLED.items():
        assert (name, f"{name}: {why}") in made.left_out


def test_every_answer_is_worded_in_both_languages() -> None:
    for question in questions().values():
        for said in (question["question"], *question["answers"].values()):
            assert set(said) == {"en", "zh"}


def test_a_question_is_in_the_clips_language_and_its_answer_is_what_was_measured(items: list[dict[str, Any]]) -> None:
    assert Counter(i["dimension"] for i in items) == {"gender": 8, "speed": 8}
    zh = next(i for i in items if i["dimension"] == "speed" and i["language"] == "zh" and i["label"] == "fast")
    assert (zh["question"], zh["answer"], sorted(zh["options"])) == ("说话的人语速如何？", "快", ["快", "慢"])
    assert (zh["options"][zh["answer_index"]], zh["by"]) == ("快", "rate")


def test_what_was_not_obeyed_or_not_heard_or_failed_is_not_asked(made: Exported) -> None:
    left = defaultdict(set)
    for row, why in made.left_out:
        left[row].add(why)
    assert "pitch: measured as not obeyed" in left["s-a-1-turn"]
    assert "emotion: listeners heard something else" in left["s-a-2-turn"]
    assert "emotion: it cannot be told here, and no listener said" in left["s-c-0-turn"]  # its event was undone
    assert left["s-a-3-turn"] == {FAILED}
    assert left["train en"] >= {"vocal: one answer is all there is, sigh"}  # a laugh was wanted twice, and came once
    assert left["train en"] >= {"emotion: one answer is all there is, sad"}  # s-a-0-turn, which a listener heard so
    assert "s-a-1-back_channel" not in left


def test_datasets_loads_it_with_its_splits_and_the_very_clip(folder: Folder, made: Exported, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    loaded = datasets.load_dataset(str(folder.root.parent / "out"), cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in loaded.items()} == dict(made.rows)
    assert loaded["train"].features["audio"] == datasets.Audio(sampling_rate=24_000)
    row = loaded["train"].cast_column("audio", datasets.Audio(decode=False))[0]
    assert row["audio"]["bytes"] == flac(200 + 10 * int(row["utterance_id"].split("-")[2]))
    assert row["answer"] == row["options"][row["answer_index"]]


@given(st.lists(st.tuples(st.sampled_from(sorted(questions()["speed"]["answers"])), st.sampled_from(["en", "zh"])),
                max_size=60))  # fmt: skip
@settings(max_examples=60)
def test_answers_and_places_are_in_balance_and_nothing_gets_lost(labels: list[tuple[str, str]]) -> None:
    clips = [{"utterance_id": f"u{n}", "seed_id": "s", "split": "train", "language": language}
             for n, (_, language) in enumerate(labels)]  # fmt: skip
    given_items = [Item("speed", label, "rate", clip) for (label, _), clip in zip(labels, clips, strict=True)]
    made = Exported()
    kept = balanced(given_items, made)
    lines = list(mixed(kept))
    for language in ("en", "zh"):
        mine = [line for line in lines if line["language"] == language]
        counts = Counter(line["label"] for line in mine)
        assert len(set(counts.values())) <= 1
        assert len(counts) != 1
        for label in counts:
            places = Counter(line["answer_index"] for line in mine if line["label"] == label)
            every = [places.get(place, 0) for place in range(len(counts))]
            assert max(every) - min(every) <= 1
    single = {w.split(",")[0] for _, w in made.left_out if "one answer" in w}
    if not single:
        assert len(kept) + len(made.left_out) == len(given_items)


def test_a_run_whose_speech_was_checked_by_an_older_version_is_refused(folder: Folder, tmp_path: Path) -> None:
    bare = spoken_run(tmp_path / "run")
    for shard in bare.names("checks"):
        rows = bare.scan("checks", [shard]).drop("qc_obeyed").collect()
        rows.write_parquet(bare.rows("checks", shard))
    with pytest.raises(Misuse, match="older version"):
        export_paralinguistic(bare, tmp_path / "out")
    with pytest.raises(Misuse, match="can be asked"):
        export_paralinguistic(folder, tmp_path / "out", split="validation")


def test_the_command_counts_what_is_left_out_by_its_reason(folder: Folder, tmp_path: Path) -> None:
    said = typed("export", folder.root, "--to", "paralinguistic", "--out", tmp_path / "out")
    flat = " ".join(said.stdout.split())
    assert said.returncode == 0
    assert "16 rows are in" in flat
    assert "left out: 6, the clip fails a gate" in flat
    assert "left out: 1, scenario: clips have no background" in flat
