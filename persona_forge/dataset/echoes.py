"""Clips of two splits with the same samples, or nearly: a copy under another id, louder, noisier or written anew.

FLAC states the number of its samples and their MD5 in its first bytes, so the same samples are found without decoding.
For what is nearly the same each clip has a print of 512 bits: its power in 17 bands at 33 places between its first and
its last sound, and of each two neighbours in both the sign of the difference of differences (Haitsma and Kalker 2002,
over the whole clip). Two clips that are about as long and differ in fewer than a quarter of the bits are one: measured
on speech, noise 30 dB under it, a shift or another rate turn up to a quarter, and other words two fifths to a half.

What is not in train is held in blocks, and everything is led past it. Left out: a part of a clip within another, and
the same words said again.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import Corrupt
from persona_forge.dataset.folder import Folder

BLOCK = 200_000
"""Clips held at a time: 100 bytes each."""
FRAME_S = 512 / 24_000
BANDS, PLACES = 17, 33
LOW_HZ, HIGH_HZ = 150.0, 6000.0
UNDER_DB = 40.0
"""A clip begins and ends with what is less than this under its loudest frame."""
AS_LONG = 0.05
DIFFERENT = 0.25
SHORTEST_S = 0.4
"""A shorter clip has no print: too few frames."""
SPLITS = ("test", "validation", "train")

Print = npt.NDArray[np.uint64]
Echo = tuple[str, str, tuple[str, str], str]
"""Two ids, the first not of train; their splits; and how alike they are."""


class _Clip(NamedTuple):
    id: str
    split: int
    md5: bytes
    seconds: float
    print: Print | None


def echoes(folder: Folder, fakes: Collection[str]) -> Iterator[Echo]:
    """Clips of the engines `fakes` are left out. Without soundfile, which decodes, the same samples alone are found."""
    held: list[_Clip] = []
    for clip in _clips(folder, fakes, {"test", "validation"}):
        held.append(clip)
        if len(held) == BLOCK:
            yield from _among(folder, fakes, held)
            held = []
    if held:
        yield from _among(folder, fakes, held)


def _among(folder: Folder, fakes: Collection[str], held: Sequence[_Clip]) -> Iterator[Echo]:
    same: dict[bytes, list[int]] = {}
    for n, clip in enumerate(held):
        same.setdefault(clip.md5, []).append(n)
    order = sorted((n for n, clip in enumerate(held) if clip.print is not None), key=lambda n: held[n].seconds)
    seconds = np.array([held[n].seconds for n in order])
    prints = np.array([held[n].print for n in order], np.uint64).reshape(-1, 8)
    for clip in _clips(folder, fakes, set(SPLITS)):
        found = dict.fromkeys(same.get(clip.md5, ()), "the same samples")
        if clip.print is not None:
            first, stop = np.searchsorted(seconds, [clip.seconds * (1 - AS_LONG), clip.seconds * (1 + AS_LONG)])
            apart = np.bitwise_count(prints[first:stop] ^ clip.print).sum(axis=1) / 512
            for at in np.flatnonzero(apart < DIFFERENT):
                found.setdefault(order[first + at], f"{apart[at]:.0%} of their prints differ")
        for n, detail in sorted(found.items()):
            if held[n].split < clip.split:
                yield held[n].id, clip.id, (SPLITS[held[n].split], SPLITS[clip.split]), detail


def _clips(folder: Folder, fakes: Collection[str], splits: Collection[str]) -> Iterator[_Clip]:
    decodes = find_spec("soundfile") is not None
    for shard in folder.names("clips"):
        with folder.open("clips", shard) as file:
            for batch in file.iter_batches(64, columns=["utterance_id", "split", "made_engine", "audio"]):
                for row in batch.to_pylist():
                    if row["split"] in splits and row["made_engine"] not in fakes:
                        yield _clip(row, decodes)


def _clip(row: dict[str, Any], decodes: bool) -> _Clip:
    data = row["audio"]["bytes"]
    rate, samples, md5 = stated(data)
    drawn = None
    if decodes and samples >= SHORTEST_S * rate:
        import soundfile

        try:
            drawn = print_of(*soundfile.read(io.BytesIO(data), dtype="float32"))
        except soundfile.LibsndfileError as error:
            raise Corrupt(f"the clip {row['utterance_id']} cannot be decoded: {error}") from error
    return _Clip(row["utterance_id"], SPLITS.index(row["split"]), md5, samples / rate, drawn)


def stated(flac: bytes) -> tuple[int, int, bytes]:
    """Rate, number of samples and their MD5, as the STREAMINFO block says, which comes first."""
    packed = int.from_bytes(flac[18:26], "big")
    return packed >> 44, packed & ((1 << 36) - 1), flac[26:42]


def print_of(samples: npt.NDArray[np.float32], rate: int) -> Print | None:
    """512 bits as eight words; None for silence, and for what is over too soon."""
    frame = round(FRAME_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(samples, frame)[:: frame // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(frame).astype(np.float32))) ** 2
    total = power.sum(axis=1)
    sounding = np.flatnonzero(total > total.max() * 10 ** (-UNDER_DB / 10))
    if not sounding.size or (stop := sounding[-1] + 1) - sounding[0] < PLACES:
        return None
    edges = np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1) * FRAME_S
    bands = np.add.reduceat(power[sounding[0] : stop], np.unique(edges.round().astype(int)), axis=1)[:, :-1]
    starts = np.linspace(0, len(bands), PLACES, endpoint=False).astype(int)
    levels = np.log(np.add.reduceat(bands, starts, axis=0) + 1e-12)
    bits = np.diff(np.diff(levels, axis=1), axis=0) > 0
    return np.packbits(bits).view(np.uint64)
