from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import scene, script, tables

from persona_forge.core.errors import EngineError
from persona_forge.core.ports import Delivery, Spoken, VoiceCard
from persona_forge.core.stage import Made
from persona_forge.core.tables import CASTING, SCENES, SCRIPTS
from persona_forge.engines.tone import Tone
from persona_forge.space.ontology import read_ontology
from persona_forge.speech.cast import ALIKE, ENOUGH, Cast, cast, choose
from persona_forge.speech.wishes import (
    ACCENTS,
    AGE_GROUPS,
    AGED,
    NEAREST,
    TIMBRES,
    Effects,
    Wish,
    effects,
    fitting,
    wish,
)

CARDS = tuple(
    VoiceCard(f"{gender}-{age}-{n}", "en", gender, age, "MIT")
    for gender in ("female", "male") for age in ("child", "young_adult", "elderly") for n in range(3)
)  # fmt: skip
MANY = tuple(VoiceCard(f"{gender}{n}", "en", gender, "young_adult", "MIT") for gender in ("female", "male")
             for n in range(ENOUGH + 2))  # fmt: skip
FEW = tuple(c for c in MANY if c.name[-1] in "012" and len(c.name) < 8)
GROWN = ("young_adult", "middle_aged", "elderly")


class Choir(Tone):
    """Tone with the cards that it is given."""

    def __init__(self, cards: tuple[VoiceCard, ...] = CARDS, blends: bool = False) -> None:
        self.cards, self.blends = cards, blends

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        return tuple(replace(c, language=language) for c in self.cards)

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        raise NotImplementedError


def casting(
    scenes: list[dict[str, Any]], *, made: pl.DataFrame | None = None, count: int | None = None, voice: Any = None
) -> Made:
    frames = tables(*((s, script(s)) for s in scenes))
    result = cast(CASTING.empty() if made is None else made, frames[1].lazy(), frames[0].lazy(),
                  voice=voice if voice is not None else Choir(), count=count, per_shard=2)  # fmt: skip
    CASTING.conform(result.rows)
    assert result.rows.height == 2 * result.taken
    return result


