"""Dialogues as sound: the mix, its figures, and the folder that it is written to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from stage import LONG, pair, performed, scene, script, talk, turn

from persona_forge.core.errors import Corrupt, Misuse, RunMismatch
from persona_forge.core.tables import CLIPS
from persona_forge.dataset.exports_audio import INDEX, export_dialogues
from persona_forge.dataset.folder import CARD, Folder
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import write_table
from persona_forge.speech.audio import decode, encode
from persona_forge.speech.mixing import RATE, Dialogue, dialogue, dialogues

Row = dict[str, Any]


def hum(hz: float, seconds: float, level: float = 0.4) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def clip(turn_: int, offset: float, samples: Any, **changes: Any) -> Row:
    row = dict.fromkeys(CLIPS.names, "")
    floor = "start" if not turn_ else "overlap" if changes.get("gap_s", 0.0) < 0 else "gap"
    return {
        **row, "utterance_id": f"u{turn_}", "script_id": "s", "turn": turn_, "part": "turn", "floor": floor,
        "pair_id": None, "role": "persona" if turn_ % 2 else "partner", "audio": {"bytes": encode(samples, RATE)},
        "offset_s": offset, "gap_s": 0.0, "language": "en", "split": "train", **changes,
    }  # fmt: skip


def mixed(*texts: str, overlaps: float = 0.0, hums: float = 0.0) -> tuple[Dialogue, pl.DataFrame]:
    of = scene("s")
    rows = performed((of, script(of, talk(*texts))), overlaps=overlaps, hums=hums).rows
    return dialogue(list(rows.iter_rows(named=True))), rows


def test_every_clip_stands_at_its_offset_on_its_speakers_track() -> None:
    made, rows = mixed("Is it done yet, or not?", "Nearly; give me a day.", "Good.")
    assert made.gain_db == 0
    for row in rows.iter_rows(named=True):
        samples, _ = decode(row["audio"]["bytes"])
        start, side = round(row["offset_s"] * RATE), 0 if row["role"] == "persona" else 1
        assert np.array_equal(made.tracks[start : start + samples.size, side], samples)
    assert np.array_equal(made.samples("mono"), made.tracks.sum(axis=1))
    assert made.duration_s == pytest.approx(rows["offset_s"][-1] + decode(rows["audio"][-1]["bytes"])[0].size / RATE)
    assert [t["text"] for t in made.turns] == rows["text"].to_list()


def test_overlaps_really_overlap_and_what_does_not_overlap_does_not() -> None:
    texts = ("Is it done yet, or is it not?", "Nearly; give me another day.", "Good, good, good.")
    apart, _ = mixed(*texts)
    over, rows = mixed(*texts, overlaps=1.0)
    assert apart.turn_taking.both_share == 0
    both = (np.abs(over.tracks) > 0.01).all(axis=1)
    asked = -float(rows["gap_s"].sum())
    assert 0.3 * asked < both.sum() / RATE < asked  # of two humming at once, not every sample is loud in both
    assert over.turn_taking.both_share == pytest.approx(asked / over.duration_s, abs=0.02)
    assert (apart.turn_taking.overlap_share, over.turn_taking.overlap_share) == (0, 1)


def test_a_back_channel_is_heard_beside_the_turn_it_falls_into() -> None:
    made, _ = mixed("Well?", LONG["en"], "I see.", hums=1.0)
    (word,) = (t for t in made.turns if t["part"] == "back_channel")
    long = made.turns[1]
    assert long["start_s"] < word["start_s"] < word["end_s"] < long["end_s"]
    inside = made.tracks[round(word["start_s"] * RATE) : round(word["end_s"] * RATE)]
    assert (np.abs(inside).max(axis=0) > 0.01).all()
    assert made.turn_taking.back_channels == 1


def test_one_gain_keeps_the_mix_under_full_scale_and_is_stated() -> None:
    loud = dialogue([clip(0, 0, hum(100, 1, 0.9)), clip(1, 0.5, hum(100, 1, 0.9), gap_s=-0.5)])
    assert np.abs(loud.samples("mono")).max() == pytest.approx(0.99, abs=1e-3)
    assert loud.gain_db == pytest.approx(20 * np.log10(0.99 / 1.8), abs=0.02)
    assert np.abs(loud.tracks).max() == pytest.approx(0.9 * 0.99 / 1.8, abs=1e-3)


def test_the_figures_are_those_of_the_clips() -> None:
    tone = hum(200, 2.0)
    made = dialogue([
        clip(0, 0.0, tone), clip(1, 2.3, tone, gap_s=0.3), clip(2, 3.8, tone, gap_s=-0.5, floor="interruption"),
        clip(1, 3.0, hum(200, 0.5), part="back_channel", role="partner", gap_s=-1.3, floor="back_channel"),
        clip(3, 6.7, tone, gap_s=0.9),
    ])  # fmt: skip
    figures = made.turn_taking
    assert (figures.turns, figures.back_channels, figures.gap_median_s) == (4, 1, 0.6)
    assert (figures.overlap_share, figures.interruption_share) == (0.333, 0.333)
    assert figures.back_channels_per_minute == pytest.approx(60 / 8.7, abs=0.01)
    assert figures.persona_share == pytest.approx(4 / 8.7, abs=0.01)
    assert figures.partner_share == pytest.approx(4.5 / 8.7, abs=0.01)
    assert figures.both_share == pytest.approx(1.0 / 8.7, abs=0.01)
    assert dialogue([clip(0, 0, tone)]).turn_taking.gap_median_s is None


def test_dialogues_come_one_by_one_and_replies_of_pairs_are_no_part_of_them() -> None:
    both = [(of := scene(f"s{n}"), script(of, talk("One.", "Two."), probe_turn=0)) for n in range(3)]
    rows = performed(*both, pairs=[pair(both[1][1], turn(1, "Right."), turn(1, "Wrong."))]).rows
    assert rows.height == 8
    made = list(dialogues(rows.iter_rows(named=True)))
    assert [d.script_id for d in made] == [f"script of s{n}" for n in range(3)]
    assert [[t["text"] for t in d.turns] for d in made] == [["One.", "Two."]] * 3


def test_a_clip_of_another_rate_is_refused() -> None:
    with pytest.raises(Corrupt, match="has 16000 samples a second"):
        dialogue([clip(0, 0, hum(200, 1)) | {"audio": {"bytes": encode(hum(200, 1), 16_000)}}])


# The folder -------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Folder:
    """Two shards of dialogues, one of them of the split test."""
    folder = Folder(tmp_path / "run")
    folder.write_card({key: {} for key in CARD})
    for shard, split in (("g000-0000", "train"), ("g000-0001", "test")):
        both = [(of := scene(f"{split} {n}", split=split), script(of)) for n in range(2)]
        rows = performed(*both, overlaps=1.0).rows
        size, sha = write_table(folder.rows("clips", shard), CLIPS, rows)
        write_seal(folder.seal("clips", shard), Seal("clips", shard, "speak", "clips.v2", rows.height, size, sha,
                                                     rows.height, 0, None, "", "", {}))  # fmt: skip
    return folder


@pytest.mark.parametrize(("tracks", "channels"), [("mono", 1), ("two", 2)])
def test_dialogues_are_written_as_flac_with_an_index(run: Folder, tmp_path: Path, tracks: Any, channels: int) -> None:
    out = tmp_path / "out"
    assert export_dialogues(run, out, mix=dialogues, tracks=tracks).rows == {"train": 2, "test": 2}
    index = [json.loads(line) for line in (out / INDEX).read_text(encoding="utf-8").splitlines()]
    assert sorted(p.name for p in out.iterdir()) == sorted([INDEX, *(row["file_name"] for row in index)])
    for row in index:
        samples, rate = soundfile.read(out / row["file_name"], always_2d=True)
        assert (rate, samples.shape[1]) == (RATE, channels)
        assert samples.shape[0] / rate == pytest.approx(row["duration_s"], abs=1e-3)
        assert (row["split"], row["language"], row["gain_db"]) == (row["script_id"].split()[2], "en", 0)
        assert [t["text"] for t in row["turns"]] == ["Is it done yet, or not?", "Nearly; give me a day."]
        assert row["turns"][1]["start_s"] < row["turns"][0]["end_s"]
        assert row["turn_taking"]["overlap_share"] == 1


def test_a_split_may_be_written_alone_and_nothing_is_written_where_there_is_none(run: Folder, tmp_path: Path) -> None:
    assert export_dialogues(run, tmp_path / "a", mix=dialogues, split="test").rows == {"test": 2}
    with pytest.raises(Misuse, match="no dialogue of the split validation was spoken"):
        export_dialogues(run, tmp_path / "b", mix=dialogues, split="validation")
    with pytest.raises(Misuse, match="unknown split"):
        export_dialogues(run, tmp_path / "b", mix=dialogues, split="dev")
    with pytest.raises(RunMismatch):
        export_dialogues(Folder(tmp_path), tmp_path / "b", mix=dialogues)
    assert not (tmp_path / "b").exists()


def test_only_an_earlier_export_is_ever_replaced(run: Folder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dialogues(run, out, mix=dialogues, split="test")
    with pytest.raises(Misuse, match="is there already"):
        export_dialogues(run, out, mix=dialogues)
    assert export_dialogues(run, out, mix=dialogues, force=True).rows.total() == 4
    (out / INDEX).unlink()
    with pytest.raises(Misuse, match="is there already"):
        export_dialogues(run, out, mix=dialogues, force=True)


def test_a_folder_is_whole_or_not_there(run: Folder, tmp_path: Path) -> None:
    shard = run.rows("clips", "g000-0001")
    rows = pl.read_parquet(shard)
    broken = rows.with_columns(audio=pl.struct(bytes=pl.lit(b"no sound"), path=pl.lit("x")))
    write_table(shard, CLIPS, broken)
    with pytest.raises(Corrupt):
        export_dialogues(run, tmp_path / "out", mix=dialogues)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]
