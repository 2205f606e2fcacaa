"""Samples as FLAC bytes and back, and where in them somebody speaks.

FLAC is 16 bit, mono: what a synthesiser gives holds no more. Activity is level alone: a frame of 20 ms speaks if it is
less than 35 dB under the clip's own loud frames. That suits clean speech, which is what engines give; it leaves out
noise, for which it would have to be taught.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import Corrupt, Permanent
from persona_forge.core.ports import Samples

FRAME_S, HOP_S = 0.02, 0.005
UNDER_DB = 35.0
SILENT_DBFS = -70.0
"""A clip whose loud frames are under this is silent as a whole."""
PAUSE_S = 0.2
"""Shorter silences belong to speech: the closures of stops are silent too."""


def encode(samples: Samples, rate: int) -> bytes:
    """FLAC. Raises Permanent for samples that are empty, no numbers or past full scale: they would be written wrong."""
    import soundfile

    if not samples.size or not np.isfinite(samples).all() or np.abs(samples).max() > 1:
        raise Permanent("these samples cannot be written as FLAC", allowed="one or more numbers from -1 to 1")
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def decode(data: bytes) -> tuple[Samples, int]:
    """Samples and rate of any format that libsndfile knows; channels are averaged. Raises Corrupt."""
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Corrupt(f"these bytes are no audio: {error}") from error
    return np.asarray(samples.mean(axis=1), np.float32), int(rate)


def levels(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """Level in dBFS of the frames whose middles are 0, 5, 10 … ms; -140 is silence."""
    frame, count = round(FRAME_S * rate), int(samples.size / rate / HOP_S) + 1
    half = frame // 2
    power = np.concatenate(([0.0], np.cumsum(np.square(np.pad(samples.astype(np.float64), (half, frame))))))
    starts = np.round(np.arange(count) * HOP_S * rate).astype(np.int64)
    return np.asarray(10 * np.log10(np.maximum((power[starts + frame] - power[starts]) / frame, 1e-14)))


def activity(samples: Samples, rate: int) -> npt.NDArray[np.bool_]:
    """Whether somebody speaks at each of these frames."""
    level = levels(samples, rate)
    loud = float(np.percentile(level, 95))
    return np.asarray((level > loud - UNDER_DB) & (loud > SILENT_DBFS))


def pauses(active: npt.NDArray[np.bool_], shortest_s: float = PAUSE_S) -> list[tuple[float, float]]:
    """Start and end in seconds of the silences between the first and the last sound."""
    spoken = np.flatnonzero(active)
    gaps = np.flatnonzero(np.diff(spoken) > 1)
    found = [(spoken[i] * HOP_S, spoken[i + 1] * HOP_S) for i in gaps]
    return [(round(float(a), 3), round(float(b), 3)) for a, b in found if b - a >= shortest_s]
