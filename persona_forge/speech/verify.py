"""What is heard on the clips of a shard: measures on the waveform, words, quality, and each tag that was wanted.

Every clip is measured, and its tags are judged. A recogniser and a predictor of quality cost more: they take a share of
the clips, drawn by the clip's own name. A whisper is not judged by its words, nor by its quality: neither was made for
it. The gates are words, mos, clipping and level: a clip fails if one is shut, passes if none is and its words were
heard, and else nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from persona_forge.core.ids import unit
from persona_forge.core.ports import Critic, Ear
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import CHECKS, MEASURES
from persona_forge.speech.audio import decode
from persona_forge.speech.baseline import effects
from persona_forge.speech.measure import measure
from persona_forge.speech.obeyed import verdicts
from persona_forge.text.words import error_rate

Row = Mapping[str, Any]

FULL_DBFS = -0.01
"""A peak from here on is the end of the scale: what lay beyond was cut off."""
LEVELS_LUFS = (-50.0, -6.0)
"""Between these a voice can be heard, and not only it."""


def measures(clips: pl.DataFrame) -> Made:
    rows = []
    for clip in clips.iter_rows(named=True):
        found = measure(*decode(clip["audio"]["bytes"]), clip["text"], clip["language"])
        rows.append({"utterance_id": clip["utterance_id"], "seed_id": clip["seed_id"], **found.row()})
    return Made(MEASURES.frame(rows), taken=clips.height)


def checks(
    clips: pl.DataFrame,
    measures: pl.DataFrame,
    baselines: pl.DataFrame,
    casting: pl.DataFrame,
    *,
    ear: Ear,
    critic: Critic | None,
    measured_share: float,
    max_error_rate: float,
    min_mos: float | None,
    failing: str,
) -> Made:
    """`failing` is keep or reject: what becomes of a clip that fails a gate."""
    measured = {row["utterance_id"]: row for row in measures.iter_rows(named=True)}
    casts = {(row["scene_id"], row["role"]): row for row in casting.iter_rows(named=True)}
    neutral: dict[tuple[str, str, str], list[Row]] = {}
    for row in baselines.iter_rows(named=True):
        neutral.setdefault((row["voice"], row["language"], row["effects"]), []).append(row)
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for clip in clips.iter_rows(named=True):
        found, cast = measured[clip["utterance_id"]], casts[clip["scene_id"], clip["role"]]
        heard = _heard(clip, ear, critic) if unit("heard", clip["utterance_id"]) < measured_share else NOT_HEARD
        reasons = _reasons(found, heard, max_error_rate, min_mos)
        usual = neutral.get((cast["voice"], clip["language"], effects(cast)), [])
        row = {
            "utterance_id": clip["utterance_id"], "seed_id": clip["seed_id"], **heard,
            "qc_asr": f"{ear.engine}/{ear.model}", "qc_obeyed": verdicts(clip, found, usual, cast),
            "qc_pass": False if reasons else None if heard["qc_error_rate"] is None else True,
            "qc_reasons": list(reasons),
        }  # fmt: skip
        if reasons and failing == "reject":
            detail = "; ".join(reasons.values())
            rejects.append(Reject(clip["utterance_id"], clip["seed_id"], "qc", detail, heard["qc_asr_text"]))
        else:
            rows.append(row)
    return Made(CHECKS.frame(rows), taken=clips.height, rejects=tuple(rejects))


NOT_HEARD: Mapping[str, Any] = dict.fromkeys(("qc_asr_text", "qc_error_rate", "qc_mos", "qc_mos_model"))


def _heard(clip: Row, ear: Ear, critic: Critic | None) -> dict[str, Any]:
    """Its words and its quality, as far as it is fair to ask; a back-channel has sounds for words, and where
    nobody listens (a dry run) nothing is scored."""
    if not ear.honest or clip["want_volume"] == "whisper" or clip["part"] == "back_channel":
        return dict(NOT_HEARD)
    samples, hz = decode(clip["audio"]["bytes"])
    text = ear.hear(samples, hz, language=clip["language"])
    score = critic.score(samples, hz) if critic else None
    return {
        "qc_asr_text": text,
        "qc_error_rate": error_rate(clip["text"], text, clip["language"]),
        "qc_mos": score,
        "qc_mos_model": None if score is None or critic is None else critic.model,
    }


def _reasons(found: Row, heard: Row, max_error_rate: float, min_mos: float | None) -> dict[str, str]:
    """The gates that are shut, and why."""
    reasons = {}
    error, score, peak, level = heard["qc_error_rate"], heard["qc_mos"], found["meas_peak_dbfs"], found["meas_lufs"]
    if error is not None and error > max_error_rate:
        reasons["words"] = f"the error rate of its words is {error:.2f}, more than {max_error_rate:g}"
    if score is not None and min_mos is not None and score < min_mos:
        reasons["mos"] = f"its predicted opinion score is {score:.2f}, less than {min_mos:g}"
    if peak is not None and peak >= FULL_DBFS:
        reasons["clipping"] = "its peak is at full scale"
    if level is not None and not LEVELS_LUFS[0] <= level <= LEVELS_LUFS[1]:
        reasons["level"] = f"its loudness is {level:.1f} LUFS, outside of {LEVELS_LUFS[0]:g} to {LEVELS_LUFS[1]:g}"
    return reasons
