"""Tasks and personas told apart, on role prompts that were read one by one.

The 124 prompts were read before the rules were written, and the rules were then tried on them: the figures are those
of a file that the rules know. The personas of other files are the check that they know nothing else.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from persona_forge.text.task import task_words

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("PERSONA_FORGE_SHARED") or ROOT.parent / "shared" / "data")

PERSONAS = {114, 120, 121}
"""Rows of the role prompts, from 0, that say who somebody is; all the others say what to do with an input."""


def texts(path: Path, field: str) -> list[str]:
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [" ".join(row[field]) if isinstance(row[field], list) else row[field] for row in rows]


def test_role_prompts_that_are_tasks_are_found() -> None:
    found = {n for n, text in enumerate(texts(SHARED / "role_prompts_zh.jsonl", "prompt")) if task_words(text)}
    tasks = set(range(124)) - PERSONAS
    precision, recall = len(found & tasks) / len(found), len(found & tasks) / len(tasks)
    assert (round(precision, 3), round(recall, 3)) == (0.991, 0.95)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (ROOT / "seeds/en/starter.jsonl", "prose"),
        (ROOT / "seeds/zh/starter.jsonl", "prose"),
        (SHARED / "persona_chat_valid.jsonl", "sentences"),
        (SHARED / "personagym.jsonl", "persona"),
    ],
)
def test_no_persona_is_taken_for_a_task(path: Path, field: str) -> None:
    assert [text for text in texts(path, field) if task_words(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "I want you to act as a linux terminal. I will type commands and you will reply with what it should show.",
        'I want you to act as a travel guide. My first suggestion request is "I am in Istanbul."',
        "Act as an interviewer. I will be the candidate and you will ask me questions.",
        "Translate the following into French: hello",
        "You will only reply with the corrected text. Do not write explanations.",
        "我希望你充当英语翻译。我会用任何语言和你交流，你会翻译它。",
        "我想让你充当词典。我的第一个单词是“你好”",
        "请总结这本书。",
    ],
)
def test_a_task_is_one(text: str) -> None:
    assert task_words(text) in text
    assert task_words(text) != ""


@pytest.mark.parametrize(
    "text",
    [
        "I want you to act as a grumpy lighthouse keeper who hates gulls.",
        "You are a retired miner. Your task in the village is to wind the clock.",
        "I'll tell you a story for a beer. My first question to anyone is what they ate today.",
        "I only answer to my wife, and I will give you nothing.",
        "我希望你扮演一个在海边长大的老渔民，脾气倔，爱喝两口。",
        "我要把店开下去，你别劝我。",
        "我会告诉你，这条河三十年前能喝。你的工作是修桥，一年到头在外头。",
        "每天第一个到的总是他，第一句话总是早。",
    ],
)
def test_a_persona_is_no_task(text: str) -> None:
    assert task_words(text) == ""
