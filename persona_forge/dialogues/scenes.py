"""Which few of the millions are worth a call, and in what scene.

The language with the fewest scenes so far is next. Within a language kinds are dealt by their shares and factors evenly
(`dealing`); the seeds are gone through in an order of their own (a hash), round after round, and `choosing` takes that
persona of the seed whose turn it is which covers most. Scenes that belong together are consecutive among those of their
kind, and the later ones take over what the first was dealt: an attack's probe at each of the depths, an exit and its
twin, a contrast's two deliveries. All is keyed by content and depends on the scenes before alone, so that scene number
i is the same however many are asked for.

A minor, by trait, prose or voice, is given no intimate relationship, meets no abuse and plays no despair: `minors` says
what may not be dealt, a persona is chosen who may stand in what was, and what cannot be dealt now comes later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import polars as pl

from persona_forge.core.ids import digest, key64
from persona_forge.core.stage import Made
from persona_forge.core.tables import SCENES
from persona_forge.dialogues.choosing import CANDIDATES, Covered, Row, Visit, candidates, read, traits_of
from persona_forge.dialogues.dealing import Dealt, next_kind
from persona_forge.dialogues.factors import factors
from persona_forge.dialogues.minors import DESPAIR, delicate, is_young
from persona_forge.dialogues.probes import contrast, other_delivery, probe, probes
from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES, mentions_minor

FILES = ("dialogues/factors.toml", "dialogues/probes.toml")
PARTNER_AGES = ("teen", "young_adult", "adult", "middle_aged", "senior")
GENDERS = ("female", "male")
TWOS = {"exit": "twin", "contrast": "contrast"}
"""Kinds of which two belong together, and the column that joins them."""
AGREED_BEFORE = 2
"""A safe word is agreed on in the first turn: its probe comes no sooner than this."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The settings that scenes are made by."""

    turns: int
    attack_share: float
    exit_share: float
    contrast_share: float
    depths: Sequence[int]
    one_shot_turns: int
    code_switched_share: float

    @property
    def shares(self) -> dict[str, float]:
        under = {"attack": self.attack_share, "exit": self.exit_share, "contrast": self.contrast_share}
        return {**under, "plain": max(0.0, 1 - sum(under.values()))}

    def size(self, kind: str) -> int:
        """Scenes of a kind that belong together."""
        return {"attack": len(self.depths), "exit": 2, "contrast": 2, "plain": 1}[kind]


class Slot(NamedTuple):
    language: str
    place: int
    """Among the scenes of this language."""
    kind: str
    number: int
    """Among those of this language and kind."""
    visit: Visit | None
    """Whose turn it is; none where the scene follows another."""


@dataclass(slots=True)
class Past:
    """What one language has had so far."""

    dealt: Dealt
    kinds: Counter[str] = field(default_factory=Counter)
    visits: int = 0
    first: dict[str, Row] = field(default_factory=dict)
    """The last scene of each kind that others follow."""
    covered: Covered = field(default_factory=Covered)

    def add(self, scene: Row, wanted: Wanted) -> None:
        """What later scenes take over from this one is counted for them now, so that it is not dealt out meanwhile."""
        kind = "exit" if scene["kind"] == "twin" else scene["kind"]
        times = 0
        if self.kinds[kind] % wanted.size(kind) == 0:
            times = wanted.size(kind)
            self.visits += 1
            self.first[kind] = scene
            traits = {t["dimension"]: t["value"] for t in scene["traits"]}
            self.covered.add(bytes.fromhex(scene["persona_id"]), traits, scene)
        self.kinds[kind] += 1
        for factor in ("domain", "relationship", "tone"):
            self.dealt.used(factor, scene[factor], times)
        for factor in ("age_band", "gender", "delivery"):
            own = kind == "contrast" and factor == "delivery"
            self.dealt.used(f"partner {factor}", scene["partner"][factor], 1 if own else times)
        for factor in ("attack", "exit"):
            self.dealt.used(factor, scene[factor])
        if kind == "exit":
            self.dealt.used("exit depth", str(scene["depth"]))
        if kind == "contrast":
            self.dealt.used("contrast", contrast(scene))


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
    exit_share: float,
    contrast_share: float,
    depths: Sequence[int],
    one_shot_turns: int,
    code_switched_share: float,
) -> Made:
    """The scenes from number len(made) on, up to `count`."""
    wanted = Wanted(turns, attack_share, exit_share, contrast_share, depths, one_shot_turns, code_switched_share)
    rings = _rings(personas, key)
    past = {language: Past(Dealt(key, language)) for language in {*rings, *made["language"]}}
    for scene in made.iter_rows(named=True):
        past[scene["language"]].add(scene, wanted)
    slots = _slots(rings, past, wanted, count - made.height)
    rows = _filled(slots, personas, seeds, past, wanted)
    frame = SCENES.frame([row | {"shard": f"{n // per_shard:04d}"} for n, row in enumerate(rows)])
    return Made(frame, taken=len({*frame["persona_id"]} - {*made["persona_id"]}))


