from __future__ import annotations

import pytest
from desk import SPACE
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import ForgeError
from persona_forge.dialogues.direction import (
    INTENSITY,
    LONGEST_INSTRUCTION,
    MOVES,
    instruction,
    partner_delivery,
    partner_event,
    persona_delivery,
    tagged,
)
from persona_forge.dialogues.factors import factors
from persona_forge.text.tags import EMOTIONS, EVENTS, PITCHES, SPEEDS, VOLUMES, parse

NEUTRAL = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}


@pytest.mark.parametrize("name", factors()["delivery"])
def test_every_delivery_of_a_partner_is_made_of_known_labels(name: str) -> None:
    d = partner_delivery(name)
    assert d["emotion"] in EMOTIONS
    assert (d["speed"] in SPEEDS, d["pitch"] in PITCHES, d["volume"] in VOLUMES) == (True, True, True)
    assert (d["intensity"] == 0) is (d["emotion"] == "neutral")
    assert partner_event(name) in (None, *EVENTS)


@given(
    st.sampled_from(sorted(MOVES)),
    st.fixed_dictionaries({}, optional={
        "voice_rate": st.sampled_from(SPEEDS), "voice_pitch": st.sampled_from(PITCHES),
        "voice_loudness": st.sampled_from(VOLUMES[1:4]), "expressiveness": st.text(max_size=3),
    }),
)  # fmt: skip
def test_any_persona_in_any_mood_has_known_labels(mood: str, traits: dict[str, str]) -> None:
    d = persona_delivery(traits, mood)
    assert (d["speed"] in SPEEDS, d["pitch"] in PITCHES, d["volume"] in VOLUMES[1:4]) == (True, True, True)


def test_a_neutral_turn_is_the_personas_own_voice() -> None:
    own = {"voice_rate": "fast", "voice_pitch": "low", "voice_loudness": "soft"}
    assert persona_delivery(own, "neutral") == {
        "emotion": "neutral", "intensity": 0.0, "speed": "fast", "pitch": "low", "volume": "soft",
    }  # fmt: skip
    assert persona_delivery({}, "neutral") == NEUTRAL


def test_a_mood_moves_the_voice_a_step_and_not_past_the_end() -> None:
    assert persona_delivery({}, "sad") == {
        "emotion": "sad", "intensity": 0.55, "speed": "medium_slow", "pitch": "medium_low", "volume": "soft",
    }  # fmt: skip
    assert persona_delivery({"voice_rate": "fast"}, "angry")["speed"] == "fast"
    assert persona_delivery({"voice_loudness": "soft"}, "sad")["volume"] == "soft"


def test_who_shows_more_is_heard_more() -> None:
    strengths = [persona_delivery({"expressiveness": e}, "happy")["intensity"]
                 for e in ("flat", "restrained", "open", "dramatic")]  # fmt: skip
    assert strengths == sorted(set(strengths))
    assert set(INTENSITY) == set(SPACE.ontology.dimension("expressiveness").names)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_direction_in_words_fits_its_column(language: str) -> None:
    for tone in factors()["tone"]:
        for mood in factors()["mood"]:
            line = instruction(tone, {"emotion": mood}, language)
            assert len(line) <= LONGEST_INSTRUCTION
            assert line.endswith((".", "。"))
    assert set(factors()["mood"]) >= {*MOVES, *(d["emotion"] for d in factors()["delivery"].values())}


def test_what_is_as_usual_is_left_unsaid() -> None:
    assert tagged("Well.", NEUTRAL, []) == "Well."
    loud = {**NEUTRAL, "emotion": "angry", "intensity": 0.8, "speed": "fast", "volume": "loud"}
    assert tagged("No {x}!", loud, [{"type": "gasp", "char_pos": 3}]) == "{angry:0.8}{fast}{loud}No {gasp}{{x}}!"


@given(st.text(max_size=20), st.sampled_from(sorted(MOVES)), st.sampled_from(EVENTS))
def test_tagged_text_can_be_read_back(text: str, mood: str, event: str) -> None:
    words, cues = parse(tagged(text, persona_delivery({}, mood), [{"type": event, "char_pos": len(text)}]))
    assert words == text
    assert cues[-1].name == event


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ForgeError, match=r"unknown tag \{burp\}"):
        tagged("Well.", NEUTRAL, [{"type": "burp", "char_pos": 0}])


@pytest.mark.parametrize(
    ("dimension", "labels"), [("voice_rate", SPEEDS), ("voice_pitch", PITCHES), ("voice_loudness", VOLUMES[1:4])]
)
def test_the_traits_of_the_voice_are_labels_of_direction(dimension: str, labels: tuple[str, ...]) -> None:
    assert SPACE.ontology.dimension(dimension).names == labels
