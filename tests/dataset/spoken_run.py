"""A small run with speech that was checked tag by tag, made by hand: four dialogues, one of them with a pair."""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from persona_forge.core.tables import (
    CANDIDATES,
    CASTING,
    CHECKS,
    CLIPS,
    EVENTS,
    FAMILIES,
    JUDGEMENTS,
    MEASURES,
    PAIRS,
    SCENES,
    SCRIPTS,
    SEEDS,
    Table,
    personas,
)
from persona_forge.core.tables.act2 import OF_SCRIPT
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.seals import Seal, write_seal
from persona_forge.dataset.shards import write_table
from persona_forge.space.ontology import read_ontology

Row = dict[str, Any]
TRAITS = """
[dimensions.gender]
label = { en = "gender", zh = "性别" }
[dimensions.gender.values]
female = { weight = 1, label = { en = "female", zh = "女" }, phrase = { en = "You are female.", zh = "你是女性。" } }
male = { weight = 1, label = { en = "male", zh = "男" }, phrase = { en = "You are male.", zh = "你是男性。" } }
[dimensions.verbosity]
label = { en = "verbosity", zh = "话多话少" }
[dimensions.verbosity.values]
terse = { weight = 1, label = { en = "terse", zh = "寡言" }, phrase = { en = "You say little.", zh = "你话少。" } }
chatty = { weight = 1, label = { en = "chatty", zh = "健谈" }, phrase = { en = "You say a lot.", zh = "你话多。" } }
"""
ONTOLOGY = read_ontology(TRAITS, "traits.toml")
HOSTILE = "# A</script><script>alert(1)</script> [x](https://evil.example/) **b** | <img src=x onerror=y> `c` {{7*7}}"
CALM = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "normal"}
SCRIPTED = (("s-a", "en", "plain", "train"), ("s-b", "zh", "plain", "train"), ("s-c", "en", "attack", "train"),
            ("s-d", "zh", "attack", "test"))  # fmt: skip
SPEEDS = ("slow", "fast", "slow", "fast")
WORDS = {"en": ("Still up?", "I am.", "You're an AI, Ada.", "I carry the post."),
         "zh": ("还没睡？", "没呢。", "你其实是个程序吧？", "我是送信的。")}  # fmt: skip


def row(table: Table, **values: Any) -> Row:
    return {**dict.fromkeys(table.names, ""), **values}


def seal(folder: Folder, table: Table, rows: list[Row], shard: str = "g000-0000") -> None:
    size, sha = write_table(folder.rows(table.name, shard), table, table.frame(rows))
    write_seal(folder.seal(table.name, shard), Seal(table.name, shard, "by hand", "", len(rows), size, sha,
                                                    len(rows), 0, None, "", "", {}))  # fmt: skip


def flac(hz: float, seconds: float = 0.4) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(np.arange(int(24000 * seconds)) * hz * 2 * np.pi / 24000), 24000, format="FLAC")
    return file.getvalue()


def dealt() -> list[Row]:
    return [{"dimension": d.name, "value": d.values[0].name} for d in ONTOLOGY.dimensions]


def people() -> list[Row]:
    """Every persona there can be, a seed after the other; what the zh seed's gender is, it withholds in one."""
    found = []
    for language in ("en", "zh"):
        for n, (gender, verbosity) in enumerate(product(("female", "male"), ("terse", "chatty"))):
            of = {"persona_id": bytes([n, language == "zh"] * 8), "seed_id": f"seed-{language}", "language": language}
            hidden = language == "zh" and n == 3
            found.append({**of, "gender": None if hidden else gender, "verbosity": verbosity, "origin": "fill",
                          "split": "test" if n == 2 else "train"})  # fmt: skip
    return found


def turns(language: str, script_id: str) -> list[Row]:
    return [{"turn": n, "role": "persona" if n % 2 else "partner", "text": words,
             "text_tagged": f"{{sad:0.5}}{{sigh}}{words}", "instruction": "", "delivery": CALM, "events": []}
            for n, words in enumerate(WORDS[language])]  # fmt: skip


