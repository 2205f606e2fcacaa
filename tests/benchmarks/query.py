"""The questions of dataset/questions.toml over 10 million personas and a million utterances, by the clock.

    python tests/benchmarks/query.py [--personas 10_000_000] [--utterances 1_000_000]

The rows are random, in the columns, types, shards and files that a run has: personas over the bundled ontology in
shards of 250,000; clips, measures and checks of 100,000 a shard, with a few bytes of audio; scenes, candidates,
judgements and pairs as many as so many clips go with (8 clips a scene, 4 candidates, 2 looks at each); rejects. Each
question is asked three times of a new connection, as the command does; the time is all of it, the median is shown.
Peak memory is of the whole process. To reach: a second each.
"""

from __future__ import annotations

import argparse
import binascii
import resource
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

import persona_forge
from persona_forge.core import tables
from persona_forge.core.tables import CHECKS, CLIPS, MEASURES, SEEDS, Table, personas
from persona_forge.dataset.exports import SPLITS
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.seals import write_seal
from persona_forge.dataset.shards import sha256, write_table
from persona_forge.space.ontology import read_ontology

sys.path.insert(0, str(Path(__file__).parents[1] / "dataset"))
from hand_made import blank, run, sealed

ROOT = Path(__file__).parents[2]
QUESTIONS = tomllib.loads((ROOT / "persona_forge/dataset/questions.toml").read_text(encoding="utf-8"))["question"]
SEED, PERSONA, SCENE, REPLY, CLIP = range(1, 6)
MIXERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
SEEDS_MADE, PER_SHARD, CLIPS_PER_SHARD, PER_SCENE = 10_000, 250_000, 100_000, 8
LABELS = {
    "language": ("en", "zh"), "split": ("train", "train", "validation", "test"), "role": ("persona", "partner"),
    "want_emotion": ("neutral", "happy", "sad", "angry", "fearful", "surprised"), "made_engine": ("kokoro", "espeak"),
    "made_voice": tuple(f"voice {n}" for n in range(50)), "attack": tuple(f"attack {n}" for n in range(12)),
    "judged_by": ("code", "model"), "verdict": ("held", "broken", "unclear"), "kind": ("attack", "plain", "exit"),
    "wanted": ("keep", "break"), "origin": ("fill", "cover"),
}  # fmt: skip


def below(top: int, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng([top, n]).integers(0, top, n)


def raw(kind: int, which: Any) -> bytes:
    """16 bytes for each number, as well mixed as a hash."""
    lanes = [(np.asarray(which).astype(np.uint64) + np.uint64(kind << 40)) * np.uint64(k) for k in MIXERS]
    return np.stack(lanes, axis=1).astype(">u8").tobytes()


def ids(kind: int, which: Any) -> pl.Series:
    text = binascii.hexlify(raw(kind, which))
    offsets = np.arange(0, len(text) + 1, 32, dtype=np.int32)
    return pl.Series(pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text)))


def many(table: Table, count: int, **given: Any) -> pl.DataFrame:
    """So many rows: the columns that are given, labels drawn, and of all others the same blank value."""
    one = table.frame([blank(table)])
    drawn = {c: pl.Series(LABELS[c])[below(len(LABELS[c]), count)] for c in LABELS if c in table.names}
    every = {c: one[c].new_from_index(0, count) for c in table.names} | drawn | given
    return pl.DataFrame({c: pl.Series(c, every[c]).cast(one[c].dtype) for c in table.names})


def enum(codes: Any, values: Sequence[str]) -> pl.Series:
    return pl.Series(codes.astype(np.uint8 if len(values) < 256 else np.uint16)).cat.to(pl.Enum(values))


def seal(folder: Folder, table: Table, shard: str, frame: pl.DataFrame) -> None:
    write_table(folder.rows(table.name, shard), table, frame)
    sealed(folder, table, shard, frame.height)


