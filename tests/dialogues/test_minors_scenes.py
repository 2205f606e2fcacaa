"""Invariant 8 where scenes are dealt and where they are written; `verify` has its own in tests/dataset."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from deal import EN, GROWN_UP, MINOR, chosen
from desk import SPACE, Writer, exit_scene, reply, scene, seed
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_forge.core.tables import SCENES, SEEDS
from persona_forge.dialogues.minors import breach
from persona_forge.dialogues.scripts import scripts
from persona_forge.text.minors import ABUSIVE, INTIMATE, MINOR_AGES

YOUNG = {"traits": [{"dimension": "age_band", "value": "teen"}]}
PARTNER = {"age_band": "teen", "gender": "female", "mood": "sad", "delivery": "weary"}


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([("child", None, GROWN_UP), ("teen", None, GROWN_UP), (None, "child", GROWN_UP),
                     (None, None, MINOR), ("adult", None, MINOR), ("adult", "middle_aged", GROWN_UP)]),
    st.integers(1, 60), st.text("abc", max_size=4),
)  # fmt: skip
def test_no_minor_is_dealt_an_intimate_or_abusive_scene_or_one_of_despair(
    who: tuple[str | None, str | None, str], count: int, key: str
) -> None:
    age, voice, prose = who
    fixed = {"age_band": age, "voice_age": voice}
    rows = chosen([("s", "en", prose)], count=count, key=key, fixed=fixed, attack=0.5, exit=0.5, contrast=0)
    minor = prose == MINOR or bool({age, voice} & MINOR_AGES)
    for row in rows:
        assert breach(row, seed(prose=prose, style="", voice="")) == ""
        if minor or row["partner"]["age_band"] in MINOR_AGES:
            assert row["relationship"] not in INTIMATE
            assert row["attack"] not in ABUSIVE
            assert row["exit"] != "distress"


def test_where_a_seed_has_both_a_grown_up_is_chosen() -> None:
    rows = chosen(EN, count=150, fixed={}, attack=1, exit=0, contrast=0)
    assert len([r for r in rows if {"dimension": "age_band", "value": "teen"} in r["traits"]]) >= 20
    assert len([r for r in rows if r["attack"] in ABUSIVE]) == 10
    assert len([r for r in rows if r["relationship"] in INTIMATE]) >= 15
    assert {breach(r, seed(prose=GROWN_UP)) for r in rows} == {""}


def test_grown_ups_do_stand_in_intimate_abusive_and_desperate_scenes() -> None:
    rows = chosen(count=200)
    assert {r["relationship"] for r in rows} & INTIMATE
    assert {r["attack"] for r in rows} & ABUSIVE
    assert "distress" in {r["exit"] for r in rows}


BREACHES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a young persona in love": (scene(relationship="romantic_partner", **YOUNG), seed()),
    "a young partner in love": (scene(relationship="romantic_partner", partner=PARTNER), seed()),
    "a young persona insulted": (scene(attack="insult_escalation", **YOUNG), seed()),
    "a young partner who insults": (scene(attack="insult_escalation", partner=PARTNER), seed()),
    "a pupil by prose": (scene(relationship="romantic_partner"), seed(prose="I am in the ninth grade.")),
    "a pupil by voice": (scene(relationship="romantic_partner"), seed(voice="the voice of a twelve-year-old")),
    "despair played": ({**exit_scene(exit="distress"), "kind": "twin", **YOUNG}, seed()),
}


@pytest.mark.parametrize("planted", BREACHES.values(), ids=BREACHES)
def test_a_breach_is_refused_before_anything_is_asked(planted: tuple[dict[str, Any], dict[str, Any]]) -> None:
    chat = Writer(reply())
    frames = SCENES.frame([planted[0]]), SEEDS.frame([planted[1]])
    made = asyncio.run(scripts(*frames, chat=chat, ontology=SPACE.ontology, max_tokens=300, temperature=0.8))
    assert chat.asked == []
    assert [(r.row_id, r.seed_id, r.reason) for r in made.rejects] == [("scene-en", "seed-en", "minor")]
    assert made.rows.height == 0


def test_a_minor_in_real_distress_may_be_helped() -> None:
    assert breach({**exit_scene(exit="distress"), **YOUNG}, seed()) == ""
    assert breach(exit_scene(exit="distress"), seed()) == ""
