"""Which few of the millions are worth a call, and in what scene.

The language with the fewest scenes so far is next. Within a language the seeds are gone through in an order of their
own (a hash), round after round; round r takes the seed's r-th persona by id, and ids are random, so no trait is
favoured. Each factor is dealt from a deck that is shuffled anew whenever it is used up: among the first n scenes its
values come equally often, give or take one, for any n. All is keyed by content, so that scene number i is the same
however many are asked for.

A minor, by trait, prose or voice, is given no intimate relationship and meets no abuse (see text.minors): a card that
may not be dealt is replaced by one that may, and the deck goes on as if it had been.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
Slot = tuple[str, int]
"""A language, and the place of a scene among those of that language."""


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
    languages = personas.select(pl.col("language").cast(pl.String)).unique().collect()["language"]
    done = {language: made.filter(language=language).height for language in sorted(languages)}
    slots = _slots(done, count - made.height)
    chosen = _personas(personas, key, slots)
    texts = pl.concat_str("prose", "style", "voice", separator="\n")
    wanted = pl.col("seed_id").is_in([p["seed_id"] for p in chosen])
    prose = dict(seeds.filter(wanted).select("seed_id", texts).collect().iter_rows())
    rows = [
        _scene(persona, prose[persona["seed_id"]], _Deck(key, *slot), turns, attack_share)
        | {"shard": f"{n // per_shard:04d}"}
        for n, (persona, slot) in enumerate(zip(chosen, slots, strict=True))
    ]
    frame = SCENES.frame(rows)
    return Made(frame, taken=len({*frame["persona_id"]} - {*made["persona_id"]}))


def _slots(done: Mapping[str, int], count: int) -> list[Slot]:
    """The next so many slots, given how many scenes each language has."""
    next_place, slots = dict(done), []
    for _ in range(count if done else 0):
        language = min(next_place, key=lambda name: (next_place[name], name))
        slots.append((language, next_place[language]))
        next_place[language] += 1
    return slots


def _personas(personas: pl.LazyFrame, key: str, slots: list[Slot]) -> list[dict[str, Any]]:
    """One persona for each slot."""
    seeds = personas.select(pl.col("seed_id", "language").cast(pl.String)).unique().collect()
    rings = {
        language: sorted(seeds.filter(language=language)["seed_id"], key=lambda s: key64(key, "scene order", s))
        for language in {language for language, _ in slots}
    }
    picks = [
        (rings[language][place % len(rings[language])], place // len(rings[language])) for language, place in slots
    ]
    rounds = max((r for _, r in picks), default=0) + 1
    first = dict(
        personas.select(pl.col("seed_id").cast(pl.String), "persona_id")
        .filter(pl.col("seed_id").is_in({s for s, _ in picks}))
        .group_by("seed_id")
        .agg(pl.col("persona_id").sort().head(rounds))
        .collect()
        .iter_rows()
    )
    ids = [first[seed_id][nth % len(first[seed_id])] for seed_id, nth in picks]
    text = pl.col("seed_id", "language", "split").cast(pl.String)
    rows = personas.filter(pl.col("persona_id").is_in(ids)).with_columns(text).collect()
    by_id = {row["persona_id"]: row for row in rows.iter_rows(named=True)}
    return [by_id[i] for i in ids]


class _Deck:
    """Deals the values of each factor evenly over the places of one language."""

    def __init__(self, key: str, language: str, place: int) -> None:
        self.key, self.language, self.place = key, language, place

    def deal(
        self, factor: str, values: Collection[str], *, place: int | None = None, never: Collection[str] = ()
    ) -> str:
        """The card at this place (or at another place); one of `never` is replaced by a card that is not."""
        cycle, nth = divmod(self.place if place is None else place, len(values))
        card = self._shuffled(factor, values, str(cycle))[nth]
        if card not in never:
            return card
        return self._shuffled(factor, [v for v in values if v not in never], "instead", str(self.place))[0]

    def _shuffled(self, factor: str, values: Collection[str], *when: str) -> Sequence[str]:
        return sorted(values, key=lambda v: key64(self.key, self.language, factor, *when, v))

    def among(self, what: str, share: float) -> int | None:
        """None, or for this share of the places their number among the chosen: exactly, give or take one."""
        start = unit(self.key, self.language, what)
        before = int(start + self.place * share)
        return before if int(start + (self.place + 1) * share) > before else None


def _is_minor(traits: Mapping[str, str], prose: str) -> bool:
    return bool(MINOR_AGES & {traits.get("age_band"), traits.get("voice_age")}) or mentions_minor(prose)


def _scene(persona: dict[str, Any], prose: str, deck: _Deck, turns: int, attack_share: float) -> dict[str, Any]:
    fixed = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}
    traits = {k: v for k, v in persona.items() if k not in fixed and v is not None}
    partner_age = deck.deal("partner age", PARTNER_AGES)
    minor = _is_minor(traits, prose) or partner_age in MINOR_AGES
    factor = factors()
    attacked = deck.among("attacked", attack_share)
    attack = None
    if attacked is not None:
        attack = deck.deal("attack", factor["attack"], place=attacked, never=ABUSIVE if minor else ())
    mood = deck.deal("delivery", factor["delivery"])
    scene = {
        "persona_id": persona["persona_id"].hex(),
        "seed_id": persona["seed_id"],
        "language": persona["language"],
        "split": persona["split"],
        "traits": [{"dimension": k, "value": v} for k, v in sorted(traits.items())],
        "kind": "attack" if attack else "plain",
        "probe": None,
        "writing": "one_shot",
        "code_switched": False,
        "domain": deck.deal("domain", factor["domain"]),
        "relationship": deck.deal("relationship", factor["relationship"], never=INTIMATE if minor else ()),
        "tone": deck.deal("tone", factor["tone"]),
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
    partner = [partner_age, scene["partner"]["gender"], mood]
    scene_id = digest("scene", probe, str(scene["depth"]), str(turns), *partner, str(deck.place))
    return scene | {"probe_id": probe, "scene_id": scene_id}
