"""Act 2: which persona meets whom, where and under what pressure; and what was said."""

from __future__ import annotations

import pyarrow as pa

from persona_forge.core.tables.schema import Column, Table, count, real, rows, text

traits = rows(dimension=text, value=text)
partner = pa.struct([("age_band", text), ("gender", text), ("mood", text), ("delivery", text)])
delivery = pa.struct([("emotion", text), ("intensity", real), ("speed", text), ("pitch", text), ("volume", text)])
events = rows(type=text, char_pos=count)

SCENES = Table(
    "scenes",
    1,
    "One persona chosen for one scenario.",
    "scene_id",
    (
        Column("scene_id", text, "A hash of the persona and every factor of the scene."),
        Column("shard", text, "The shard of scripts in which it is written."),
        Column("persona_id", text, "The persona, as 32 hex digits."),
        Column("seed_id", text, "The seed behind the persona."),
        Column("language", text, "zh or en."),
        Column("split", text, "train, validation or test."),
        Column("traits", traits, "The persona's traits, so that acts 2 and 3 need not look among millions."),
        Column("domain", text, "companion, service, in_car, spoken_qa, tutoring or game."),
        Column("relationship", text, "What the partner is to the persona."),
        Column("tone", text, "The scene-level tone."),
        Column("attack", text, "The pressure to break character; null in a scene without.", nullable=True),
        Column("exit", text, "The cue for which leaving the role is right; null where there is none.", nullable=True),
        Column("depth", count, "Turns before the attack or exit."),
        Column("turns", count, "Turns in all; the partner speaks first, then they alternate."),
        Column("partner", partner, "Who the partner is, in what mood, and in what delivery the partner speaks."),
        Column("probe_id", text, "One for all depths of the same probe."),
        Column("twin_id", text, "The in-fiction twin of an exit.", nullable=True),
        Column("contrast_id", text, "The scene with the same words in another delivery.", nullable=True),
    ),
)

turns = rows(turn=count, role=text, text=text, text_tagged=text, instruction=text, delivery=delivery, events=events)

SCRIPTS = Table(
    "scripts",
    1,
    "One dialogue.",
    "scene_id",
    (
        Column("script_id", text, "A hash of the scene, the engine, the model and the sample number."),
        Column("scene_id", text, "The scene it was written for."),
        Column("persona_id", text, "The persona."),
        Column("seed_id", text, "The seed behind it."),
        Column("language", text, "zh or en."),
        Column("split", text, "train, validation or test."),
        Column(
            "turns",
            turns,
            "The turns in order: who speaks, the words, the words with inline tags, the scene-level instruction, "
            "the delivery wanted and the non-verbal events wanted.",
        ),
        Column("engine", text, "The chat engine."),
        Column("model", text, "The model behind it."),
        Column("prompt_version", text, "The prompt file and its digest."),
        Column("parameters", text, "JSON: what was asked of the engine."),
    ),
)
