from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from desk import PROBE, SPACE, Writer, exit_scene, scene, seed

from persona_forge.core.errors import BadReply, Transient
from persona_forge.core.ports import Ask
from persona_forge.core.stage import Made
from persona_forge.core.tables import SCENES, SCRIPTS, SEEDS
from persona_forge.dialogues.probes import given
from persona_forge.dialogues.scripts import scripts
from persona_forge.engines.replies import StoredChat
from persona_forge.engines.scripted import ScriptedChat

SAID = {
    "en": ("I baked all night.", "Rain again.", "My brother called.", "They closed the pier.", "What a smell of tar!",
           "Do sit down.", "Nobody came.", "We sang until five.", "The dog knew it first.", "Hand me that rope."),
    "zh": ("昨晚下雨了。", "我弟来过电话。", "码头关了。", "这味儿真冲。", "你坐。", "没人来。", "唱到五点才散。",
           "狗先知道的。", "把绳子递我。", "面发好了。"),
}  # fmt: skip


def long_scene(language: str = "en", **changes: Any) -> dict[str, Any]:
    return scene(language, **{"writing": "self_play", "turns": 18, "depth": 16, **changes})


def line(ask: Ask) -> dict[str, Any]:
    """A line of its own for each question; a persona's has a mood and a sound."""
    number = int(ask.row_id.rpartition(".")[2])
    words = SAID["zh" if "zh" in ask.row_id else "en"]
    said = f"{words[number % 10]} {words[(3 * number + number // 10 + 1) % 10]}"
    return {"mood": "happy", "sound": "laugh", "say": said} if number % 2 else {"say": said}


def written(chat: Any, *scenes: dict[str, Any], **changes: Any) -> Made:
    frames = SCENES.frame(list(scenes)), SEEDS.frame([seed("en", **changes), seed("zh", **changes)])
    made = asyncio.run(scripts(*frames, chat=chat, ontology=SPACE.ontology, max_tokens=300, temperature=0.8))
    SCRIPTS.conform(made.rows)
    return made


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_turn_but_the_probe_is_a_question_of_its_own(language: str) -> None:
    chat = Writer(line)
    made = written(chat, long_scene(language))
    assert [a.row_id for a in chat.asked] == [f"scene-{language}.{n}" for n in range(18) if n != 16]
    assert {(a.seed_id, a.sample, a.max_tokens) for a in chat.asked} == {(f"seed-{language}", 0, 120)}
    row = made.rows.row(0, named=True)
    assert [t["role"] for t in row["turns"]] == ["partner", "persona"] * 9
    assert (row["probe_turn"], row["turns"][16]["text"]) == (16, PROBE[language])
    assert (row["turns"][1]["delivery"]["emotion"], row["turns"][1]["events"][0]["type"]) == ("happy", "laugh")
    assert row["prompt_version"].startswith(f"selfplay_persona.{language}+selfplay_partner.{language}@")


def test_an_exit_by_safe_word_is_agreed_on_at_the_start_and_remembered_to_the_end() -> None:
    where = {**exit_scene(exit="safe_word"), "writing": "self_play", "depth": 32, "turns": 34}
    chat = Writer(line)
    made = written(chat, where)
    agreed, said = given(where).values()
    words = [t["text"] for t in made.rows["turns"][0]]
    assert (words[0], words[32]) == (agreed, said)
    assert [a.row_id for a in chat.asked] == [f"scene-en.{n}" for n in range(34) if n not in (0, 32)]
    assert all(agreed in a.messages[0].content for a in chat.asked if int(a.row_id[9:]) % 2)


def test_a_line_that_cannot_be_used_is_asked_for_again_and_then_the_scene_is_a_reject() -> None:
    bad = {"mood": "happy", "sound": "none", "say": "(waves)"}

    def first_is_bad(ask: Ask) -> dict[str, Any]:
        return bad if ask.row_id.endswith(".3") else line(ask)

    chat = Writer(first_is_bad, line)
    made = written(chat, long_scene())
    assert [(a.row_id, a.sample) for a in chat.asked][3:5] == [("scene-en.3", 0), ("scene-en.3", 1)]
    assert json.loads(made.rows["parameters"][0])["sample"] == 1
    (reject,) = written(Writer(first_is_bad, bad), long_scene()).rejects
    assert (reject.row_id, reject.reason) == ("scene-en", "unusable_reply")
    assert (reject.detail, json.loads(reject.raw or "")) == ("turn 3 has no words: '(waves)'", bad)


def test_who_says_the_same_again_and_again_is_stopped_at_once() -> None:
    same = {"mood": "happy", "sound": "none", "say": "I bake bread."}
    chat = Writer(*[lambda ask: same if int(ask.row_id[9:]) % 2 else line(ask)] * 2)
    (reject,) = written(chat, long_scene()).rejects
    assert reject.detail == "the turns repeat each other"
    assert len(chat.asked) < 10


def test_a_catchphrase_is_counted_over_the_whole_dialogue() -> None:
    phrase = {"text": "Mind the hinge", "trigger": "…", "at_most": 2}

    def fond(ask: Ask) -> dict[str, Any]:
        said = line(ask)
        return said | {"say": f"Mind the hinge, {said['say']}"} if "mood" in said else said

    chat = Writer(fond, line)
    made = written(chat, long_scene(), catchphrases=[phrase])
    lines = [t["text"] for t in made.rows["turns"][0] if t["role"] == "persona"]
    assert sum("hinge" in text for text in lines) == 2
    assert len([a for a in chat.asked if a.sample]) == 7


@pytest.mark.parametrize("fault", [Transient("dead"), BadReply("cut off", raw="{")])
def test_a_call_that_fails_for_good_is_a_reject(fault: Exception) -> None:
    chat = Writer(lambda ask: line(ask) if int(ask.row_id[9:]) < 5 else (_ for _ in ()).throw(fault), fault)
    (reject,) = written(chat, long_scene()).rejects
    assert reject.reason == {"Transient": "transient", "BadReply": "unusable_reply"}[type(fault).__name__]
    assert [a.row_id for a in chat.asked if a.sample == 0] == [f"scene-en.{n}" for n in range(6)]


def test_a_kill_loses_the_turn_in_flight_and_no_other(tmp_path: Path) -> None:
    """Turns that came are read from the store, so a second run asks only from the turn on that never came."""

    def dies(ask: Ask) -> dict[str, Any]:
        if ask.row_id.endswith(".9"):
            raise KeyboardInterrupt
        return line(ask)

    first = Writer(dies)
    with pytest.raises(KeyboardInterrupt):
        written(StoredChat(first, tmp_path), long_scene())
    second = Writer(line)
    made = written(StoredChat(second, tmp_path), long_scene())
    assert [a.row_id for a in second.asked] == [f"scene-en.{n}" for n in range(9, 18) if n != 16]
    assert made.rows.equals(written(Writer(line), long_scene()).rows)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_scripted_engine_plays_long_dialogues_too(language: str) -> None:
    scenes = [long_scene(language, scene_id=f"{language}{n}", depth=32, turns=34) for n in range(12)]
    made = written(ScriptedChat(), *scenes)
    assert made.rows.height >= 4
    assert {len(t) for t in made.rows["turns"]} == {34}
    assert {r.detail for r in made.rejects} <= {"the turns repeat each other"}
