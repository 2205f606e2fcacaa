"""Who speaks with which voice: a persona's own is a function of the persona and of the voices there are.

Among the voices that come nearest to what its traits ask for (`wishes`), a hash of the persona chooses; so a persona
sounds the same in every scene and every run, and many personas are spread evenly. Where few voices fit and the engine
can blend, blends of two of them stand beside them: of one gender, age group and accent, so that a blend is of these,
too. What the voice still lacks is done to it: see `wishes`.

The partner of a scene has another voice than its persona, made of other cards where there are any, and has it in all
scenes of one probe: the two deliveries of a contrast, the depths of an attack. An engine with one voice alone lends it
to the partner deepened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import polars as pl

from persona_forge.core.errors import EngineError
from persona_forge.core.ids import key64
from persona_forge.core.ports import Voice, VoiceCard
from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING
from persona_forge.speech.wishes import Effects, Wish, effects, fitting, wish

ENOUGH = 8
"""Fewer fitting voices than this are blended."""
STEPS = (0.3, 0.5, 0.7)
"""How far a blend is on its way from one voice to the other."""
ALIKE = 0.5
"""Two voices that share more of their cards than this are nearly the same."""
DEEPENED = Effects(f0_scale=0.85, formant_scale=0.92)


@dataclass(frozen=True, slots=True)
class Cast:
    """A voice that may be given: one card, or a blend of two alike in gender and age."""

    name: str
    shares: tuple[tuple[VoiceCard, float], ...]

    @property
    def card(self) -> VoiceCard:
        return self.shares[0][0]

    @property
    def licence(self) -> str:
        return " and ".join(sorted({card.licence for card, _ in self.shares}))

    def likeness(self, other: Cast) -> float:
        theirs = {card.name: share for card, share in other.shares}
        return sum(min(share, theirs.get(card.name, 0.0)) for card, share in self.shares)


def cast(
    made: pl.DataFrame, scripts: pl.LazyFrame, scenes: pl.LazyFrame, *, voice: Voice, count: int | None, per_shard: int
) -> Made:
    """Casts scenes that have a script and no voices yet, until `count` are cast; both languages in turn."""
    done = set(made["scene_id"])
    written = scripts.select("scene_id").collect()["scene_id"]
    ready = scenes.filter(pl.col("scene_id").is_in(written.implode())).collect()
    waiting = [s for s in _in_turn(ready.rows(named=True)) if s["scene_id"] not in done]
    room = len(waiting) if count is None else max(0, count - len(done))
    rows = [row for n, scene in enumerate(waiting[:room]) for row in _rows(scene, f"{n // per_shard:04d}", voice)]
    return Made(CASTING.frame(rows), taken=len(waiting[:room]))


def _in_turn(scenes: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Languages in turn, each in the order of the scenes."""
    queues = [[s for s in scenes if s["language"] == lang] for lang in sorted({s["language"] for s in scenes})]
    for n in range(max((len(q) for q in queues), default=0)):
        yield from (q[n] for q in queues if n < len(q))


def _rows(scene: Mapping[str, Any], shard: str, voice: Voice) -> Iterator[dict[str, Any]]:
    cards = voice.voices(scene["language"])
    if not cards:
        raise EngineError(f"the voice engine {voice.engine} has no voice for {scene['language']}",
                          todo="choose another with speech.engine, or seeds of another language")  # fmt: skip
    taken: Cast | None = None
    for role, who in (("persona", scene["persona_id"]), ("partner", scene["contrast_id"] or scene["probe_id"])):
        wanted = wish(scene, role)
        chosen = choose(cards, wanted, who, blends=voice.blends, beside=taken)
        if chosen is None:
            raise EngineError(
                f"the voice engine {voice.engine} has no grown-up's voice for {scene['language']}",
                todo="choose another with speech.engine: no grown-up is given a minor's voice",
            )
        done = effects(wanted, chosen.card)
        yield {
            **{k: scene[k] for k in ("scene_id", "persona_id", "seed_id", "language")},
            "shard": shard,
            "scripts_shard": scene["shard"],
            "pairs_shard": scene["shard"],
            "role": role,
            "voice": chosen.name,
            **asdict(done.and_then(DEEPENED) if chosen == taken else done),
            "gender": chosen.card.gender,
            "age_group": chosen.card.age_group,
            "engine": voice.engine,
            "licence": chosen.licence,
        }
        taken = chosen


def choose(
    cards: Sequence[VoiceCard], wanted: Wish, who: str, *, blends: bool, beside: Cast | None = None
) -> Cast | None:
    """The voice of `who`, as unlike `beside` as can be; None if all there are belong to minors and `who` does not."""
    some = _candidates(fitting(cards, wanted), blends)
    if beside is not None:
        others = [c for c in cards if c not in {card for card, _ in beside.shares}]
        some = (
            [c for c in some if c.likeness(beside) == 0]
            or [c for c in some if c.likeness(beside) <= ALIKE]
            or _candidates(fitting(others, wanted), blends)
            or some
        )
    return min(some, key=lambda c: key64("voice", who, c.name), default=None)


def _candidates(cards: Sequence[VoiceCard], blends: bool) -> list[Cast]:
    alone = [Cast(c.name, ((c, 1.0),)) for c in cards]
    if not blends or len(cards) >= ENOUGH:
        return alone
    kin = [(a, b) for a, b in combinations(sorted(cards, key=lambda c: c.name), 2) if _kind(a) == _kind(b)]
    return alone + [Cast(f"{a.name}+{b.name}:{step:g}", ((a, 1 - step), (b, step))) for a, b in kin for step in STEPS]


def _kind(card: VoiceCard) -> tuple[str, str, str]:
    return card.gender, card.age_group, card.accent
