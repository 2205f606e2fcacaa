"""What voice a role wants, and what is done to a voice that is not quite it.

Age. Children of 6 to 12 speak about 1.2 times as high as women, boys like girls, and their formants lie a tenth above
women's and a quarter above men's (Hillenbrand et al. 1995, JASA 97; Lee, Potamianos and Narayanan 1999, JASA 105); so
a boy's voice is made from a woman's where there is no child's. With age women's pitch falls and, past sixty, men's
rises; pitch and level grow unsteady and some breath comes in; formants stay (Stathopoulos, Huber and Sussman 2011,
JSLHR 54; Linville and Fisher 1985, JASA 78; Eichhorn et al. 2018, J. Voice 32).

Timbre. Bright and warm are the centre of the spectrum, up and down (Schubert and Wolfe 2006, Acta Acustica 92), which
the formants move; husky is breath on a lowered pitch, rich a longer throat. Each stays within a step that is heard and
leaves the speaker's age alone: 4 to 5 % of the formants is just noticed (Ives, Smith and Patterson 2005, JASA 118).
Nothing here makes a voice nasal. On Kokoro each of these leaves the words right: 19 sentences with a median error of 0
and a highest one of 0.08; a child's voice comes out at 220 Hz (en) and 270 Hz (zh) where the woman's has 189 and 227.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from persona_forge.core.ports import VoiceCard
from persona_forge.text.minors import MINOR_AGES

AGE_GROUPS = {"child": "child", "teen": "teen", "young_adult": "young_adult", "adult": "young_adult",
              "middle_aged": "middle_aged", "senior": "elderly", "elderly": "elderly"}  # fmt: skip
"""From an age band of the trait space to an age group of a voice."""
NEAREST = {
    "child": ("child", "teen", "young_adult", "middle_aged", "elderly"),
    "teen": ("teen", "young_adult", "child", "middle_aged", "elderly"),
    "young_adult": ("young_adult", "middle_aged", "elderly"),
    "middle_aged": ("middle_aged", "young_adult", "elderly"),
    "elderly": ("elderly", "middle_aged", "young_adult"),
}
"""For each age group those whose voices will do, the nearest first; a minor's will do for minors alone."""
ACCENTS = {
    **dict.fromkeys(("general_american", "southern_american", "new_york", "canadian"), "american"),
    **dict.fromkeys(("received_pronunciation", "northern_english", "scottish", "irish"), "british"),
}
"""From a dialect of the trait space to the accent of a voice that comes near it; others go by their own name."""


@dataclass(frozen=True, slots=True)
class Wish:
    """None where the scene leaves it open."""

    gender: str | None = None
    age_group: str | None = None
    timbre: str | None = None
    accent: str | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What is done to a voice; named as in casting."""

    f0_scale: float = 1.0
    formant_scale: float = 1.0
    breathiness: float = 0.0
    tremor: float = 0.0

    def and_then(self, other: Effects) -> Effects:
        return Effects(
            round(self.f0_scale * other.f0_scale, 4),
            round(self.formant_scale * other.formant_scale, 4),
            round(1 - (1 - self.breathiness) * (1 - other.breathiness), 4),
            max(self.tremor, other.tremor),
        )


AGED = {
    ("child", "female"): Effects(1.18, 1.1),
    ("child", "male"): Effects(1.7, 1.25),
    ("teen", "female"): Effects(1.05, 1.04),
    ("teen", "male"): Effects(1.15, 1.06),
    ("middle_aged", "female"): Effects(0.95),
    ("middle_aged", "male"): Effects(0.97),
    ("elderly", "female"): Effects(0.88, breathiness=0.1, tremor=0.4),
    ("elderly", "male"): Effects(1.06, breathiness=0.1, tremor=0.4),
}
"""What makes a young or middle-aged voice of this gender one of that age."""
TIMBRES = {
    "warm": Effects(formant_scale=0.97),
    "bright": Effects(formant_scale=1.03),
    "husky": Effects(f0_scale=0.96, breathiness=0.2),
    "breathy": Effects(breathiness=0.3),
    "rich": Effects(f0_scale=0.96, formant_scale=0.95),
    "sweet": Effects(f0_scale=1.04, formant_scale=1.04),
}


def wish(scene: Mapping[str, Any], role: str) -> Wish:
    """What the traits of the persona ask for, or what the scene says of the partner."""
    if role == "partner":
        return Wish(scene["partner"]["gender"], AGE_GROUPS[scene["partner"]["age_band"]])
    traits = {t["dimension"]: t["value"] for t in scene["traits"]}
    gender, dialect = traits.get("gender"), traits.get("dialect")
    return Wish(
        gender if gender in ("female", "male") else None,
        traits.get("voice_age") or AGE_GROUPS.get(traits.get("age_band", "")),
        traits.get("voice_timbre"),
        ACCENTS.get(dialect, dialect) if dialect else None,
    )


def fitting(cards: Sequence[VoiceCard], wanted: Wish) -> list[VoiceCard]:
    """Those that come nearest: gender before age, age before accent. A grown-up gets no minor's voice: empty if all
    are, for invariant 8 holds for what is heard, too."""
    age, gender = wanted.age_group, wanted.gender
    able = [c for c in cards if age in MINOR_AGES or c.age_group not in MINOR_AGES]
    if age == "child" and not any(c.age_group == "child" and gender in (None, c.gender) for c in able):
        gender = "female"
    fit = [c for c in able if gender in (None, c.gender)] or able
    for group in NEAREST.get(age or "", ()):
        if some := [c for c in fit if c.age_group == group]:
            fit = some
            break
    return [c for c in fit if wanted.accent and c.accent == wanted.accent] or fit


def effects(wanted: Wish, card: VoiceCard) -> Effects:
    """What brings this voice nearer to the wish."""
    aged = card.age_group not in (wanted.age_group, "elderly")
    by_age = AGED.get((wanted.age_group or "", card.gender), Effects()) if aged else Effects()
    return by_age.and_then(TIMBRES.get(wanted.timbre or "", Effects()))
