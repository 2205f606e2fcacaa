"""What listeners would give a clip, 1 to 5, as DNSMOS P.835 predicts it (Reddy et al. 2022, ICASSP; overall quality).

The network and its weights are those of the package speechmos (MIT, Microsoft), read as a file: its own code wants
librosa for a second network that is not used here. A clip shorter than the 9 s it was trained on is repeated, a longer
one heard at every second, as speechmos does. About 0.05 CPU seconds a clip of 9 s or less. It was made for voices with
noise in them: it is not fair to a whisper (1.1 to 1.7 for a clean one), nor to a clip under a second.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from persona_forge.core.ports import Samples
from persona_forge.engines.waveform import resampled

RATE, WINDOW_S, SHORTEST_S = 16_000, 9.01, 1.0
OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""The polynomial from the network's third output to a score, as speechmos has it."""


def installed() -> bool:
    return find_spec("speechmos") is not None and find_spec("onnxruntime") is not None


class DnsMos:
    """Loads on the first clip."""

    model = "dnsmos-p835"

    def score(self, samples: Samples, rate: int) -> float | None:
        """None for a clip under a second."""
        if samples.size < SHORTEST_S * rate:
            return None
        heard = resampled(samples, rate, RATE).clip(-1, 1)
        window = int(WINDOW_S * RATE)
        if heard.size < window:
            heard = np.resize(heard, window)
        starts = np.linspace(0, heard.size - window, -(-heard.size // window)).astype(int)
        raw = [_network().run(None, {"input_1": heard[None, at : at + window]})[0][0][2] for at in starts]
        return float(np.mean([np.polyval(OVERALL, value) for value in raw]))


@functools.cache
def _network() -> Any:
    import onnxruntime

    spec = find_spec("speechmos")
    assert spec is not None
    assert spec.origin is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = Path(spec.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
