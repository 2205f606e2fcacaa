"""Which few of the millions are worth a call, and in what scene.

Languages take turns. Within a language the seeds are gone through in an order of their own (a hash), round after round;
round r takes the seed's r-th persona by id, and ids are random, so no trait is favoured. Each factor is dealt from a
deck that is shuffled anew whenever it is used up: over any run of scenes its values come equally often, give or take
one. All of it is keyed by content, so that scene number i is the same however many are asked for.

A minor, by trait or by prose, is given no intimate relationship and meets no abuse (see text.minors).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from persona_forge.core.ids import digest, key64, unit
from persona_forge.core.stage import Made
from persona_forge.core.tables import SCENES
from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST
from persona_forge.dialogues.factors import factors
from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES, mentions_minor

PARTNER_AGES = ("teen", "young_adult", "adult", "middle_aged", "senior")
GENDERS = ("female", "male")
LAST_ATTACK_TURN = 2
"""An attack begins at least so many turns before the end, so that there is an answer to it."""


def scenes(
    made: pl.DataFrame,
    personas: pl.LazyFrame,
    seeds: pl.LazyFrame,
    *,
    key: str,
    count: int,
    per_shard: int,
    turns: int,
    attack_share: float,
) -> Made:
    """The scenes from number len(made) on, up to `count`."""
    languages = personas.select("language").unique().collect()["language"].cast(pl.String).sort().to_list()
    numbers = range(made.height, count if languages else 0)
    slots = [(n, languages[n % len(languages)], n // len(languages)) for n in numbers]
    chosen = _personas(personas, key, slots)
    prose = dict(seeds.select("seed_id", "prose").filter(pl.col("seed_id").is_in([p["seed_id"] for p in chosen]))
                 .collect().iter_rows())  # fmt: skip
    rows = [
        _scene(persona, prose[persona["seed_id"]], _Deck(key, language, place), turns, attack_share)
        | {"shard": f"{(n - made.height) // per_shard:04d}"}
        for persona, (n, language, place) in zip(chosen, slots, strict=False)
    ]
    return Made(SCENES.frame(rows), taken=len(rows))


def _personas(personas: pl.LazyFrame, key: str, slots: list[tuple[int, str, int]]) -> list[dict[str, Any]]:
    """One persona for each slot (number, language, place within the language)."""
    seeds = personas.select(pl.col("seed_id", "language").cast(pl.String)).unique().collect()
    picks: list[tuple[str, int]] = []
    for _, language, place in slots:
        ring = sorted(seeds.filter(language=language)["seed_id"], key=lambda s: key64(key, "scene order", s))
        picks.append((ring[place % len(ring)], place // len(ring)))
    rounds = max((r for _, r in picks), default=0) + 1
    wanted = {s for s, _ in picks}
    near = (
        personas.with_columns(pl.col("seed_id", "language", "split").cast(pl.String))
        .filter(pl.col("seed_id").is_in(wanted))
        .group_by("seed_id")
        .agg(pl.all().sort_by("persona_id").head(rounds))
        .collect()
    )
    by_seed = {row["seed_id"]: row for row in near.iter_rows(named=True)}
    chosen = []
    for seed_id, nth in picks:
        columns = by_seed[seed_id]
        nth %= len(columns["persona_id"])
        chosen.append({k: v[nth] if isinstance(v, list) else v for k, v in columns.items()})
    return chosen


class _Deck:
    """Deals the values of each factor evenly over the places of one language."""

    def __init__(self, key: str, language: str, place: int) -> None:
        self.key, self.language, self.place = key, language, place

    def deal(self, factor: str, values: Sequence[str]) -> str:
        cycle, nth = divmod(self.place, len(values))
        return sorted(values, key=lambda v: key64(self.key, self.language, factor, str(cycle), v))[nth]

    def share(self, what: str, share: float) -> bool:
        """True for this share of the places: exactly, over any run of them, give or take one."""
        start = unit(self.key, self.language, what)
        return int(start + (self.place + 1) * share) > int(start + self.place * share)


def _scene(persona: dict[str, Any], prose: str, deck: _Deck, turns: int, attack_share: float) -> dict[str, Any]:
    fixed = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}
    traits = {k: v for k, v in persona.items() if k not in fixed and v is not None}
    partner_age = deck.deal("partner age", PARTNER_AGES)
    minor = traits.get("age_band") in MINOR_AGES or mentions_minor(prose) or partner_age in MINOR_AGES
    factor = factors()
    relationships = [r for r in factor["relationship"] if not (minor and r in INTIMATE)]
    attacks = [a for a in factor["attack"] if not (minor and a in ABUSIVE)]
    attack = deck.deal("attack", attacks) if deck.share("attacked", attack_share) else None
    mood = deck.deal("delivery", tuple(factor["delivery"]))
    scene = {
        "persona_id": persona["persona_id"].hex(),
        "seed_id": persona["seed_id"],
        "language": persona["language"],
        "split": persona["split"],
        "traits": [{"dimension": k, "value": v} for k, v in sorted(traits.items())],
        "domain": deck.deal("domain", tuple(factor["domain"])),
        "relationship": deck.deal("relationship", relationships),
        "tone": deck.deal("tone", tuple(factor["tone"])),
        "attack": attack,
        "exit": None,
        "depth": min(2 * (turns // 4), turns - LAST_ATTACK_TURN) if attack else 0,
        "turns": turns,
        "partner": {"age_band": partner_age, "gender": deck.deal("partner gender", GENDERS),
                    "mood": factor["delivery"][mood]["emotion"], "delivery": mood},
        "twin_id": None,
        "contrast_id": None,
    }  # fmt: skip
    probe = digest("probe", scene["persona_id"], attack or "", scene["domain"], scene["relationship"], scene["tone"])
    return scene | {"probe_id": probe, "scene_id": digest("scene", probe, str(scene["depth"]), str(turns), partner_age,
                                                          scene["partner"]["gender"], mood, str(deck.place))}  # fmt: skip
