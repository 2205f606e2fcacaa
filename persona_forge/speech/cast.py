"""Who speaks with which voice: a persona's own is a function of the persona and of the voices there are.

Among the voices of the right language, gender and (where the engine has it) age group, a hash of the persona chooses;
so a persona sounds the same in every scene, and many personas are spread over all voices. The partner of a scene has
another voice than its persona, unless the engine has but one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from persona_forge.core.errors import EngineError
from persona_forge.core.ids import key64
from persona_forge.core.ports import Voice, VoiceCard
from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING
from persona_forge.text.minors import MINOR_AGES

AGE_GROUPS = {"child": "child", "teen": "teen", "young_adult": "young_adult", "adult": "young_adult",
              "middle_aged": "middle_aged", "senior": "elderly", "elderly": "elderly"}  # fmt: skip
"""From an age band of the trait space to an age group of a voice."""


def cast(
    made: pl.DataFrame, scripts: pl.LazyFrame, scenes: pl.LazyFrame, *, voice: Voice, count: int | None, per_shard: int
) -> Made:
    """Casts scenes that have a script and no voices yet, until `count` are cast; both languages in turn."""
    done = set(made["scene_id"])
    written = scripts.select("scene_id").collect()["scene_id"]
    ready = scenes.filter(pl.col("scene_id").is_in(written.implode())).collect()
    waiting = [s for s in _in_turn(ready.rows(named=True)) if s["scene_id"] not in done]
    room = len(waiting) if count is None else max(0, count - len(done))
    rows: list[dict[str, Any]] = []
    for n, scene in enumerate(waiting[:room]):
        ours = choose(voice, scene["language"], *wanted_voice(scene, "persona"), scene["persona_id"])
        theirs = choose(
            voice, scene["language"], *wanted_voice(scene, "partner"), scene["scene_id"], other_than=ours.name
        )
        rows += [
            {
                **{k: scene[k] for k in ("scene_id", "persona_id", "seed_id", "language")},
                "shard": f"{n // per_shard:04d}",
                "scripts_shard": scene["shard"],
                "role": role,
                "voice": chosen.name,
                "gender": chosen.gender,
                "age_group": chosen.age_group,
                "engine": voice.engine,
                "licence": chosen.licence,
            }
            for role, chosen in (("persona", ours), ("partner", theirs))
        ]
    return Made(CASTING.frame(rows), taken=len(waiting[:room]))


def _in_turn(scenes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Languages in turn, each in the order of the scenes."""
    queues = [[s for s in scenes if s["language"] == lang] for lang in sorted({s["language"] for s in scenes})]
    for n in range(max((len(q) for q in queues), default=0)):
        yield from (q[n] for q in queues if n < len(q))


def wanted_voice(scene: dict[str, Any], role: str) -> tuple[str | None, str | None]:
    """Gender and age group asked for; null where the scene leaves it open."""
    if role == "partner":
        return scene["partner"]["gender"], AGE_GROUPS[scene["partner"]["age_band"]]
    traits = {t["dimension"]: t["value"] for t in scene["traits"]}
    gender = traits.get("gender")
    return (gender if gender in ("female", "male") else None), traits.get("voice_age") or AGE_GROUPS.get(
        traits.get("age_band", "")
    )


def choose(
    voice: Voice, language: str, gender: str | None, age: str | None, who: str, *, other_than: str | None = None
) -> VoiceCard:
    """The voice of `who` among those that fit best; each wish is dropped in turn where no voice fulfils it.

    Nobody but a minor is given a minor's voice: invariant 8 holds for what is heard, too.
    """
    cards = voice.voices(language)
    if not cards:
        raise EngineError(f"the voice engine {voice.engine} has no voice for {language}",
                          todo="choose another with speech.engine, or seeds of another language")  # fmt: skip
    for wish in (
        [c for c in cards if age in MINOR_AGES or c.age_group not in MINOR_AGES],
        [c for c in cards if c.name != other_than],
        [c for c in cards if gender in (None, c.gender)],
        [c for c in cards if age in (None, c.age_group)],
    ):
        cards = tuple(c for c in cards if c in wish) or cards
    return min(cards, key=lambda c: key64("voice", who, c.name))
