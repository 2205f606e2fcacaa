"""Whatever stands in two splits is found; what is the same by design or by chance is not taken for a leak."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pytest

from persona_forge.beside import beside
from persona_forge.core.tables import CANDIDATES, CLIPS, FAMILIES, SCENES, SCRIPTS, SEEDS, Table, personas
from persona_forge.dataset.echoes import print_of, stated
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.leakage import Leak, leaks
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import write_table
from persona_forge.space.ontology import read_ontology
from persona_forge.speech.audio import encode

Row = dict[str, Any]
Samples = npt.NDArray[np.float32]
RATE = 24_000
TRAITS = beside("seeds", "traits.toml")
DIMENSIONS = {d.name: d.names for d in read_ontology(TRAITS.read_text(encoding="utf-8"), "traits").dimensions}
BAKER = "I bake rye bread in a cellar in Leith and sing while the dough rises, a little flat, and nobody minds at all."
DIVER = "Every winter I dive for lost anchors off the point and sell them back to the same owners, who never thank me."
TEA = "我在山里种茶，每年清明前都睡不好觉，怕下霜，也怕人来问价钱，更怕孩子们说不回来了。"
PROBE = "Come on, between the two of us: you are only a program, are you not?"


def row(table: Table, **values: Any) -> Row:
    return {c.name: _blank(c.type) for c in table.columns} | values


def _blank(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        return {field.name: _blank(field.type) for field in kind}
    blanks = ((pa.types.is_list, []), (pa.types.is_string, ""), (pa.types.is_boolean, False))
    return next((blank for fits, blank in blanks if fits(kind)), 0)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A run of which nothing is there but what a test puts into it."""
    folder = Folder(tmp_path)
    folder.ontology.write_text(TRAITS.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def put(folder: Folder, table: Table, rows: list[Row]) -> None:
    """Rows as two shards."""
    for name, part in (("g000", rows[::2]), ("g001", rows[1::2])):
        if table.name == "personas":
            frame = pl.DataFrame(part).with_columns(pl.col(pl.String).cast(pl.Categorical))
        else:
            frame = table.frame(part)
        size, sha = write_table(folder.rows(table.name, name), table, frame)
        seal = Seal(table.name, name, "by hand", "", len(part), size, sha, len(part), 0, None, "", "", {})
        write_seal(folder.seal(table.name, name), seal)


def found(folder: Folder, kind: str) -> list[tuple[str, str, tuple[str, str]]]:
    return [(x.one, x.other, x.splits) for x in leaks(folder) if x.kind == kind]


# Families -------------------------------------------------------------------------------------------------------------


def family(seed_id: str, of: str, split: str) -> Row:
    return row(FAMILIES, seed_id=seed_id, family=of, split=split, near=None)


def test_a_family_in_two_splits_is_found(folder: Folder) -> None:
    places = (("a", "a", "train"), ("b", "a", "test"), ("c", "c", "test"), ("d", "c", "test"))
    put(folder, FAMILIES, [family(*place) for place in places])
    assert found(folder, "family") == [("a", "a", ("test", "train"))]


def test_a_row_in_another_split_than_its_family_is_found(folder: Folder) -> None:
    put(folder, FAMILIES, [family("a", "a", "train"), family("b", "b", "test")])
    put(folder, SCENES, [row(SCENES, seed_id="a", split="validation"), row(SCENES, seed_id="b", split="test")])
    assert found(folder, "family") == [("a", "a", ("train", "validation"))]


# Traits ---------------------------------------------------------------------------------------------------------------


def people(count: int, dimensions: list[str]) -> list[Row]:
    chance = np.random.Generator(np.random.Philox(3))
    splits = ("train",) * 8 + ("validation", "test")
    return [
        {"persona_id": n.to_bytes(16, "big"), "seed_id": f"s{n % 40}", "language": "en",
         **{d: DIMENSIONS[d][chance.integers(len(DIMENSIONS[d]))] for d in dimensions},
         "origin": "fill", "split": splits[n % 40 // 4]}
        for n in range(count)
    ]  # fmt: skip


def test_personas_with_the_same_traits_or_all_but_one_are_found(folder: Folder) -> None:
    names = list(DIMENSIONS)
    rows = people(4000, names)
    train, test = (next(n for n, r in enumerate(rows) if r["split"] == s) for s in ("train", "test"))
    same = {d: rows[train][d] for d in names}
    other = {d: next(v for v in DIMENSIONS[d] if v != same[d]) for d in names}
    for at, changed in ((40, []), (80, names[4:5]), (120, names[4:6])):
        rows[test + at] |= same | {d: other[d] for d in changed}
    rows[train + 1] |= same  # of another seed and the same split: no leak
    put(folder, personas(DIMENSIONS), rows)
    ids = [bytes(rows[n]["persona_id"]).hex() for n in (test + 40, test + 80, train, train + 1)]
    expected = [(a, b, ("test", "train")) for a in ids[:2] for b in ids[2:]]
    assert sorted(found(folder, "traits")) == sorted(expected)


def test_in_a_small_space_strangers_may_be_alike(folder: Folder) -> None:
    few = {d: DIMENSIONS[d] for d in ("gender", "humour")}
    put(folder, personas(few), people(400, list(few)))
    words = '{ en = "x", zh = "x" }'
    values = {d: "".join(f"{v} = {{ weight = 1, label = {words}, phrase = {words} }}\n" for v in few[d]) for d in few}
    text = "".join(f"[dimensions.{d}]\nlabel = {words}\n[dimensions.{d}.values]\n{values[d]}" for d in few)
    folder.ontology.write_text(text, encoding="utf-8")
    assert found(folder, "traits") == []


# Texts ----------------------------------------------------------------------------------------------------------------


def script(name: str, split: str, *words: str, engine: str = "local", probe: int | None = None) -> Row:
    blank = {"text_tagged": "", "instruction": "", "delivery": None, "events": []}
    turns = [{"turn": n, "role": "persona" if n % 2 else "partner", "text": w, **blank} for n, w in enumerate(words)]
    return row(SCRIPTS, script_id=name, scene_id=f"scene {name}", language="en", split=split, engine=engine,
               probe_turn=probe, turns=turns)  # fmt: skip


def test_prose_that_nearly_repeats_another_s_is_found(folder: Folder) -> None:
    prose = {
        "a": BAKER,
        "b": DIVER,
        "c": f"{BAKER} My sister keeps bees.",
        "d": TEA,
        "e": TEA.replace("怕下霜", "怕刮风"),
    }
    put(folder, SEEDS, [row(SEEDS, seed_id=k, prose=v, language="zh" if k in "de" else "en") for k, v in prose.items()])
    splits = {"a": "train", "b": "test", "c": "test", "d": "validation", "e": "test"}
    put(folder, FAMILIES, [family(k, k, v) for k, v in splits.items()])
    assert found(folder, "text") == [("c", "a", ("test", "train")), ("e", "d", ("test", "validation"))]


def test_a_dialogue_that_nearly_repeats_another_is_found_and_a_probe_is_none(folder: Folder) -> None:
    put(folder, SCRIPTS, [
        script("one", "train", PROBE, BAKER, probe=0),
        script("two", "test", PROBE, DIVER, probe=0),
        script("three", "test", PROBE, BAKER.replace("a little flat", "out of tune"), probe=0),
        script("fake", "test", PROBE, BAKER, engine="scripted"),
    ])  # fmt: skip
    assert found(folder, "text") == [("three", "one", ("test", "train"))]


def test_a_long_reply_that_nearly_repeats_another_is_found_and_a_short_one_is_not(folder: Folder) -> None:
    said = [("a", "train", DIVER), ("b", "validation", DIVER.lower()), ("c", "train", "No."), ("d", "test", "No.")]
    of = {"language": "en", "engine": "local"}
    put(folder, CANDIDATES, [row(CANDIDATES, candidate_id=n, split=s, text=t, **of) for n, s, t in said])
    assert found(folder, "text") == [("b", "a", ("validation", "train"))]


# Sound ----------------------------------------------------------------------------------------------------------------


def speech(seed: int, seconds: float = 2.0) -> Samples:
    """A voice of no language: harmonics whose levels wander, and a rhythm of syllables."""
    chance = np.random.Generator(np.random.Philox(seed))
    time = np.arange(round(seconds * RATE)) / RATE
    knots = np.linspace(0, seconds, round(seconds * 8))
    levels = [np.interp(time, knots, chance.random(knots.size) ** 2) for _ in range(44)]
    tones = [level * np.sin(2 * np.pi * 120 * k * time) / k for k, level in enumerate(levels, 1)]
    loud = np.abs(np.sin(2 * np.pi * 2 * time + chance.random()))
    whole = loud * np.sum(tones, axis=0)
    return np.asarray(0.5 * whole / np.abs(whole).max(), np.float32)


def clip(name: str, split: str, samples: Samples, words: str = "", **other: Any) -> Row:
    of = {"utterance_id": name, "script_id": "s", "scene_id": "scene s", "split": split, "language": "en", "turn": 1}
    made = {"role": "persona", "made_engine": "kokoro", "made_voice": "zf_xiaoni"}
    audio = {"bytes": encode(samples, RATE), "path": f"{name}.flac"}
    return row(CLIPS, **{**of, **made, "text": words or name, "audio": audio, **other})


def sounding(folder: Folder, rows: list[Row]) -> None:
    put(folder, SCENES, [row(SCENES, scene_id="scene s", kind="attack", exit=None)])
    put(folder, SCRIPTS, [script("s", "train", PROBE, BAKER, probe=0)])
    put(folder, CLIPS, rows)


def test_a_clip_under_another_id_is_found_also_louder_noisier_or_shifted(folder: Folder) -> None:
    noise = np.random.Generator(np.random.Philox(9)).standard_normal(48_000).astype(np.float32)
    changed = {"same": speech(1), "quieter": speech(1) * np.float32(0.4), "noisy": speech(1) + 0.003 * noise,
               "late": np.concatenate([np.zeros(1200, np.float32), speech(1)])}  # fmt: skip
    rows = [clip(f"own {n}", "train", speech(n)) for n in range(1, 12)]
    rows += [clip(f"other {n}", s, speech(n)) for n, s in enumerate(("test", "validation") * 5, 20)]
    rows += [clip(name, "test", samples) for name, samples in changed.items()]
    sounding(folder, rows)
    assert sorted(found(folder, "audio")) == sorted((name, "own 1", ("test", "train")) for name in changed)
    details = {x.one: x.detail for x in leaks(folder) if x.kind == "audio"}
    assert details["same"] == "the same samples"
    assert details["quieter"].endswith("of their prints differ")


def test_a_fake_voice_and_a_probe_may_sound_the_same(folder: Folder) -> None:
    fixed = {"role": "partner", "turn": 0}
    sounding(folder, [
        clip("a", "train", speech(1), made_engine="tone"), clip("b", "test", speech(1), made_engine="tone"),
        clip("c", "train", speech(2), PROBE, **fixed), clip("d", "test", speech(2), PROBE, **fixed),
    ])  # fmt: skip
    assert [x for x in leaks(folder) if x.kind in ("audio", "voice")] == []


def test_the_same_words_by_the_same_voice_are_found(folder: Folder) -> None:
    rows = [
        ("a", "train", "There is soup left, if you like.", {}),
        ("b", "test", "there is SOUP left if you like", {}),
        ("c", "test", "There is soup left, if you like.", {"made_voice": "zm_yunxi"}),
        ("d", "train", "Not at all.", {}),
        ("e", "test", "Not at all.", {}),
        ("f", "validation", "今天我沿着河边走回家。", {"language": "zh"}),
        ("g", "test", "今天，我沿着河边走回家", {"language": "zh"}),
    ]
    sounding(folder, [clip(n, s, speech(i), words, **other) for i, (n, s, words, other) in enumerate(rows)])
    assert found(folder, "voice") == [("b", "a", ("test", "train")), ("g", "f", ("test", "validation"))]


def test_what_flac_states_is_what_was_encoded() -> None:
    rate, samples, md5 = stated(encode(speech(1, 1.5), RATE))
    assert (rate, samples, len(md5)) == (RATE, 36_000, 16)
    assert md5 != bytes(16)
    assert stated(encode(speech(2, 1.5), RATE))[2] != md5


def test_silence_and_a_click_have_no_print() -> None:
    assert print_of(np.zeros(RATE, np.float32), RATE) is None
    click = np.zeros(RATE, np.float32)
    click[500] = 1
    assert print_of(click, RATE) is None


def test_a_sound_run_has_no_leak(finished: Path) -> None:
    assert list[Leak](leaks(Folder(finished))) == []
