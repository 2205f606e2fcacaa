"""Neutral sentences: of every voice as it is cast, once."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from persona_forge.core.errors import Permanent
from persona_forge.core.ports import Delivery, Spoken
from persona_forge.core.tables import BASELINES, CASTING
from persona_forge.engines.tone import Tone
from persona_forge.speech.baseline import baselines, pace

NONE = BASELINES.empty()


def cast(voice: str, language: str = "en", **effects: float) -> dict[str, Any]:
    plain = {"f0_scale": 1.0, "formant_scale": 1.0, "breathiness": 0.0, "tremor": 0.0}
    return {**dict.fromkeys(CASTING.names, "x"), "voice": voice, "language": language, **plain, **effects}


def casting(*rows: dict[str, Any]) -> pl.LazyFrame:
    return CASTING.frame(list(rows)).lazy()


def test_every_voice_as_it_is_cast_speaks_each_sentence_once() -> None:
    scenes = casting(cast("female0"), cast("female0"), cast("female0", f0_scale=1.1), cast("male1", "zh"))
    made = baselines(NONE, scenes, voice=Tone())
    BASELINES.conform(made.rows)
    assert (made.taken, made.used, made.rows.height) == (12, 12, 12)
    numbers = made.rows.group_by("voice", "language", "effects").agg(pl.col("sentence").sort())["sentence"]
    assert numbers.to_list() == [[0, 1, 2, 3]] * 3
    high = made.rows.group_by("effects").agg(pl.col("meas_f0_median_hz").filter(pl.col("voice") == "female0").mean())
    pitch = {json.loads(e)["f0_scale"]: hz for e, hz in high.iter_rows() if hz}
    assert pitch[1.1] / pitch[1.0] == pytest.approx(1.1, rel=0.01)


def test_only_what_is_missing_is_made() -> None:
    first = baselines(NONE, casting(cast("female0")), voice=Tone()).rows
    again = baselines(first, casting(cast("female0"), cast("male0")), voice=Tone())
    assert set(again.rows["voice"]) == {"male0"}
    assert baselines(first, casting(cast("female0")), voice=Tone()).taken == 0


class Mute(Tone):
    """A voice that has lost its voice."""

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        raise Permanent("nothing came")


def test_a_voice_that_cannot_be_heard_is_a_reject_and_not_the_end() -> None:
    made = baselines(NONE, casting(cast("female0")), voice=Mute())
    assert (made.taken, made.used, made.rows.height) == (4, 0, 0)
    assert {(r.seed_id, r.reason, r.detail) for r in made.rejects} == {(None, "unspeakable", "nothing came")}


def test_pace_allows_for_the_drawl_at_the_end() -> None:
    assert pace(5.0, "one two three four", "en") == pytest.approx(5.0 * 6.2 / 4)
    assert pace(5.0, "一二三四", "zh") == 5.0