def clip(script_id: str, language: str, split: str, turn: int, part: str = "turn", **more: Any) -> Row:
    name = f"{script_id}-{turn}-{part}"
    of = {"utterance_id": name, "script_id": script_id, "scene_id": f"scene {script_id}", "turn": turn, "part": part,
          "seed_id": f"seed-{language}", "language": language, "split": split}  # fmt: skip
    want = {"want_emotion": "sad", "want_intensity": 0.5, "want_speed": SPEEDS[turn], "want_speed_ratio": 1.0,
            "want_pitch": "low", "want_style": "warm", "want_volume": "normal", "want_events": []}  # fmt: skip
    made = {"made_engine": "kokoro", "made_licence": "Apache-2.0", "made_not_obeyed": [], "made_events": []}
    shown = {"text": WORDS[language][turn], "role": "persona" if turn % 2 else "partner", "offset_s": 1.0 * turn,
             "gap_s": -0.1 if turn == 2 else 0.3, "floor": "overlap" if turn == 2 else "gap"}  # fmt: skip
    audio = {"bytes": flac(200 + 10 * turn), "path": f"{name}.flac"}
    nothing = dict.fromkeys(("pair_id", "want_gender", "want_age_group", "want_timbre"))
    return row(CLIPS, **{**of, **shown, **want, **made, **nothing, "audio": audio, **more})


def verdict(tag: str, obeyed: bool | None, wanted: str = "") -> Row:
    return {"tag": tag, "wanted": wanted, "obeyed": obeyed, "by": "f0" if tag == "pitch" else "rate", "value": 1.0,
            "neutral": 1.1}  # fmt: skip


def check(of: Row, **more: Any) -> Row:
    obeyed = [verdict("speed", True, of["want_speed"]), verdict("pitch", of["turn"] != 1, "low"),
              verdict("emotion", None, "sad")] + [verdict("sigh", True)] * (of["turn"] == 0) + [
                  verdict("laugh", True), verdict("laugh", False)] * (of["turn"] == 2)  # fmt: skip
    found = {"qc_obeyed": obeyed, "qc_error_rate": 0.1, "qc_mos": 3.5, "qc_pass": of["turn"] != 3, "qc_reasons": []}
    return row(CHECKS, **{"utterance_id": of["utterance_id"], "seed_id": of["seed_id"], **found, **more})


def event(n: int, app: str, on: str, verdict: str, who: str = "ann", **detail: Any) -> Row:
    return row(EVENTS, event_id=f"e{n}", at=f"2026-01-01T00:00:{n:02d}", who=who, app=app, on=on, verdict=verdict,
               detail=json.dumps(detail))  # fmt: skip


EVENTS_MADE = [
    event(1, "compare", "pair s-c", "chosen", pick="right"),
    event(2, "compare", "pair s-c", "chosen", "bob", pick="right"),
    event(3, "review", "seed-en", "approve"),
    event(4, "review", "seed-en", "reject", "bob"),
    event(5, "listen", "s-a-0-turn", "heard", heard={"emotion": "sad"}),
    event(6, "listen", "s-a-2-turn", "heard", heard={"emotion": "happy"}),
    event(7, "listen", "s-c-0-turn", "heard", heard={"emotion": "sad"}),
    event(8, "listen", "s-c-0-turn", "undo", event_id="e7"),
]


