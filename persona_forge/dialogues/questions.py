"""What people are asked to compare: two replies to the same dialogue, out of a run or out of a file.

A file is JSON lines or Parquet with a column `prompt`, and `chosen` and `rejected`, or `a` and `b`: texts, or lists of
messages with a role and a content. It may also have pair_id (or id), seed_id, language and system.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import digest, key64
from persona_forge.dialogues.factors import factors
from persona_forge.text.language import language_of

Row = Mapping[str, Any]

NAMES = (("chosen", "rejected"), ("a", "b"))
"""What the columns of a file with the two replies are called."""
OF_SCENE = ("domain", "relationship", "tone")
_ALLOWED = ".jsonl or .parquet, with the columns prompt, and chosen and rejected, or a and b"


@dataclass(frozen=True, slots=True)
class Reply:
    candidate_id: str
    text: str
    """With inline tags, where there are any."""
    words: str
    delivery: Row | None = None


@dataclass(frozen=True, slots=True)
class Question:
    pair_id: str
    seed_id: str
    language: str
    card: str
    """Who the persona is; may be empty."""
    turns: Sequence[Row]
    """role, text, words, delivery; of the dialogue before the reply."""
    replies: tuple[Reply, Reply]
    """In an order that has nothing to do with which is right."""
    script_id: str = ""
    scene: Row | None = None

    def sides(self, who: str) -> tuple[Reply, Reply]:
        """What stands left and right for this annotator: each as often as not."""
        a, b = self.replies
        return (a, b) if key64("side", self.pair_id, who) % 2 else (b, a)


def of_run(pairs: pl.DataFrame, scenes: pl.DataFrame) -> list[Question]:
    """The pairs of a run, mixed, so that replies to one probe do not follow each other."""
    at = {scene["scene_id"]: _scene(scene) for scene in scenes.iter_rows(named=True)}
    found = [
        Question(
            row["pair_id"],
            row["seed_id"],
            row["language"],
            row["system"],
            [{**turn, "text": turn["text_tagged"], "words": turn["text"]} for turn in row["prompt"]],
            _mixed(row["pair_id"], [_reply(row["chosen"]), _reply(row["rejected"])]),
            row["script_id"],
            at.get(row["scene_id"]),
        )
        for row in pairs.iter_rows(named=True)
    ]
    return sorted(found, key=lambda q: key64("queue", q.pair_id))


def of_file(path: Path) -> list[Question]:
    """Raises Misuse, with the line, for what is no pair."""
    rows = list(_rows(path))
    if not rows:
        raise Misuse(f"{path} holds no pair", allowed=_ALLOWED)
    found = [_question(row, f"{path}, row {n}") for n, row in enumerate(rows, 1)]
    if twice := [pair for pair, n in Counter(q.pair_id for q in found).items() if n > 1]:
        raise Misuse(f"{path} has the pair {twice[0]} more than once", todo="take one of them out, or give each its id")
    return found


def _rows(path: Path) -> Iterable[Row]:
    if path.suffix.lower() not in (".jsonl", ".parquet"):
        raise Misuse(f"{path} is neither a run nor a file of pairs", allowed=f"the folder of a run; {_ALLOWED}")
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path, glob=False).iter_rows(named=True)
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise Misuse(f"{path} cannot be read: {error}", allowed=_ALLOWED) from error
    return [_line(line, f"{path}, line {n}") for n, line in enumerate(lines, 1) if line.strip()]


def _line(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise Misuse(f"{where} is no JSON: {error}", allowed=_ALLOWED) from error
    if not isinstance(row, dict):
        raise Misuse(f"{where} is no object: {line[:60]}", allowed=_ALLOWED)
    return row


def _question(row: Row, where: str) -> Question:
    names = next((names for names in NAMES if all(row.get(name) for name in names)), None)
    if names is None or not row.get("prompt"):
        raise Misuse(f"{where} is no pair: it has {', '.join(k for k, v in row.items() if v) or 'nothing'}",
                     allowed=_ALLOWED)  # fmt: skip
    turns = _turns(row["prompt"], where)
    texts = [_turns(row[name], where)[-1]["text"] for name in names]
    if texts[0] == texts[1]:
        raise Misuse(f"{where} has the same reply twice", todo="take it out: there is nothing to choose")
    told = [turn["text"] for turn in turns if turn["role"] == "system"]
    turns = [turn for turn in turns if turn["role"] != "system"]
    card = str(row.get("system") or "\n\n".join(told))
    words = "\n".join([card, *(turn["text"] for turn in turns)])
    pair_id = str(row.get("pair_id") or row.get("id") or digest("pair", words, *sorted(texts)))
    language = str(row.get("language") or language_of(words + "\n".join(texts)))
    replies = _mixed(pair_id, [Reply(digest("reply", pair_id, text), text, text) for text in texts])
    return Question(pair_id, str(row.get("seed_id") or ""), language, card, turns, replies)


def _turns(given: Any, where: str) -> list[dict[str, Any]]:
    """Of a text, a message, or a list of messages."""
    if isinstance(given, str):
        return [{"role": "", "text": given}]
    messages = given if isinstance(given, list) else [given]
    try:
        turns = [{"role": str(m.get("role") or ""), "text": str(m.get("content") or m["text"])} for m in messages]
    except (AttributeError, KeyError):
        turns = []
    if not turns:
        raise Misuse(f"{where} has something else than messages: {str(given)[:60]}",
                     allowed="a text, or a list of messages with a role and a content")  # fmt: skip
    return turns


def _scene(scene: Row) -> dict[str, Any]:
    """What it is called in either language; never what pressure it is under, which the dialogue must show by itself."""
    said = {factor: _words(factor, scene[factor]) for factor in OF_SCENE}
    return said | {"delivery": _words("delivery", (scene["partner"] or {}).get("delivery"))}


def _words(factor: str, value: str | None) -> dict[str, str]:
    known = factors().get(factor, {}).get(value or "", {})
    return {language: str(known.get(language, value or "")) for language in ("en", "zh")}


def _reply(row: Row) -> Reply:
    return Reply(row["candidate_id"], row["text_tagged"], row["text"], row["delivery"])


def _mixed(pair_id: str, replies: Sequence[Reply]) -> tuple[Reply, Reply]:
    a, b = sorted(replies, key=lambda reply: digest("mix", pair_id, reply.candidate_id))
    return a, b
