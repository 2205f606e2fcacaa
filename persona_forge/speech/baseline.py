"""What every cast voice sounds like when nothing is asked of it: fixed sentences, performed plainly, and measured.

Four sentences a language. Of 24 spoken by two of Kokoro's voices each they are those whose pace, pitch and level lie
nearest to the middle, so that the words bring no bias: within 3 % of pace, 0.2 semitones and 0.2 dB on the mean. One
sentence of eight syllables or more lies off that middle by 10 % of pace (zh 7 %), 0.8 semitones (zh 0.65) and 0.5 dB,
most of it the words'; the mean of four adds 12 % to that noise where six would add 8 %, for half as much engine time
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from persona_forge.core.errors import Permanent, StorageError, Transient, WeightsError
from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Voice
from persona_forge.core.stage import Made, Reject
from persona_forge.core.tables import BASELINES
from persona_forge.speech.measure import count, measure
from persona_forge.speech.perform import PLAIN, perform, together

SENTENCES = {
    "en": (
        "The doctor said there was nothing to worry about.",
        "Could you check my order again, please?",
        "Put the box on the table, next to the blue lamp.",
        "Everybody laughed, but nobody knew why.",
    ),
    "zh": (
        "真没想到他们把老图书馆关了。",
        "我需要一点时间想想你说的话。",
        "请帮我再查一下订单，好吗？",
        "我哥哥在车站旁边的小店里修自行车。",
    ),
}
EFFECTS = ("f0_scale", "formant_scale", "breathiness", "tremor")
"""Columns of casting."""
ENDING = {"en": 2.2, "zh": 0.0}
"""So many units longer than it counts an utterance lasts: the drawl at its end, least squares over those sentences."""


def effects(cast: Mapping[str, Any]) -> str:
    """What a row of casting does to its voice, as `baselines` names it."""
    return canonical({name: cast[name] for name in EFFECTS})


def pace(rate: float, text: str, language: str) -> float:
    """A rate that does not depend on how long the text is."""
    units = count(text, language)
    return rate * (units + ENDING[language]) / max(units, 1)


def baselines(made: pl.DataFrame, casting: pl.LazyFrame, *, voice: Voice) -> Made:
    """Of every voice as it is cast, in each of its languages, what `made` does not hold yet."""
    done = set(made.select("voice", "language", "effects", "sentence").iter_rows())
    casts = casting.select("voice", "language", *EFFECTS).unique().sort("language", "voice", *EFFECTS).collect()
    wanted = [(cast, n) for cast in casts.iter_rows(named=True) for n in range(len(SENTENCES[cast["language"]]))]
    todo = [(cast, n) for cast, n in wanted if (cast["voice"], cast["language"], effects(cast), n) not in done]
    found = together(voice, lambda one: _spoken(*one, voice), todo)
    rejects = tuple(one for one in found if isinstance(one, Reject))
    return Made(BASELINES.frame([one for one in found if not isinstance(one, Reject)]), len(found), rejects)


def _spoken(cast: dict[str, Any], number: int, voice: Voice) -> dict[str, Any] | Reject:
    """One sentence as a row."""
    language = cast["language"]
    sentence = SENTENCES[language][number]
    named = {"voice": cast["voice"], "language": language, "effects": effects(cast), "sentence": number}
    try:
        spoken = perform(sentence, PLAIN, instruction="", voice=voice, cast=cast, language=language)
    except (StorageError, WeightsError):
        raise
    except (Permanent, Transient) as error:
        row_id = digest("baseline", *map(str, named.values()))
        return Reject(row_id, None, "unspeakable", error.what, sentence)
    found = measure(spoken.samples, spoken.rate, sentence, language)
    return {**named, "engine": voice.engine, **found.row()}
