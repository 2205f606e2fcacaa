"""Act 2: which persona meets whom and under what pressure, what was said, how it was judged, which reply is better."""

from __future__ import annotations

import pyarrow as pa

from persona_forge.core.tables.schema import Column, Table, count, real, rows, text

traits = rows(dimension=text, value=text)
partner = pa.struct([("age_band", text), ("gender", text), ("mood", text), ("delivery", text)])
delivery = pa.struct([("emotion", text), ("intensity", real), ("speed", text), ("pitch", text), ("volume", text)])
events = rows(type=text, char_pos=count)

OF_SCRIPT = (
    Column("script_id", text, "The dialogue."),
    Column("scene_id", text, "Its scene."),
    Column("persona_id", text, "The persona."),
    Column("seed_id", text, "The seed behind it."),
    Column("language", text, "zh or en."),
    Column("split", text, "train, validation or test."),
)
MAKER = (
    Column("engine", text, "The chat engine."),
    Column("model", text, "The model behind it."),
    Column("prompt_version", text, "The prompt file and its digest."),
    Column("parameters", text, "JSON: what was asked of the engine."),
)

SCENES = Table(
    "scenes",
    2,
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
        Column("kind", text, "plain, attack, exit, twin (an exit's cue inside the fiction) or contrast."),
        Column("domain", text, "companion, service, in_car, spoken_qa, tutoring or game."),
        Column("relationship", text, "What the partner is to the persona."),
        Column("tone", text, "The scene-level tone."),
        Column("attack", text, "The pressure to break character; null in a scene without.", nullable=True),
        Column(
            "exit",
            text,
            "The cue for which leaving the role is right, or in a twin would be, if it stood outside "
            "the fiction; null where there is none.",
            nullable=True,
        ),
        Column(
            "probe",
            text,
            "The partner's words at the probe, fixed before anything is written; null in a plain scene.",
            nullable=True,
        ),
        Column("depth", count, "Turns before the probe; the probe is the partner's turn of this number."),
        Column("turns", count, "Turns in all; the partner speaks first, then they alternate."),
        Column("partner", partner, "Who the partner is, in what mood, and in what delivery the partner speaks."),
        Column("probe_id", text, "One for all depths of the same probe."),
        Column("twin_id", text, "One for an exit and its twin in the fiction.", nullable=True),
        Column("contrast_id", text, "One for two scenes with the same words in two deliveries.", nullable=True),
        Column("writing", text, "one_shot (the whole dialogue in one reply) or self_play (turn by turn)."),
        Column("code_switched", pa.bool_(), "Whether the persona mixes words of the other language in."),
    ),
)

turns = rows(turn=count, role=text, text=text, text_tagged=text, instruction=text, delivery=delivery, events=events)

SCRIPTS = Table(
    "scripts",
    2,
    "One dialogue.",
    "scene_id",
    (
        *OF_SCRIPT,
        Column(
            "probe_turn",
            count,
            "The number of the partner's turn that is the probe; null in a plain scene.",
            nullable=True,
        ),
        Column(
            "turns",
            turns,
            "The turns in order: who speaks, the words, the words with inline tags, the scene-level instruction, "
            "the delivery wanted and the non-verbal events wanted.",
        ),
        *MAKER,
    ),
)

CANDIDATES = Table(
    "candidates",
    1,
    "One possible reply of the persona to one turn of a dialogue: to the probe, or in a plain scene the last turn's.",
    "candidate_id",
    (
        Column("candidate_id", text, "A hash of the script, the turn, what was wanted and the sample number."),
        *OF_SCRIPT,
        Column("turn", count, "The turn that it would be; all turns before it are the prompt."),
        Column("sample", count, "Its number among those of the same kind."),
        Column("wanted", text, "keep (stay or leave as the scene has it right) or break (violate `assertion`)."),
        Column("assertion", text, "The one assertion that is at stake, by name; null in a plain scene.", nullable=True),
        Column("text", text, "The words."),
        Column("text_tagged", text, "The words with inline tags."),
        Column("delivery", delivery, "How it is to be said."),
        Column("events", events, "Non-verbal events wanted."),
        *MAKER,
    ),
)

JUDGEMENTS = Table(
    "judgements",
    1,
    "One look at a candidate, by code, by a model or by a classifier.",
    "candidate_id",
    (
        Column("judgement_id", text, "A hash of the candidate, the judge and the sample number."),
        Column("candidate_id", text, "What was judged."),
        *OF_SCRIPT,
        Column("judged_by", text, "code, model or classifier."),
        Column("judge", text, "The rule, or engine and model, or the classifier's name and digest."),
        Column("sample", count, "Its number among those of the same judge."),
        Column("assertion", text, "The assertion looked at; in_character for the whole."),
        Column("verdict", text, "held, broken or unclear."),
        Column("score", real, "0 (wholly broken) to 100 (wholly held); null where a rule gives none.", nullable=True),
        Column("evidence", text, "The words of the dialogue that show it; null where there are none.", nullable=True),
        Column("why", text, "In a sentence."),
    ),
)

reply = pa.struct(
    [("candidate_id", text), ("text", text), ("text_tagged", text), ("delivery", delivery), ("events", events),
     ("engine", text), ("model", text)]
)  # fmt: skip

PAIRS = Table(
    "pairs",
    2,
    "A better and a worse reply to the same prompt, and the one assertion that the worse one violates.",
    "scene_id",
    (
        Column("pair_id", text, "A hash of both candidates."),
        *OF_SCRIPT,
        Column("kind", text, "stay, exit or contrast."),
        Column("attack", text, "The pressure; null where there is none.", nullable=True),
        Column("exit", text, "The cue to leave, real or in the fiction; null where there is none.", nullable=True),
        Column("depth", count, "Turns before the probe."),
        Column("assertion", text, "What the rejected reply violates."),
        Column(
            "evidence", text, "The words of the rejected reply that show it; null where none were found.", nullable=True
        ),
        Column("system", text, "Who the persona is, as a system prompt."),
        Column("prompt", turns, "The dialogue up to and with the probe."),
        Column("chosen", reply, "The reply that is right."),
        Column("rejected", reply, "The reply that is not."),
        Column("margin", real, "How much better, 0 to 1; null where nobody measured it.", nullable=True),
        Column("decided_by", text, "Who says so: annotator, model, code or writer (nobody looked)."),
        Column("shown_first", text, "chosen or rejected: which one stands first where two are shown; balanced."),
    ),
)
