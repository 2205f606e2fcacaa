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
from persona_forge.speech.cast import AGE_GROUPS, cast, choose, wanted_voice

CARDS = tuple(
    VoiceCard(f"{gender}-{age}-{n}", "en", gender, age, "MIT")
    for gender in ("female", "male") for age in ("child", "young_adult", "elderly") for n in range(3)
)  # fmt: skip


class Choir(Tone):
    """Tone with the cards that it is given."""

    def __init__(self, cards: tuple[VoiceCard, ...] = CARDS) -> None:
        self.cards = cards

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


def test_a_persona_has_one_voice_in_all_its_scenes() -> None:
    rows = casting([scene(f"s{i}", persona=f"p{i % 5}", tone=str(i)) for i in range(40)]).rows
    persona = rows.filter(role="persona").group_by("persona_id").agg(pl.col("voice").n_unique())
    assert persona["voice"].to_list() == [1] * 5


@given(st.text("abc", min_size=1), st.sampled_from(["female", "male"]), st.sampled_from(sorted(AGE_GROUPS)))
def test_partner_and_persona_never_share_a_voice(who: str, gender: str, age: str) -> None:
    alike = scene(who, persona=who, traits={"gender": gender, "age_band": age},
                  partner={"gender": gender, "age_band": age})  # fmt: skip
    voices = casting([alike]).rows["voice"]
    assert voices[0] != voices[1]


def test_two_voices_are_enough_and_one_is_shared() -> None:
    assert casting([scene("s")], voice=Choir(CARDS[:2])).rows["voice"].n_unique() == 2
    assert casting([scene("s")], voice=Choir(CARDS[:1])).rows["voice"].to_list() == [CARDS[0].name] * 2


@given(st.text("abcd", min_size=1), st.sampled_from(["female", "male"]), st.sampled_from(["child", "elderly"]))
def test_gender_and_age_are_respected(who: str, gender: str, age: str) -> None:
    card = choose(Choir(), "en", gender, age, who)
    assert (card.gender, card.age_group) == (gender, age)
    teen = choose(Choir(), "en", gender, "teen", who)
    assert teen.gender == gender


def test_age_gives_way_to_gender_and_both_to_being_another_voice() -> None:
    assert choose(Choir(CARDS[:9]), "en", "male", "elderly", "x").age_group == "elderly"
    only = Choir((CARDS[0], CARDS[-1]))
    assert choose(only, "en", "female", "child", "x").name == CARDS[0].name
    assert choose(only, "en", "female", "child", "x", other_than=CARDS[0].name).name == CARDS[-1].name


def test_a_grown_up_is_never_given_a_childs_voice_while_there_is_another() -> None:
    only = Choir((CARDS[0], CARDS[-1]))
    assert (CARDS[0].age_group, CARDS[0].gender, CARDS[-1].gender) == ("child", "female", "male")
    for age in ("elderly", "young_adult", None):
        assert choose(only, "en", "female", age, "x").name == CARDS[-1].name


def test_many_personas_are_spread_over_all_voices() -> None:
    counts = Counter(choose(Choir(), "en", "female", None, f"p{n}").name for n in range(900))
    assert len(counts) == 6  # of nine, three are children's
    assert min(counts.values()) > 90


def test_a_voice_that_comes_or_goes_leaves_the_voices_of_most_personas() -> None:
    before = [choose(Choir(), "en", "female", None, f"p{n}").name for n in range(200)]
    after = [choose(Choir(CARDS[1:]), "en", "female", None, f"p{n}").name for n in range(200)]
    assert all(a == b for a, b in zip(after, before, strict=True) if b != CARDS[0].name)


@pytest.mark.parametrize(
    ("traits", "wanted"),
    [
        ({"gender": "female", "age_band": "teen"}, ("female", "teen")),
        ({"gender": "nonbinary", "age_band": "senior"}, (None, "elderly")),
        ({"age_band": "adult", "voice_age": "elderly"}, (None, "elderly")),
        ({"gender": "male", "voice_age": "child"}, ("male", "child")),
        ({}, (None, None)),
    ],
)
def test_what_voice_is_wanted_follows_the_traits(traits: dict[str, str], wanted: tuple[str | None, str | None]) -> None:
    assert wanted_voice(scene("s", traits=traits), "persona") == wanted
    assert wanted_voice(scene("s", traits=traits), "partner") == ("male", "elderly")


def test_languages_are_cast_in_turn_and_shards_filled_in_order() -> None:
    rows = casting(many()).rows.filter(role="persona")
    assert rows["scene_id"].to_list() == ["s0", "s4", "s1", "s5", "s2", "s6", "s3", "s7"]
    assert rows["shard"].to_list() == ["0000"] * 2 + ["0001"] * 2 + ["0002"] * 2 + ["0003"] * 2
    assert set(rows["scripts_shard"]) == {"g000-0000"}


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


def test_every_age_band_of_the_ontology_has_a_group_of_voices() -> None:
    text = (Path(__file__).parents[2] / "seeds" / "traits.toml").read_text(encoding="utf-8")
    ontology = read_ontology(text, "traits.toml")
    assert set(AGE_GROUPS) == set(ontology.dimension("age_band").names)
    assert set(AGE_GROUPS.values()) == set(ontology.dimension("voice_age").names)


def test_no_scripts_no_cast() -> None:
    assert casting([]).taken == 0
    assert casting(many(), count=0).taken == 0


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(EngineError, match="the voice engine tone has no voice for en"):
        casting([scene("s")], voice=Choir(()))
