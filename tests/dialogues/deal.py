"""Small tables of personas and seeds, and the scenes that are dealt over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from persona_forge.core.ids import digest, key64
from persona_forge.core.tables import SCENES, SEEDS, personas
from persona_forge.dialogues.scenes import scenes

TRAITS = {
    "age_band": ("child", "teen", "adult"), "voice_age": ("child", "teen", "middle_aged"), "gender": ("female", "male"),
    "temper": ("gentle", "fiery", "cool"), "formality": ("polite", "casual", "blunt"),
    "humour": ("dry", "warm", "none"), "region": tuple("abcdef"),
}  # fmt: skip
GROWN_UP = "You repair clocks and never hurry."
MINOR = "You are in the third grade and repair clocks."
EN = [(f"en{n}", "en", GROWN_UP) for n in range(5)]
BOTH = [*EN, *((f"zh{n}", "zh", "你修钟表，从不着急。") for n in range(3))]
Seed = tuple[str, str, str]
"""Id, language, prose."""
LISTS = ("opinions", "catchphrases", "emotional_limits", "pins", "withheld", "flags")


def tables(
    seeds: Sequence[Seed], rows: int, fixed: Mapping[str, str | None] | None = None
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Personas and seeds; traits are drawn by hash, but for those that are fixed: all are grown up if none is said."""
    blank = {**dict.fromkeys(SEEDS.names, ""), **{name: [] for name in LISTS}}
    written = [{**blank, "seed_id": s, "language": language, "prose": prose} for s, language, prose in seeds]
    usual = {"age_band": "adult", "voice_age": "middle_aged"} if fixed is None else fixed
    grown = [
        {"persona_id": bytes.fromhex(digest(s, str(n))), "seed_id": s, "language": language,
         **{d: values[key64(s, str(n), d) % len(values)] for d, values in TRAITS.items()}, **usual,
         "origin": "fill", "split": "train"}
        for s, language, _ in seeds for n in range(rows)
    ]  # fmt: skip
    return personas(TRAITS).frame(grown).lazy(), SEEDS.frame(written).lazy()


def chosen(
    seeds: Sequence[Seed] = BOTH, *, count: int, made: pl.DataFrame | None = None, rows: int = 40,
    fixed: Mapping[str, str | None] | None = None, turns: int = 6, attack: float = 0.5, exit: float = 0.25,
    contrast: float = 0.125, depths: tuple[int, ...] = (2,), switched: float = 0, key: str = "k",
) -> list[dict[str, Any]]:  # fmt: skip
    grown, written = tables(seeds, rows, fixed)
    result = scenes(
        SCENES.empty() if made is None else made, grown, written, key=key, count=count, per_shard=4, turns=turns,
        attack_share=attack, exit_share=exit, contrast_share=contrast, depths=depths, one_shot_turns=12,
        code_switched_share=switched,
    )  # fmt: skip
    SCENES.conform(result.rows)
    before = set() if made is None else set(made["persona_id"])
    assert result.taken == len(set(result.rows["persona_id"]) - before)  # a persona may serve twice
    return result.rows.rows(named=True)


def spread(values: Sequence[Any], of: Any) -> int:
    """How much more often the commonest value comes than the rarest."""
    counts = Counter(values)
    assert set(counts) <= set(of)
    return max(counts[v] for v in of) - min(counts[v] for v in of)