def _rings(personas: pl.LazyFrame, key: str) -> dict[str, list[str]]:
    """The seeds of each language, in the order in which they are gone through."""
    seeds = personas.select(pl.col("seed_id", "language").cast(pl.String)).unique().collect()
    by_language: dict[str, list[str]] = {}
    for seed_id, language in seeds.iter_rows():
        by_language.setdefault(language, []).append(seed_id)
    return {k: sorted(v, key=lambda s: key64(key, "scene order", s)) for k, v in sorted(by_language.items())}


def _slots(rings: Mapping[str, list[str]], past: Mapping[str, Past], wanted: Wanted, count: int) -> list[Slot]:
    """The next so many slots."""
    kinds = {language: past[language].kinds.copy() for language in rings}
    visits = {language: past[language].visits for language in rings}
    slots = []
    for _ in range(count if rings else 0):
        language = min(rings, key=lambda name: (kinds[name].total(), name))
        done, ring = kinds[language], rings[language]
        kind = next_kind(wanted.shares, done)
        visit = None
        if done[kind] % wanted.size(kind) == 0:
            visit = ring[visits[language] % len(ring)], visits[language] // len(ring)
            visits[language] += 1
        slots.append(Slot(language, done.total(), kind, done[kind], visit))
        done[kind] += 1
    return slots


def _filled(
    slots: Sequence[Slot], personas: pl.LazyFrame, seeds: pl.LazyFrame, past: Mapping[str, Past], wanted: Wanted
) -> list[Row]:
    offered = candidates(personas, [s.visit for s in slots if s.visit], CANDIDATES)
    written = pl.concat_str("prose", "style", "voice", separator="\n")
    mine = seeds.filter(pl.col("seed_id").is_in(list({seed_id for seed_id, _ in offered})))
    prose = dict(mine.select("seed_id", written).collect().iter_rows())
    rows: list[Row] = []
    for slot in slots:
        before = past[slot.language]
        if slot.visit:
            row = _first(slot, offered[slot.visit], prose[slot.visit[0]], before, wanted)
        else:
            row = _following(slot, before, wanted)
        rows.append(_finished(row, slot, wanted))
        before.add(rows[-1], wanted)
    known = {
        row["persona_id"]: traits_of(row) for row in read(personas, {bytes.fromhex(r["persona_id"]) for r in rows})
    }
    return [row | {"traits": known.get(row["persona_id"], row["traits"])} for row in rows]


def _first(slot: Slot, offered: list[Row], prose: str, past: Past, wanted: Wanted) -> Row:
    """A scene that follows no other: its pressure, then who covers most in it, and in which of those that are due."""
    young = mentions_minor(prose)
    grown_up = [c for c in offered if not young and not is_young(c)]
    pressure, fits = _pressure(slot, past, wanted, minor=not grown_up)
    able = grown_up if delicate(pressure) else offered
    persona, scene = past.covered.best([(c, _dealt(c, pressure, fits, past, minor=young or is_young(c))) for c in able])
    group = digest("group", slot.kind, str(slot.number), persona["persona_id"])
    switched = past.dealt.among("code-switched", wanted.code_switched_share, past.visits)
    return {
        **scene,
        **{k: persona[k] for k in ("seed_id", "language", "split")},
        "persona_id": persona["persona_id"].hex(),
        "traits": _listed(persona),
        "code_switched": switched and scene["attack"] != "language_switch",
        **{f"{two}_id": group if slot.kind == kind else None for kind, two in TWOS.items()},
    }


