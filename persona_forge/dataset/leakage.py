"""Leaks: what stands in two splits and should stand in one, found from the files alone.

    family   a family of seeds in two splits, or rows in another split than their seed's family
    traits   two personas that have the same traits, or all but one the same (twins)
    text     the prose of two seeds, two dialogues, or two replies of some length, nearly the same (text.near)
    voice    the same words, WORDS or SIGNS of them at least, said by the same voice
    audio    two clips with the same samples, or nearly (echoes)

What is not in train is held, in blocks, and everything is led past it, so that memory depends on a block alone. Fixed
words are exempt: the probes, and the first turn in which a safe word is agreed on, are the same in every split by
design, since what is compared is how a persona takes them. The fakes `scripted` and `tone` have a handful of lines and
voices: what they say is no data, and not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb
import polars as pl

from persona_forge.core.tables import TABLES
from persona_forge.dataset.catalog import connect
from persona_forge.dataset.echoes import echoes
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.twins import twins
from persona_forge.space.ontology import read_ontology
from persona_forge.text.near import SHORT, Texts, shingles

BLOCK = 20_000
"""Texts held at a time."""
WORDS, SIGNS = 4, 8
SPLITS = ("test", "validation", "train")
"""Of a pair the first is held, so that none is found twice."""
FAKES = ("scripted", "tone")

SAID = f"""
SELECT c.*, c.role = 'partner' AND (coalesce(turn = probe_turn, false) OR (turn = 0 AND agreed)) AS fixed,
       trim(regexp_replace(lower(c.text), '[^\\pL\\pN]+', if(c.language = 'zh', '', ' '), 'g')) AS words
FROM clips c JOIN (SELECT script_id, probe_turn FROM scripts) USING (script_id)
JOIN (SELECT scene_id, kind = 'exit' AND coalesce(exit = 'safe_word', false) AS agreed FROM scenes) USING (scene_id)
WHERE c.made_engine NOT IN {FAKES}
"""
VOICES = f"""
WITH said AS ({SAID}), long AS (
    SELECT * FROM said WHERE NOT fixed AND
        if(language = 'zh', length(words) >= {SIGNS}, len(string_split(words, ' ')) >= {WORDS}))
SELECT min(a.utterance_id), min(b.utterance_id), a.split, b.split, made_voice, words
FROM (FROM long WHERE split <> 'train') a JOIN long b USING (made_voice, language, words)
WHERE (b.split = 'train' AND a.split <> 'train') OR a.split < b.split AND b.split <> 'train' GROUP BY ALL ORDER BY ALL
"""

Text = tuple[str, str, str, str]
"""An id, the split, the language, the words."""


@dataclass(frozen=True, slots=True)
class Leak:
    kind: str
    one: str
    """An id, of what is not in train."""
    other: str
    splits: tuple[str, str]
    detail: str


def leaks(folder: Folder) -> Iterator[Leak]:
    """Every leak; without rensa or soundfile those that it takes them to find are passed over."""
    connection = connect(folder)
    yield from _families(connection)
    sizes = [len(d.values) for d in read_ontology(folder.ontology.read_text(encoding="utf-8"), "ontology").dimensions]
    for one, other, splits, odd in twins(folder.fetched("personas"), sizes):
        yield Leak(
            "traits", one, other, splits, f"all traits are the same but {odd}" if odd else "all traits are the same"
        )
    for texts in (_prose, _dialogues, _replies):
        yield from _texts(folder, texts)
    for one, other, split, another, voice, words in connection.execute(VOICES).fetchall():
        yield Leak("voice", one, other, (split, another), f"{voice} says {words!r} in both")
    fixed = {row[0] for row in connection.execute(f"SELECT utterance_id FROM ({SAID}) WHERE fixed").fetchall()}
    for one, other, splits, detail in echoes(folder, FAKES):
        if not {one, other} <= fixed:
            yield Leak("audio", one, other, splits, detail)


def _families(connection: duckdb.DuckDBPyConnection) -> Iterator[Leak]:
    sql = (
        "SELECT family, min(split), max(split) FROM families GROUP BY ALL HAVING count(DISTINCT split) > 1 ORDER BY ALL"
    )
    for family, one, other in connection.execute(sql).fetchall():
        yield Leak("family", family, family, (one, other), "the family stands in both")
    for table in (t.name for t in TABLES.values() if {"seed_id", "split"} <= set(t.names) and t.name != "families"):
        rows = f"SELECT DISTINCT seed_id::VARCHAR AS seed_id, split::VARCHAR AS split FROM {table}"
        sql = (
            f"SELECT seed_id, f.split, t.split FROM ({rows}) t JOIN families f USING (seed_id) WHERE t.split <> f.split"
        )
        for seed_id, one, other in connection.execute(f"{sql} ORDER BY ALL").fetchall():
            yield Leak("family", seed_id, seed_id, (one, other), f"its family's split is not that of its {table}")


# Texts ----------------------------------------------------------------------------------------------------------------


def _texts(folder: Folder, texts: Callable[[Folder], Iterator[Text]]) -> Iterator[Leak]:
    held = (text for text in texts(folder) if text[1] != "train")
    while block := list(islice(held, BLOCK)):
        known: dict[str, Texts] = {}
        split_of = {}
        for name, split, language, words in block:
            known.setdefault(language, Texts()).add(name, shingles(words, language))
            split_of[name] = split
        for name, split, language, words in texts(folder):
            if language not in known or split == SPLITS[0]:
                continue
            for similarity, other in known[language].like(shingles(words, language)):
                if SPLITS.index(split_of[other]) < SPLITS.index(split):
                    yield Leak(
                        "text", other, name, (split_of[other], split), f"{similarity:.0%} of {texts.__name__[1:]}"
                    )


def _prose(folder: Folder) -> Iterator[Text]:
    both = folder.scan("seeds").join(folder.scan("families"), on="seed_id")
    yield from both.select("seed_id", "split", "language", "prose").collect().iter_rows()


def _dialogues(folder: Folder) -> Iterator[Text]:
    agreed = folder.scan("scenes").filter(pl.col("kind") == "exit", pl.col("exit") == "safe_word")
    fixed_first = set(agreed.select("scene_id").collect()["scene_id"])
    for shard in folder.names("scripts"):
        rows = folder.scan("scripts", [shard]).filter(~pl.col("engine").is_in(FAKES)).collect()
        for row in rows.iter_rows(named=True):
            fixed = {row["probe_turn"], *([0] if row["scene_id"] in fixed_first else [])}
            yield _text(row, "script_id", "\n".join(t["text"] for t in row["turns"] if t["turn"] not in fixed))


def _replies(folder: Folder) -> Iterator[Text]:
    """Those with at least SHORT shingles: two short ones may well be the same."""
    for shard in folder.names("candidates"):
        rows = folder.scan("candidates", [shard]).filter(~pl.col("engine").is_in(FAKES)).collect()
        for row in rows.iter_rows(named=True):
            if len(shingles(row["text"], row["language"])) >= SHORT:
                yield _text(row, "candidate_id", row["text"])


def _text(row: Mapping[str, Any], key: str, words: str) -> Text:
    return row[key], row["split"], row["language"], words