def make(folder: Folder, rows: int, utterances: int) -> None:
    folder.ontology.write_text((ROOT / "seeds" / "traits.toml").read_text(encoding="utf-8"), encoding="utf-8")
    seal(folder, SEEDS, "g000", many(SEEDS, SEEDS_MADE, seed_id=ids(SEED, np.arange(SEEDS_MADE))))
    make_personas(folder, rows)
    for shard, first in enumerate(range(0, utterances, CLIPS_PER_SHARD)):
        make_dialogues(folder, f"g000-{shard:04d}", np.arange(first, min(first + CLIPS_PER_SHARD, utterances)), rows)
    rejects = many(tables.REJECTS, utterances // 50, stage=pl.Series(["speak", "judge"])[below(2, utterances // 50)])
    path = folder.rejects("speak", "g000-0000")
    write_table(path, tables.REJECTS, rejects)
    first = folder.seals("clips")[0]
    write_seal(folder.seal("clips", first.shard),
               replace(first, stage="speak", rejected=rejects.height, rejects_sha256=sha256(path)))  # fmt: skip


def make_personas(folder: Folder, rows: int) -> None:
    """As `expand` writes them: a seed's rows together, traits in dictionaries."""
    dims = {d.name: [v.name for v in d.values] for d in read_ontology(folder.ontology.read_text(), "").dimensions}
    table, seeds = personas(dims), ids(SEED, np.arange(SEEDS_MADE)).to_list()
    for shard, first in enumerate(range(0, rows, PER_SHARD)):
        which = np.arange(first, min(first + PER_SHARD, rows))
        labels = {"language": ("en", "zh"), "origin": LABELS["origin"], "split": SPLITS, **dims}
        drawn = {n: enum(below(len(v), which.size), v) for n, v in labels.items()}
        nth = enum(which * SEEDS_MADE // rows, seeds)
        of = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), which.size, [None, pa.py_buffer(raw(PERSONA, which))])
        frame = pl.DataFrame({"persona_id": pl.from_arrow(of.cast(pa.binary())), "seed_id": nth, **drawn})
        seal(folder, table, f"g000-{shard:04d}", frame)


def make_dialogues(folder: Folder, shard: str, clips: Any, rows: int) -> None:
    """A shard of clips, and what goes with it."""
    scenes = np.unique(clips // PER_SCENE)
    of = {"persona_id": ids(PERSONA, scenes * 97 % rows), "seed_id": ids(SEED, scenes * 97 % rows * SEEDS_MADE // rows)}
    depth = pl.Series(scenes % 6 * 4)
    seal(folder, tables.SCENES, shard, many(tables.SCENES, scenes.size, scene_id=ids(SCENE, scenes), depth=depth, **of))
    seal(folder, tables.PAIRS, shard, many(tables.PAIRS, scenes.size, scene_id=ids(SCENE, scenes), depth=depth,
                                    margin=below(100, scenes.size) / 100, **of))  # fmt: skip
    replies = np.arange(scenes[0] * 4, scenes[-1] * 4 + 4)
    seal(folder, tables.CANDIDATES, shard, many(tables.CANDIDATES, replies.size, candidate_id=ids(REPLY, replies),
                                         scene_id=ids(SCENE, replies // 4)))  # fmt: skip
    looks = np.repeat(replies, 2)
    seal(folder, tables.JUDGEMENTS, shard, many(tables.JUDGEMENTS, looks.size, candidate_id=ids(REPLY, looks)))
    mine = {n: v.gather(clips // PER_SCENE - scenes[0]) for n, v in of.items()}
    tags = [{"tag": t, "wanted": "slow", "obeyed": t != "sigh" or None, "by": "", "value": 1.0, "neutral": 1.0}
            for t in ("speed", "pitch", "volume", "sigh")]  # fmt: skip
    checked = pl.Series([tags], dtype=CHECKS.empty()["qc_obeyed"].dtype).new_from_index(0, clips.size)
    named = {"utterance_id": ids(CLIP, clips), "seed_id": mine["seed_id"]}
    seal(folder, CLIPS, shard, many(
        CLIPS, clips.size, scene_id=ids(SCENE, clips // PER_SCENE), text=pl.Series([f"turn {n}" for n in clips]),
        audio=pl.Series([{"bytes": b"fLaC", "path": "a.flac"}]).new_from_index(0, clips.size), **(named | mine)
    ))  # fmt: skip
    seal(folder, MEASURES, shard, many(MEASURES, clips.size, meas_duration_s=below(90, clips.size) / 10, **named))
    seal(folder, CHECKS, shard, many(CHECKS, clips.size, qc_error_rate=below(50, clips.size) / 100, qc_obeyed=checked,
                                     qc_pass=pl.Series(below(9, clips.size) > 0), **named))  # fmt: skip


def main(rows: int, utterances: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = run(Path(root) / "run")
        make(folder, rows, utterances)
        size = sum(p.stat().st_size for p in folder.root.rglob("*.parquet")) / 2**30
        print(f"{rows:,} personas, {utterances:,} utterances, {size:.1f} GiB")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for question in QUESTIONS:
            times, cpu = [], time.process_time()
            for _ in range(3):
                began = time.perf_counter()
                answer = persona_forge.query(folder, question["sql"])
                times.append(time.perf_counter() - began)
            cpu = (time.process_time() - cpu) / 3
            print(f"{median(times):6.2f} s {cpu:6.2f} CPU s {answer.num_rows:>6,} rows  {question['asks']}", flush=True)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"peak memory {peak / 2**20:.2f} GiB ({before / 2**20:.2f} GiB after making the rows)")


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--personas", type=int, default=10_000_000)
    words.add_argument("--utterances", type=int, default=1_000_000)
    asked = words.parse_args()
    main(asked.personas, asked.utterances)