def _listed(persona: Row) -> list[dict[str, str]]:
    return [{"dimension": k, "value": v} for k, v in traits_of(persona).items()]


def _dealt(persona: Row, pressure: Row, fits: Collection[str], past: Past, *, minor: bool) -> Row:
    """The factors that are due, as they suit this persona best."""
    factor = factors()
    deal = partial(past.dealt.deal, worth=partial(past.covered.new, persona))
    scene = pressure | {k: deal(k, factor[k]) for k in ("domain", "tone")}
    scene["relationship"] = deal("relationship", factor["relationship"], INTIMATE if minor else ())
    return scene | {
        "partner": {
            "age_band": deal("partner age_band", PARTNER_AGES, MINOR_AGES if delicate(scene) else ()),
            "gender": deal("partner gender", GENDERS),
            **_heard(deal("partner delivery", factor["delivery"], [d for d in factor["delivery"] if d not in fits])),
        }
    }


def _pressure(slot: Slot, past: Past, wanted: Wanted, *, minor: bool) -> tuple[Row, Collection[str]]:
    """What a scene is put under, and the deliveries that fit it."""
    dealt, factor = past.dealt, factors()
    scene: Row = {"kind": slot.kind, "attack": None, "exit": None, "depth": 0, "probe": None, "relationship": None}
    if slot.kind == "plain":
        return scene, factor["delivery"]
    if slot.kind == "contrast":
        names = list(probes()["contrast"])
        name = dealt.deal("contrast", names)
        scene["probe"] = probe("contrast", name, slot.language, dealt.nth("contrast", name, wanted.size("contrast")))
        return scene, probes()["contrast"][name]["deliveries"]
    name = dealt.deal(slot.kind, factor[slot.kind], {"attack": ABUSIVE, "exit": DESPAIR}[slot.kind] if minor else ())
    scene[slot.kind] = name
    scene["probe"] = probe(slot.kind, name, slot.language, dealt.nth(slot.kind, name, wanted.size(slot.kind)))
    scene["depth"] = wanted.depths[0]
    if slot.kind == "exit":
        depth = int(dealt.deal("exit depth", [str(d) for d in wanted.depths]))
        scene["depth"] = max(depth, AGREED_BEFORE) if name == "safe_word" else depth
    return scene, factor[slot.kind][name].get("deliveries", factor["delivery"])


def _heard(delivery: str) -> dict[str, str]:
    return {"mood": factors()["delivery"][delivery]["emotion"], "delivery": delivery}


def _following(slot: Slot, past: Past, wanted: Wanted) -> Row:
    """The scene that belongs to an earlier one."""
    first = past.first[slot.kind]
    if slot.kind == "attack":
        return first | {"depth": wanted.depths[slot.number % wanted.size("attack")]}
    if slot.kind == "exit":
        said = probe("twin", first["exit"], slot.language, past.dealt.nth("exit", first["exit"], wanted.size("exit")))
        return first | {"kind": "twin", "probe": said, "probe_id": None}
    return first | {"partner": first["partner"] | _heard(other_delivery(first))}


def _finished(scene: Row, slot: Slot, wanted: Wanted) -> Row:
    """With its length and its ids. An exit ends where the persona leaves."""
    least = scene["depth"] + 2
    turns = least if scene["kind"] == "exit" else max(wanted.turns, least)
    about = [
        scene[k] or "" for k in ("persona_id", "kind", "attack", "exit", "domain", "relationship", "tone", "probe")
    ]
    partner = [scene["partner"][k] for k in ("age_band", "gender", "delivery")]
    probe_id = scene.get("probe_id") or digest("probe", *about, str(slot.place))
    return scene | {
        "probe_id": probe_id,
        "scene_id": digest("scene", probe_id, str(scene["depth"]), str(turns), *partner, str(slot.place)),
        "turns": turns,
        "writing": "self_play" if turns > wanted.one_shot_turns else "one_shot",
    }
