"""Act 3: who speaks with which voice, the clips, what was measured on them, and which words were heard.

Audio is written once, by `clips`; `measures` and `checks` are small tables beside it, so that measuring again, or a
listener's verdict, rewrites no audio. The catalog joins the three as `utterances`.
"""

from __future__ import annotations

import pyarrow as pa

from persona_forge.core.tables.act2 import events
from persona_forge.core.tables.schema import Column, Table, count, real, rows, text

CASTING = Table(
    "casting",
    1,
    "The voice of one role in one scene; a persona has the same voice in all its scenes.",
    "scene_id",
    (
        Column("scene_id", text, "The scene."),
        Column("shard", text, "The shard of clips in which it is spoken."),
        Column("scripts_shard", text, "The shard that holds its script."),
        Column("role", text, "persona or partner."),
        Column("persona_id", text, "The persona of the scene."),
        Column("seed_id", text, "The seed behind it."),
        Column("language", text, "zh or en."),
        Column("voice", text, "The engine's name for the voice."),
        Column("gender", text, "The voice's gender, as its maker says."),
        Column("age_group", text, "The voice's age group, as its maker says."),
        Column("engine", text, "The voice engine."),
        Column("licence", text, "The voice's licence."),
    ),
)

CLIPS = Table(
    "clips",
    1,
    "One spoken turn: what was wanted, how it was made, and the audio.",
    "utterance_id",
    (
        Column("utterance_id", text, "A hash of the script, the turn and the voice."),
        Column("script_id", text, "The script."),
        Column("scene_id", text, "The scene."),
        Column("turn", count, "Number of the turn, from 0."),
        Column("role", text, "persona or partner."),
        Column("persona_id", text, "The persona of the scene."),
        Column("seed_id", text, "The seed behind it."),
        Column("language", text, "zh or en."),
        Column("split", text, "train, validation or test."),
        Column("text", text, "The words, without tags."),
        Column("audio", pa.struct([("bytes", pa.binary()), ("path", text)]), "FLAC, mono, 24 kHz; path is a name."),
        Column("offset_s", real, "Start within the dialogue, in seconds."),
        Column("gap_s", real, "Silence since the turn before; negative where the two overlap."),
        Column("want_gender", text, "The gender of the voice asked for.", nullable=True),
        Column("want_age_group", text, "child, teen, young_adult, middle_aged or elderly.", nullable=True),
        Column("want_timbre", text, "The timbre asked for.", nullable=True),
        Column("want_emotion", text, "neutral, happy, sad, angry, fearful, disgusted, surprised or other."),
        Column("want_intensity", real, "How strong the emotion is, 0 to 1."),
        Column("want_style", text, "The scene-level tone."),
        Column("want_speed", text, "slow, medium_slow, medium, medium_fast or fast."),
        Column("want_speed_ratio", real, "Speed as a ratio of the voice's own."),
        Column("want_pitch", text, "low, medium_low, medium, medium_high or high."),
        Column("want_volume", text, "whisper, soft, normal, loud or shout."),
        Column("want_events", events, "Non-verbal events, and before which character."),
        Column("want_instruction", text, "The direction in words, at most 200 characters."),
        Column("text_tagged", text, "The words with inline tags."),
        Column("made_engine", text, "The voice engine."),
        Column("made_model", text, "The model behind it."),
        Column("made_voice", text, "The voice."),
        Column("made_licence", text, "The voice's licence."),
        Column("made_parameters", text, "JSON: what the engine was given."),
        Column("made_not_obeyed", pa.list_(text), "Controls that the engine said it did not carry out."),
        Column("made_events", rows(type=text, start_s=real, end_s=real), "Events rendered, with their times."),
    ),
)

MEASURES = Table(
    "measures",
    1,
    "What was measured on one clip.",
    "utterance_id",
    (
        Column("utterance_id", text, "The clip."),
        Column("seed_id", text, "The seed behind it."),
        Column("meas_duration_s", real, "Length in seconds."),
        Column("meas_rate", real, "Speaking rate, silence excluded; null without speech.", nullable=True),
        Column("meas_rate_unit", text, "characters/s (zh) or syllables/s (en)."),
        Column("meas_f0_median_hz", real, "Median pitch of the voiced part.", nullable=True),
        Column("meas_f0_sd_st", real, "Spread of the pitch in semitones.", nullable=True),
        Column("meas_lufs", real, "Integrated loudness, ITU-R BS.1770; null for a clip too short.", nullable=True),
        Column("meas_peak_dbfs", real, "Highest sample; null for digital silence.", nullable=True),
        Column("meas_voiced_ratio", real, "Share of frames that are voiced."),
        Column("meas_pauses", rows(start_s=real, end_s=real), "Silences of at least 0.2 s within the clip."),
    ),
)

CHECKS = Table(
    "checks",
    1,
    "Whether the words of one clip were heard.",
    "utterance_id",
    (
        Column("utterance_id", text, "The clip."),
        Column("seed_id", text, "The seed behind it."),
        Column("qc_asr_text", text, "What the recogniser heard; null where there was none.", nullable=True),
        Column("qc_error_rate", real, "WER (en) or CER (zh); null where nothing was heard.", nullable=True),
        Column("qc_asr", text, "The recogniser and its model."),
        Column("qc_pass", pa.bool_(), "Whether every gate is passed; null where none could be tried.", nullable=True),
        Column("qc_reasons", pa.list_(text), "The gates that were not passed."),
    ),
)
