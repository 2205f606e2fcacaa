"""What is heard on the clips of a shard: measures on the waveform, and the words as a recogniser hears them."""

from __future__ import annotations

from dataclasses import asdict

import polars as pl

from persona_forge.core.ports import Ear
from persona_forge.core.stage import Made
from persona_forge.core.tables import CHECKS, MEASURES
from persona_forge.speech.audio import decode
from persona_forge.speech.measure import measure
from persona_forge.text.words import error_rate


def measures(clips: pl.DataFrame) -> Made:
    rows = []
    for clip in clips.iter_rows(named=True):
        samples, rate = decode(clip["audio"]["bytes"])
        found = asdict(measure(samples, rate, clip["text"], clip["language"]))
        found["pauses"] = [{"start_s": a, "end_s": b} for a, b in found["pauses"]]
        rows.append({"utterance_id": clip["utterance_id"], "seed_id": clip["seed_id"],
                     **{f"meas_{k}": v for k, v in found.items()}})  # fmt: skip
    return Made(MEASURES.frame(rows), taken=clips.height)


def checks(clips: pl.DataFrame, *, ear: Ear, max_error_rate: float) -> Made:
    """A whisper is not judged by its words: recognisers were not made for it."""
    rows = []
    for clip in clips.iter_rows(named=True):
        heard = rate = passed = None
        if ear.honest and clip["want_volume"] != "whisper":
            samples, hz = decode(clip["audio"]["bytes"])
            heard = ear.hear(samples, hz, language=clip["language"])
            rate = error_rate(clip["text"], heard, clip["language"])
            passed = rate <= max_error_rate
        rows.append({
            "utterance_id": clip["utterance_id"], "seed_id": clip["seed_id"],
            "qc_asr_text": heard, "qc_error_rate": rate, "qc_asr": f"{ear.engine}/{ear.model}",
            "qc_pass": passed, "qc_reasons": ["words"] if passed is False else [],
        })  # fmt: skip
    return Made(CHECKS.frame(rows), taken=clips.height)
