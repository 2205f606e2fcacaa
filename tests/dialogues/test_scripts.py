from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from desk import LINES, NAME, SPACE, Writer, reply, scene, seed

from persona_forge.core.errors import BadReply, Busy, ConfigError, Refused, Transient
from persona_forge.core.ids import canonical, digest
from persona_forge.core.stage import Made
from persona_forge.core.tables import SCENES, SCRIPTS, SEEDS
from persona_forge.dialogues.factors import factors
from persona_forge.dialogues.scripts import SOUNDS, SPOKEN_TRAITS, reply_model, scripts
from persona_forge.engines.scripted import ScriptedChat
from persona_forge.text.tags import EVENTS, parse


def written(chat: Any, *scenes: dict[str, Any], seeds: list[dict[str, Any]] | None = None) -> Made:
    frame = SEEDS.frame(seeds or [seed("en"), seed("zh")])
    made = asyncio.run(
        scripts(SCENES.frame(list(scenes)), frame, chat=chat, ontology=SPACE.ontology, max_tokens=300, temperature=0.8)
    )
    SCRIPTS.conform(made.rows)
    assert made.taken == len(scenes) == made.rows.height + len(made.rejects)
    return made


def turns(made: Made) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = made.rows.row(0, named=True)["turns"]
    return said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_good_reply_becomes_a_script(language: str) -> None:
    chat = Writer(reply(language))
    made = written(chat, scene(language))
    row = made.rows.row(0, named=True)
    assert [t["text"] for t in row["turns"]] == list(LINES[language])
    assert [t["role"] for t in row["turns"]] == ["partner", "persona"] * 3
    assert row["script_id"] == digest("script", f"scene-{language}", "writer", "desk", "0")
    assert json.loads(row["parameters"]) == {"max_tokens": 300, "sample": 0, "temperature": 0.8}
    assert row["prompt_version"].startswith(f"script.{language}@")
    (ask,) = chat.asked
    assert (ask.row_id, ask.seed_id, ask.sample, ask.max_tokens) == (f"scene-{language}", f"seed-{language}", 0, 300)


def test_both_levels_of_direction_are_there() -> None:
    made = written(Writer(reply(t2={"mood": "happy", "sound": "laugh"})), scene())
    first, second, third = turns(made)[:3]
    assert first["delivery"] == {"emotion": "sad", "intensity": 0.55, "speed": "slow", "pitch": "medium_low",
                                 "volume": "soft"}  # fmt: skip
    assert first["events"] == [{"type": "sigh", "char_pos": 0}]
    assert third["events"] == []
    assert second["delivery"] == {"emotion": "happy", "intensity": 0.55, "speed": "medium_slow",
                                  "pitch": "medium_high", "volume": "normal"}  # fmt: skip
    assert second["instruction"] == "The scene is warm and unhurried; this line is happy."
    assert second["text_tagged"] == "{happy:0.55}{medium_slow}{laugh}I am, and the kettle is on."


def test_tagged_text_is_the_text_with_its_cues() -> None:
    for turn in turns(
        written(Writer(reply(t4={"mood": "sad", "sound": "sigh", "say": "A {letter}, what else."})), scene())
    ):
        words, cues = parse(turn["text_tagged"])
        assert words == turn["text"]
        assert [c.name for c in cues if c.name in ("sigh", "laugh")] == [e["type"] for e in turn["events"]]


def test_stage_directions_never_reach_the_words() -> None:
    made = written(Writer(reply(t2="(laughs) I am, *smiling* and the {sigh} kettle is on 😀.")), scene())
    assert turns(made)[1]["text"] == "I am, and the kettle is on ."


UNUSABLE = {
    "no words": (reply(t2="(sighs)"), "turn 1 has no words: '(sighs)'"),
    "another language": (reply(t2="好的", t4="我不知道", t6="再说吧"), "the persona speaks zh, not en"),
    "an echo": (reply(lines=("Hello?", "Yes.", "Hello?", "Yes.", "Hello?", "Yes.")), "the turns repeat each other"),
    "a broken schema": (reply(t2={"mood": "smug"}), "the reply breaks its schema"),
    "another speaker": (reply(t2={"who": "other"}), "the reply breaks its schema"),
    "a turn too many": ({**reply(), "t7": reply()["t1"]}, "the reply breaks its schema"),
}


@pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE)
def test_a_reply_that_cannot_be_used_is_asked_for_once_more(bad: tuple[dict[str, Any], str]) -> None:
    chat = Writer(bad[0], reply())
    made = written(chat, scene())
    assert [a.sample for a in chat.asked] == [0, 1]
    assert json.loads(made.rows.row(0, named=True)["parameters"])["sample"] == 1


@pytest.mark.parametrize("bad", UNUSABLE.values(), ids=UNUSABLE)
def test_the_second_time_it_is_a_reject_with_the_raw_text(bad: tuple[dict[str, Any], str]) -> None:
    chat = Writer(bad[0], bad[0])
    (reject,) = written(chat, scene()).rejects
    assert (reject.row_id, reject.seed_id, reject.reason) == ("scene-en", "seed-en", "unusable_reply")
    assert (reject.detail, reject.raw) == (bad[1], canonical(bad[0]))
    assert len(chat.asked) == 2


@pytest.mark.parametrize(
    ("fault", "reason", "raw"),
    [
        (Transient("the line is dead"), "transient", None),
        (Busy("later", retry_after_s=3.0), "busy", None),
        (Refused("not with this key"), "refused", None),
    ],
)
def test_a_call_that_fails_for_good_is_a_reject_and_not_asked_again(fault: Exception, reason: str, raw: Any) -> None:
    chat = Writer(fault)
    (reject,) = written(chat, scene()).rejects
    assert (reject.reason, reject.detail, reject.raw) == (reason, fault.args[0], raw)
    assert len(chat.asked) == 1


def test_a_bad_reply_is_kept_even_where_the_second_call_fails() -> None:
    (reject,) = written(Writer(BadReply("cut off", raw='{"t1":'), Transient("dead")), scene()).rejects
    assert (reject.reason, reject.detail, reject.raw) == ("transient", "dead", '{"t1":')


def test_what_nobody_foresaw_is_not_hidden() -> None:
    with pytest.raises(ConfigError):
        written(Writer(ConfigError("no budget")), scene())


def test_one_bad_scene_does_not_stop_the_others() -> None:
    class Half(Writer):
        async def ask(self, ask: Any, reply: Any) -> Any:
            if ask.row_id == "scene-zh":
                raise Refused("no")
            return await super().ask(ask, reply)

    made = written(Half(reply()), scene("zh"), scene("en"), scene("en", scene_id="third"))
    assert made.rows["scene_id"].to_list() == ["scene-en", "third"]
    assert [r.row_id for r in made.rejects] == ["scene-zh"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_scripted_engine_writes_for_any_scene(language: str) -> None:
    scenes = [scene(language, scene_id=f"s{n}", turns=4, depth=2) for n in range(12)]
    made = written(ScriptedChat(), *scenes)
    assert made.rows.height >= 6
    assert {len(t) for t in made.rows["turns"]} == {4}
    assert {r.reason for r in made.rejects} <= {"unusable_reply"}
    assert written(ScriptedChat(), *scenes).rows.equals(made.rows)


def test_a_seed_without_a_name_has_a_speaker() -> None:
    schema = json.dumps(reply_model(2, "Speaker", "en").model_json_schema())
    assert '"const": "Speaker"' in schema
    chat = Writer({"t1": {"who": "other", "say": "Hello there."},
                   "t2": {"who": "Speaker", "mood": "neutral", "sound": "none", "say": "Good evening."}})  # fmt: skip
    assert written(chat, scene(turns=2, depth=0), seeds=[seed(name="")]).rows.height == 1


def test_the_schema_of_a_reply_names_each_speaker_and_bounds_each_line() -> None:
    schema = reply_model(4, NAME["zh"], "zh").model_json_schema()
    assert list(schema["properties"]) == ["t1", "t2", "t3", "t4"]
    assert schema["$defs"]["Partner"]["properties"]["who"]["const"] == "对方"
    assert schema["$defs"]["Persona"]["properties"]["who"]["const"] == "马桂芬"
    assert schema["additionalProperties"] is False
    assert all(d["additionalProperties"] is False for d in schema["$defs"].values())


def test_the_names_that_prompts_use_are_those_of_the_ontology() -> None:
    assert {SPACE.ontology.dimension(d).name for d in SPOKEN_TRAITS} == set(SPOKEN_TRAITS)
    assert set(SPACE.ontology.dimension("age_band").names) == set(factors()["age"])
    assert set(SOUNDS) - {"none"} <= set(EVENTS)
