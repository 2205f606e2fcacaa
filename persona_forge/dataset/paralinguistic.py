"""Questions about how something was said, with the clip and the answer: training or test items for models that listen.

The dimensions are the eleven of StepEval-Audio-Paralinguistic (gender, age, timbre; emotion, pitch, rhythm, speed,
style; scenario, sound event, vocal sound), as far as our labels go: what a run has no label for is named with the
reason. A label alone is no answer. It counts where the clip was measured as obeying it, or where most listeners heard
it so; gender is that of the voice, by its card. Within each split, language and dimension all answers are equally
frequent, and the right one stands equally often in each place.

A folder as the Hub lays it out: `datasets.load_dataset(out)` reads it, audio included.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from persona_forge.core.errors import Misuse
from persona_forge.core.ids import digest, key64
from persona_forge.core.tables.schema import text
from persona_forge.dataset.catalog import connect
from persona_forge.dataset.events import UNDO
from persona_forge.dataset.exports import Exported
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.hf import write_files
from persona_forge.dataset.ledger import note_export
from persona_forge.dataset.parcels import packed, splits_of, whole_folder
from persona_forge.text.tags import EVENTS

MOST_OPTIONS = 5
UNLABELLED = {
    "rhythm": "pauses are measured, but nothing says what rhythm they make",
    "scenario": "clips have no background",
    "event": "clips have no sound but the speaker's",
}
CARD = "the voice's card"
FAILED = "the clip fails a gate"
SEVERAL = "vocal: several sounds in one clip"

_texts = ("item_id", "dimension", "language", "split", "question", "answer", "label", "by", "utterance_id", "seed_id")
SCHEMA = pa.schema(
    {
        "audio": pa.struct({"bytes": pa.binary(), "path": text}),
        **dict.fromkeys(_texts, text),
        "options": pa.list_(text),
        "answer_index": pa.int32(),
    }
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    dimension: str
    answer: str
    """The label."""
    by: str
    """What says that it is true."""
    clip: Mapping[str, Any]


def export_paralinguistic(folder: Folder, out: Path, *, split: str | None = None) -> Exported:
    """Writes the folder `out`; raises Misuse where no clip has anything that can be asked."""
    folder.read_card()
    made = Exported(left_out=[(name, f"{name}: {why}") for name, why in UNLABELLED.items()])
    clips = _clips(folder, splits_of(split))
    items = balanced(_items(clips, _heard(folder), made), made)
    if not items:
        raise Misuse(f"nothing in {folder.where} can be asked; left out: {len(made.left_out):,}",
                     todo="it needs speech that was checked: persona-forge speak --out DIR")  # fmt: skip
    with whole_folder(out) as here:
        for name in splits_of(split):
            lines = [line for line in mixed(items) if line["split"] == name]
            if lines:
                made.rows[name] = write_files(here / "data", name, packed(_with_audio(folder, lines)))
        note_export(folder, "paralinguistic", out, made.rows.total(), ("clips",), split)
    return made


@cache
def questions() -> dict[str, Row]:
    """Dimension → its question, answers and label, as paralinguistic.toml has them."""
    return tomllib.loads((files("persona_forge.dataset") / "paralinguistic.toml").read_text(encoding="utf-8"))


# What is true of a clip -----------------------------------------------------------------------------------------------


def _clips(folder: Folder, splits: tuple[str, ...]) -> list[Row]:
    """Everything but the audio, and the gender of the voice."""
    if "qc_obeyed" not in folder.scan("checks").collect_schema() or "part" not in folder.scan("clips").collect_schema():
        raise Misuse(f"the speech in {folder.where} was checked by an older version, tag by tag it says nothing",
                     todo="persona-forge speak --out DIR --redo cast")  # fmt: skip
    wanted = ", ".join(f"u.{q['wanted']}" for q in questions().values() if "wanted" in q)
    with connect(folder) as connection:
        clips: list[Row] = connection.sql(
            f"SELECT u.utterance_id, u.script_id, u.seed_id, u.language, u.split, u.text, {wanted}, u.qc_obeyed,"
            " u.qc_pass, c.gender FROM utterances u LEFT JOIN casting c ON c.scene_id = u.scene_id AND c.role = u.role"
            f" WHERE u.part <> 'back_channel' AND list_contains({list(splits)}, u.split) ORDER BY u.utterance_id"
        ).to_arrow_table().to_pylist()  # fmt: skip
    return clips


def _heard(folder: Folder) -> dict[tuple[str, str], str]:
    """(utterance, tag) → what more than half of its listeners heard, of those that said something of it."""
    events = folder.scan("events").filter(pl.col("app") == "listen").sort("at", "event_id").collect()
    said: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    undone = {json.loads(d).get("event_id") for d in events.filter(pl.col("verdict") == UNDO)["detail"]}
    for event in events.iter_rows(named=True):
        detail = json.loads(event["detail"])
        blind = detail.get("blind", True)  # who knows what was wanted hears it
        if event["event_id"] not in undone and blind and isinstance(detail.get("heard"), dict):
            for tag, value in detail["heard"].items():
                said[event["on"], tag][event["who"]] = value  # a later word of the same listener counts
    most = {on: Counter(by.values()).most_common(1)[0] for on, by in said.items()}
    return {on: value for on, (value, votes) in most.items() if 2 * votes > len(said[on])}


def _items(clips: Iterable[Row], heard: Mapping[tuple[str, str], str], made: Exported) -> Iterator[Item]:
    for clip in clips:
        if clip["qc_pass"] is False:
            made.left_out.append((clip["utterance_id"], FAILED))
            continue
        if clip["gender"] in questions()["gender"]["answers"]:
            yield Item("gender", clip["gender"], CARD, clip)
        found_so = sorted(clip["qc_obeyed"] or (), key=lambda verdict: verdict["obeyed"] is not True)
        verdicts = {verdict["tag"]: verdict for verdict in found_so}  # of two sighs, the one that is not there counts
        for dimension, question in questions().items():
            if label := clip.get(question.get("wanted", "")):
                found = _judged(dimension, question["tag"], label, clip, verdicts, heard)
                if isinstance(found, Item):
                    yield found
                else:
                    made.left_out.append((clip["utterance_id"], f"{dimension}: {found}"))
        sounds = [tag for tag in EVENTS if verdicts.get(tag, {}).get("obeyed")]
        if len(sounds) == 1:
            yield Item("vocal", sounds[0], verdicts[sounds[0]]["by"], clip)
        elif sounds:
            made.left_out.append((clip["utterance_id"], SEVERAL))


def _judged(
    dimension: str, tag: str, label: str, clip: Row, verdicts: Mapping[str, Row], heard: Mapping[tuple[str, str], str]
) -> Item | str:
    """The item, or why there is none. What listeners heard outranks what was measured."""
    if label not in questions()[dimension]["answers"]:
        return "no answer says it"
    if (ears := heard.get((clip["utterance_id"], tag))) is not None:
        return Item(dimension, label, "listeners", clip) if ears == label else "listeners heard something else"
    obeyed = verdicts.get(tag, {}).get("obeyed")
    if obeyed:
        return Item(dimension, label, verdicts[tag]["by"], clip)
    return "measured as not obeyed" if obeyed is False else "it cannot be told here, and no listener said"


# What is asked --------------------------------------------------------------------------------------------------------


def balanced(items: Iterable[Item], made: Exported) -> list[Item]:
    """Within split, language and dimension as many of each answer: of the choices, that by which most items stay."""
    groups: dict[tuple[str, str, str], dict[str, list[Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        groups[item.clip["split"], item.clip["language"], item.dimension][item.answer].append(item)
    kept: list[Item] = []
    for (split, language, dimension), answers in sorted(groups.items()):
        ranked = sorted(answers.items(), key=lambda kv: (-len(kv[1]), kv[0]))
        if len(ranked) < 2:
            made.left_out.append((f"{split} {language}", f"{dimension}: one answer is all there is, {ranked[0][0]}"))
            continue
        number = max(range(2, len(ranked) + 1), key=lambda k: k * len(ranked[k - 1][1]))
        each = len(ranked[number - 1][1])
        for place, (_, found) in enumerate(ranked):
            drawn = sorted(found, key=lambda item: key64("item", item.dimension, item.clip["utterance_id"]))
            left = each if place < number else 0
            kept += drawn[:left]
            made.left_out += [
                (i.clip["utterance_id"], f"{dimension}: more than its answers in balance") for i in drawn[left:]
            ]
    return kept


def mixed(items: Iterable[Item]) -> Iterator[Row]:
    """Items as rows: options mixed, and each answer in every place equally often."""
    groups: dict[tuple[str, str, str], list[Item]] = defaultdict(list)
    for item in items:
        groups[item.clip["split"], item.clip["language"], item.dimension].append(item)
    for group in groups.values():
        labels = sorted({item.answer for item in group})
        for n, item in enumerate(group):
            yield _line(item, labels, n)


def _line(item: Item, labels: list[str], n: int) -> Row:
    clip, question = item.clip, questions()[item.dimension]
    item_id = digest("item", item.dimension, clip["utterance_id"])
    others = sorted((x for x in labels if x != item.answer), key=lambda label: key64(item_id, label))[
        : MOST_OPTIONS - 1
    ]
    place = n % (len(others) + 1)
    options = [*others[:place], item.answer, *others[place:]]
    words = [question["answers"][label][clip["language"]] for label in options]
    return {
        "item_id": item_id,
        "dimension": item.dimension,
        "language": clip["language"],
        "split": clip["split"],
        "question": question["question"][clip["language"]],
        "options": words,
        "answer": words[place],
        "answer_index": place,
        "label": item.answer,
        "by": item.by,
        "utterance_id": clip["utterance_id"],
        "seed_id": clip["seed_id"],
    }


def _with_audio(folder: Folder, lines: list[Row]) -> Iterator[pa.Table]:
    asked = pl.Series([line["utterance_id"] for line in lines])
    for shard in folder.names("clips"):
        clips = folder.scan("clips", [shard]).filter(pl.col("utterance_id").is_in(asked.implode()))
        heard = dict(clips.select("utterance_id", "audio").collect().iter_rows())
        found = [{**line, "audio": heard[line["utterance_id"]]} for line in lines if line["utterance_id"] in heard]
        yield pa.Table.from_pylist(found, schema=SCHEMA)
