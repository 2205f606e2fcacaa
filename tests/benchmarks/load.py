"""Rows of spoken clips a CPU second, raw and decoded: persona_forge.load beside datasets, polars and pyarrow.

    python tests/benchmarks/load.py [--clips 2000] [--rounds 5]

Clips are spoken by espeak, English and Mandarin in turn, and written by the project's own writer, four shards; every
reader gives every column of every row as a Python dictionary. Raw is FLAC bytes; decoded is a float32 array: ours by
miniaudio, all others by soundfile, and ours by soundfile too. (The decoder that comes with datasets, torchcodec, is
slower than soundfile by a factor of 4 and is not tried.) "datasets, cached" reads the Arrow copy that datasets makes of
the files, and making it is not counted; "streaming" reads the files.
CPU seconds are of the process and all its threads; every round goes through all readers in turn, after one round that
is not counted; figures are medians, ratios are of persona_forge to the best of datasets. To reach: above 1 in both.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl
import pyarrow.dataset as ds
import soundfile

import persona_forge
from persona_forge.core.ports import Delivery
from persona_forge.core.tables import CLIPS
from persona_forge.dataset.folder import Folder
from persona_forge.engines.espeak import Espeak
from persona_forge.speech.audio import encode

sys.path.insert(0, str(Path(__file__).parents[1] / "dataset"))
from hand_made import clip, put, run

SHARDS = 4
SAID = {
    "en": "He'll be in at six, he'll be rude by ten past, and so will I.",
    "zh": "他六点来，六点十分就要骂人。",
}


def make(folder: Folder, clips: int) -> float:
    """Clips of speech; their mean length in seconds."""
    voice, lengths = Espeak(), []
    for shard in range(SHARDS):
        rows = []
        for nth in range(shard, clips, SHARDS):
            language = ("en", "zh")[nth % 2]
            names = [card.name for card in voice.voices(language)]
            spoken = voice.speak(SAID[language], voice=names[nth // 2 % len(names)], language=language,
                                 delivery=Delivery(rate=0.8 + nth % 50 / 100))  # fmt: skip
            rows.append(clip(nth, encode(spoken.samples, spoken.rate)) | {
                "text": SAID[language], "want_instruction": "Softly, as if to a child.",
                "want_events": [{"type": "sigh", "char_pos": 3}], "made_parameters": '{"rate": 1}', "made_events": [],
            })  # fmt: skip
            lengths.append(spoken.samples.size / spoken.rate)
        put(folder, CLIPS, f"g000-{shard:04d}", rows)
    return sum(lengths) / len(lengths)


def readers(folder: Folder, cache: str) -> dict[str, Callable[[], Iterable[dict[str, Any]]]]:
    """How each gives raw rows."""
    import datasets

    files = [str(folder.rows("clips", name)) for name in folder.names("clips")]
    datasets.disable_progress_bars()
    raw = datasets.Audio(decode=False)
    streaming = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
    cached = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    return {
        "persona_forge": lambda: persona_forge.load(folder, "clips"),
        "persona_forge, shuffled": lambda: persona_forge.load(folder, "clips", shuffle=1),
        "datasets, streaming": lambda: streaming.cast_column("audio", raw),
        "datasets, streaming, shuffled": lambda: streaming.cast_column("audio", raw).shuffle(1, buffer_size=1000),
        "datasets, cached": lambda: cached.cast_column("audio", raw),
        "datasets, cached, shuffled": lambda: cached.cast_column("audio", raw).shuffle(1),
        "polars": lambda: (row for f in files for row in pl.read_parquet(f).iter_rows(named=True)),
        "pyarrow": lambda: (row for b in ds.dataset(files).to_batches(batch_size=256) for row in b.to_pylist()),
    }


def decoding(read: Callable[[], Iterable[dict[str, Any]]]) -> Callable[[], Iterable[dict[str, Any]]]:
    """The same rows with their audio decoded by soundfile."""

    def rows() -> Iterable[dict[str, Any]]:
        for row in read():
            yield row | {"audio": soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")}

    return rows


def rate(read: Callable[[], Iterable[dict[str, Any]]], rows: int) -> float:
    began = time.process_time()
    assert sum(1 for _ in read()) == rows
    return rows / (time.process_time() - began)


def table(title: str, found: dict[str, list[float]]) -> None:
    best = max(median(rates) for name, rates in found.items() if name.startswith("datasets"))
    print(f"\n{title:<32} rows/CPU s  to the best of datasets")
    for name, rates in found.items():
        print(f"{name:<32} {median(rates):>10,.0f}  {median(rates) / best:>6.2f}")


def main(clips: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        folder = run(Path(root) / "run")
        seconds = make(folder, clips)
        size = sum(folder.rows("clips", n).stat().st_size for n in folder.names("clips"))
        print(f"{clips:,} clips of {seconds:.2f} s, {size / clips / 1000:.0f} kB each, {SHARDS} shards")
        raw = readers(folder, root)
        heard = {name: decoding(raw[name]) for name in ("datasets, streaming", "datasets, cached", "polars", "pyarrow")}
        ours = {
            "persona_forge": lambda: persona_forge.load(folder, "clips", decode=True),
            "persona_forge, by soundfile": decoding(raw["persona_forge"]),
        }
        for title, asked in (("raw", raw), ("decoded", ours | heard)):
            found: dict[str, list[float]] = {name: [] for name in asked}
            for turn in range(rounds + 1):
                for name, read in asked.items():
                    figure = rate(read, clips)
                    if turn:
                        found[name].append(figure)
            table(title, found)


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--clips", type=int, default=2000)
    words.add_argument("--rounds", type=int, default=5)
    asked = words.parse_args()
    main(asked.clips, asked.rounds)