def many(n: int = 8) -> list[dict[str, Any]]:
    return [scene(f"s{i}", "en" if i < n // 2 else "zh", f"p{i % 3}") for i in range(n)]


def chosen(
    cards: tuple[VoiceCard, ...], wanted: Wish, who: str, *, blends: bool = False, beside: Cast | None = None
) -> Cast:
    found = choose(cards, wanted, who, blends=blends, beside=beside)
    assert found is not None
    return found


# One voice a persona, and all voices used ----------------------------------------------------------------------------


def test_a_persona_has_one_voice_in_all_its_scenes() -> None:
    rows = casting([scene(f"s{i}", persona=f"p{i % 5}", tone=str(i)) for i in range(40)]).rows
    persona = rows.filter(role="persona").group_by("persona_id").agg(pl.col("voice").n_unique())
    assert persona["voice"].to_list() == [1] * 5


@pytest.mark.parametrize(("cards", "blends", "voices"), [(MANY, False, 20), (FEW, True, 2 * (3 + 3 * 3))])
def test_two_thousand_personas_are_spread_evenly_over_the_voices(
    cards: tuple[VoiceCard, ...], blends: bool, voices: int
) -> None:
    given = [(f"p{n}", Wish(("female", "male")[n % 2], "young_adult")) for n in range(2000)]
    counts = Counter(chosen(cards, wanted, who, blends=blends).name for who, wanted in given)
    assert len(counts) == voices
    mean = 2000 / voices
    assert sum((n - mean) ** 2 / mean for n in counts.values()) < voices + 4 * (2 * voices) ** 0.5  # chi squared
    assert max(counts.values()) < 1.5 * mean


def test_a_voice_that_comes_or_goes_leaves_the_voices_of_most_personas() -> None:
    wanted = Wish("female")
    before = [chosen(CARDS, wanted, f"p{n}").name for n in range(200)]
    after = [chosen(CARDS[4:], wanted, f"p{n}").name for n in range(200)]
    assert all(a == b for a, b in zip(after, before, strict=True) if b != CARDS[3].name)
    assert before != after


# Two speakers ---------------------------------------------------------------------------------------------------------


@given(st.text("abc", min_size=1), st.sampled_from(["female", "male"]), st.sampled_from(sorted(AGE_GROUPS)),
       st.booleans(), st.integers(2, 18))  # fmt: skip
def test_partner_and_persona_never_share_a_voice(who: str, gender: str, age: str, blends: bool, voices: int) -> None:
    grown = Wish(gender, "young_adult")
    ours = chosen(CARDS[-voices:], Wish(gender, AGE_GROUPS[age]), who, blends=blends)
    theirs = chosen(CARDS[-voices:], grown, who, blends=blends, beside=ours)
    assert ours.likeness(theirs) <= ALIKE
    assert ours.name != theirs.name


def test_partner_and_persona_are_made_of_other_cards_where_there_are_any() -> None:
    wanted = Wish("female", "young_adult")
    for n in range(200):
        ours = chosen(FEW, wanted, f"p{n}", blends=True)
        assert ours.likeness(chosen(FEW, wanted, f"s{n}", blends=True, beside=ours)) == 0


def test_an_engine_with_one_voice_lends_it_deepened() -> None:
    rows = casting([scene("s")], voice=Choir(CARDS[3:4])).rows
    assert rows["voice"].to_list() == [CARDS[3].name] * 2
    persona, partner = rows.select("f0_scale", "formant_scale").rows()
    assert persona == (1.0, 1.0)
    assert partner == (round(0.88 * 0.85, 4), 0.92)


def test_the_two_prompts_of_a_contrast_are_spoken_by_one_voice() -> None:
    both = [scene(f"s{n}", contrast_id="c", partner={"delivery": d}) for n, d in enumerate(("cheerful", "shaky"))]
    others = [scene(f"t{n}") for n in range(40)]
    rows = casting([*both, *others], voice=Choir(MANY)).rows.filter(role="partner")
    of_contrast = rows.filter(pl.col("scene_id").is_in(["s0", "s1"]))
    assert of_contrast.drop("scene_id", "shard").unique().height == 1
    assert rows["voice"].n_unique() > 5


def test_a_probe_is_put_by_one_voice_at_every_depth() -> None:
    rows = casting([scene(f"s{n}", probe_id="p", depth=2 * n) for n in range(6)]).rows
    assert rows.filter(role="partner")["voice"].n_unique() == 1


# What is wished for -----------------------------------------------------------------------------------------------


@given(st.text("abcd", min_size=1), st.sampled_from(["female", "male"]), st.sampled_from(["child", "elderly"]))
def test_gender_and_age_are_respected(who: str, gender: str, age: str) -> None:
    card = chosen(CARDS, Wish(gender, age), who).card
    assert (card.gender, card.age_group) == (gender, age)
    assert chosen(CARDS, Wish(gender, "teen"), who).card.age_group == "young_adult"


def test_age_gives_way_to_gender_and_both_to_being_another_voice() -> None:
    assert {c.age_group for c in fitting(CARDS[:9], Wish("male", "elderly"))} == {"elderly"}
    only = (CARDS[3], CARDS[-1])
    ours = chosen(only, Wish("female", "elderly"), "x")
    assert (ours.name, chosen(only, Wish("female", "elderly"), "x", beside=ours).name) == (only[0].name, only[1].name)


@given(st.sampled_from([None, *GROWN]), st.sampled_from([None, "female", "male"]), st.sampled_from(sorted(TIMBRES)))
def test_a_grown_up_is_never_given_a_minors_voice_nor_made_to_sound_like_one(
    age: str | None, gender: str | None, timbre: str
) -> None:
    wanted = Wish(gender, age, timbre)
    for card in fitting(CARDS, wanted):
        done = effects(wanted, card)
        assert card.age_group in GROWN
        assert done.f0_scale <= 1.07
        assert done.formant_scale <= 1.04


def test_an_engine_with_childrens_voices_alone_speaks_for_no_grown_up() -> None:
    assert choose(CARDS[:3], Wish("female", "elderly"), "x", blends=True) is None
    with pytest.raises(EngineError, match="has no grown-up's voice for en"):
        casting([scene("s")], voice=Choir(CARDS[:3]))


def test_a_boy_gets_a_womans_voice_made_smaller_where_there_is_no_childs() -> None:
    boy = Wish("male", "child")
    assert {c.gender for c in fitting(MANY, boy)} == {"female"}
    assert {(c.gender, c.age_group) for c in fitting(CARDS, boy)} == {("male", "child")}
    assert effects(boy, MANY[0]) == Effects(1.18, 1.1)
    assert effects(boy, CARDS[9]) == Effects()


def test_age_and_timbre_that_no_voice_has_are_done_to_it() -> None:
    old = effects(Wish("female", "elderly", "husky"), MANY[0])
    assert old == Effects(f0_scale=round(0.88 * 0.96, 4), breathiness=0.28, tremor=0.4)
    assert effects(Wish("female", "elderly", "husky"), CARDS[6]) == TIMBRES["husky"]
    assert effects(Wish("male", "young_adult", "clear"), MANY[0]) == Effects()
    row = casting([scene("s", traits={"gender": "female", "voice_age": "elderly", "voice_timbre": "husky"})],
                  voice=Choir(MANY)).rows.row(0, named=True)  # fmt: skip
    assert Effects(row["f0_scale"], row["formant_scale"], row["breathiness"], row["tremor"]) == old


def test_blends_are_of_one_gender_and_age_and_only_where_voices_are_few() -> None:
    by_name = {c.name: c for c in CARDS}
    anyone = {chosen(CARDS[3:15], Wish(None, None), f"p{n}", blends=True).name for n in range(500)}
    assert not any("+" in name for name in anyone)  # nine grown-ups are enough
    few = tuple(c for c in CARDS if c.name[-1] in "01")
    found = [chosen(few, Wish(None, age), f"p{n}", blends=True) for age in GROWN for n in range(300)]
    blended = [c for c in found if "+" in c.name]
    assert 0.4 < len(blended) / len(found) < 0.9
    for one in blended:
        (a, _), (b, share) = one.shares
        assert one.name == f"{a.name}+{b.name}:{share:g}"
        assert (by_name[a.name].gender, a.age_group) == (by_name[b.name].gender, b.age_group)
        assert 0.3 <= share <= 0.7
        assert one.licence == "MIT"
    assert not any("+" in chosen(few, Wish(), f"p{n}", blends=False).name for n in range(200))


def test_an_accent_is_met_where_the_engine_has_it_and_blended_with_no_other() -> None:
    cards = tuple(VoiceCard(f"{accent}{n}", "en", "female", "young_adult", "MIT", accent=accent)
                  for accent in ("american", "british") for n in range(3))  # fmt: skip
    british = {chosen(cards, Wish("female", accent="british"), f"p{n}", blends=True).name for n in range(200)}
    assert len(british) == 3 + 3 * 3
    assert not any("american" in name for name in british)
    anyone = {chosen(cards, Wish("female", accent="maltese"), f"p{n}", blends=True).name for n in range(500)}
    assert len(anyone) == 2 * len(british)


@pytest.mark.parametrize(
    ("traits", "wanted"),
    [
        ({"gender": "female", "age_band": "teen"}, Wish("female", "teen")),
        ({"gender": "nonbinary", "age_band": "senior"}, Wish(None, "elderly")),
        ({"age_band": "adult", "voice_age": "elderly"}, Wish(None, "elderly")),
        ({"gender": "male", "voice_timbre": "rich", "dialect": "irish"}, Wish("male", None, "rich", "british")),
        ({"dialect": "sichuan"}, Wish(accent="sichuan")),
        ({}, Wish()),
    ],
)
def test_what_voice_is_wished_for_follows_the_traits(traits: dict[str, str], wanted: Wish) -> None:
    assert wish(scene("s", traits=traits), "persona") == wanted
    assert wish(scene("s", traits=traits), "partner") == Wish("male", "elderly")


def test_every_value_of_the_ontology_that_is_heard_is_known_here() -> None:
    text = (Path(__file__).parents[2] / "seeds" / "traits.toml").read_text(encoding="utf-8")
    ontology = read_ontology(text, "traits.toml")
    assert set(AGE_GROUPS) == set(ontology.dimension("age_band").names)
    assert set(AGE_GROUPS.values()) == set(NEAREST) == set(ontology.dimension("voice_age").names)
    assert set(ACCENTS) <= set(ontology.dimension("dialect").names)
    assert {*TIMBRES, "clear", "nasal"} == set(ontology.dimension("voice_timbre").names)
    assert {age for age, _ in AGED} == set(NEAREST) - {"young_adult"}


# The plan -------------------------------------------------------------------------------------------------------------


def test_languages_are_cast_in_turn_and_shards_filled_in_order() -> None:
    rows = casting(many()).rows.filter(role="persona")
    assert rows["scene_id"].to_list() == ["s0", "s4", "s1", "s5", "s2", "s6", "s3", "s7"]
    assert rows["shard"].to_list() == ["0000"] * 2 + ["0001"] * 2 + ["0002"] * 2 + ["0003"] * 2
    assert set(rows["scripts_shard"]) == set(rows["pairs_shard"]) == {"g000-0000"}


def test_a_scene_without_a_script_is_not_cast() -> None:
    scenes = SCENES.frame(many())
    scripts = SCRIPTS.frame([script(s) for s in many()[1:3]])
    made = cast(CASTING.empty(), scripts.lazy(), scenes.lazy(), voice=Choir(), count=None, per_shard=2)
    assert sorted(set(made.rows["scene_id"])) == ["s1", "s2"]


def test_growing_casts_only_what_is_missing() -> None:
    first = casting(many(), count=3)
    assert (first.taken, casting(many(), made=first.rows, count=3).taken) == (3, 0)
    more = casting(many(), made=first.rows, count=7)
    assert more.taken == 4
    at_once = casting(many(), count=7).rows
    both = pl.concat([first.rows, more.rows])
    assert both["scene_id"].to_list() == at_once["scene_id"].to_list()
    assert both["voice"].to_list() == at_once["voice"].to_list()


def test_no_scripts_no_cast() -> None:
    assert casting([]).taken == 0
    assert casting(many(), count=0).taken == 0


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(EngineError, match="the voice engine tone has no voice for en"):
        casting([scene("s")], voice=Choir(()))