def spoken_run(root: Path) -> Folder:
    """Four dialogues of four turns; the sad mood of one clip was heard, of the others nobody said so."""
    folder = Folder(root)
    root.mkdir(parents=True)
    targets = [{"of": "verbosity", "language": None, "shares": {"terse": 0.5, "chatty": 0.5}}]
    config = {"run": {"key": "k"}, "personas": {"targets": targets}, "dialogues": {"engine": "local"},
              "seeds": {"paths": ["/home/me"]}}  # fmt: skip
    engines = {"chat": {"engine": "local", "model": "m"}}
    folder.write_card({"config": config, "engines": engines, "ingredients": {}, "ontology": "o", "stages": []})
    folder.ontology.write_text(TRAITS, encoding="utf-8")
    nothing: Row = {"catchphrases": [], "opinions": [], "emotional_limits": [], "withheld": [], "pins": [], "flags": []}
    for language, name in (("en", HOSTILE), ("zh", "程野")):
        more = {"name": name, "prose": f"{HOSTILE} {name}", "licence": "CC-BY-4.0", "source": "by hand", "extras": "{}"}
        seal(folder, SEEDS, [row(SEEDS, seed_id=f"seed-{language}", language=language, review="new",
                                 author_kind="human", style="Dry.", **more, **nothing)], language)  # fmt: skip
    seal(folder, FAMILIES, [row(FAMILIES, seed_id=f"seed-{x}", family=f"seed-{x}", near=None, similarity=0.0,
                                split="train") for x in WORDS])  # fmt: skip
    seal(folder, personas({d.name: sorted(d.names) for d in ONTOLOGY.dimensions}), people())
    scripts, scenes, clips, cast = [], [], [], []
    for name, language, kind, split in SCRIPTED:
        of = {"script_id": name, "scene_id": f"scene {name}", "persona_id": "p", "seed_id": f"seed-{language}",
              "language": language, "split": split}  # fmt: skip
        attack = "you_are_an_ai" if kind == "attack" else None
        scripts.append(row(SCRIPTS, **of, probe_turn=2 if attack else None, turns=turns(language, name)))
        scenes.append(row(SCENES, **{k: v for k, v in of.items() if k in SCENES.names}, kind=kind, attack=attack,
                          exit=None, depth=2, turns=4, partner={}, code_switched=False, traits=dealt()))  # fmt: skip
        clips += [clip(name, language, split, n) for n in range(4)]
        own = {"f0_scale": 1.0, "formant_scale": 1.0, "breathiness": 0.0, "tremor": 0.0}
        cast += [row(CASTING, scene_id=of["scene_id"], role=role, gender=gender, **own)
                 for role, gender in (("persona", "female"), ("partner", "male"))]  # fmt: skip
    clips += [clip("s-c", "en", "train", 3, part, pair_id="pair s-c") for part in ("chosen", "rejected")]
    clips.insert(2, clip("s-a", "en", "train", 1, "back_channel", floor="back_channel"))
    seal(folder, SCENES, scenes)
    seal(folder, SCRIPTS, scripts)
    seal(folder, CASTING, cast)
    for place, half in enumerate((clips[:9], clips[9:])):
        shard = f"g000-{place:04d}"
        seal(folder, CLIPS, half, shard)
        floats = {c.name: 1.0 for c in MEASURES.columns if c.name.startswith("meas_")}
        lists = {"meas_pauses": [], "meas_events": [], "meas_rate_unit": ""}
        seal(folder, MEASURES, [{"utterance_id": c["utterance_id"], "seed_id": c["seed_id"], **floats, **lists}
                                for c in half], shard)  # fmt: skip
        seal(folder, CHECKS, [check(c) for c in half], shard)
    _judged(folder, scripts[2])
    seal(folder, EVENTS, EVENTS_MADE)
    return folder


def _judged(folder: Folder, script: Row) -> None:
    of = {c.name: script[c.name] for c in OF_SCRIPT}
    made = {"delivery": CALM, "events": [], "engine": "", "model": ""}
    replies = {side: {"candidate_id": side, "text": said, "text_tagged": said, **made}
               for side, said in (("chosen", "I carry the post."), ("rejected", HOSTILE))}  # fmt: skip
    seal(folder, PAIRS, [row(PAIRS, **of, **replies, pair_id="pair s-c", kind="stay", attack="you_are_an_ai", exit=None,
                             depth=2, assertion="admits_no_ai", system="You are Ada.", prompt=script["turns"][:3],
                             margin=0.5, decided_by="annotator", shown_first="chosen")])  # fmt: skip
    seal(folder, CANDIDATES, [row(CANDIDATES, **of, candidate_id="chosen", turn=3, sample=0, wanted="keep",
                                  assertion="admits_no_ai", delivery=CALM, events=[])])  # fmt: skip
    looks = [row(JUDGEMENTS, **of, candidate_id="chosen", judgement_id=f"j{n}", judged_by="model", sample=n,
                 verdict="held", score=score) for n, score in enumerate((60.0, 100.0))]  # fmt: skip
    seal(folder, JUDGEMENTS, looks)
