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
    2,
    "The voice of one role in one scene; a persona has the same voice in all its scenes.",
    "scene_id",
    (
        Column("scene_id", text, "The scene."),
        Column("shard", text, "The shard of clips in which it is spoken."),
        Column("scripts_shard", text, "The shard that holds its script."),
        Column("pairs_shard", text, "The shard that holds the pairs of its script."),
        Column("role", text, "persona or partner."),
        Column("persona_id", text, "The persona of the scene."),
        Column("seed_id", text, "The seed behind it."),
        Column("language", text, "zh or en."),
        Column("voice", text, "The engine's name for the voice, or a blend of two: a+b:0.4."),
        Column("f0_scale", real, "What is done to the voice so that it is the persona's own: pitch, as a ratio."),
        Column("formant_scale", real, "Formants, as a ratio; above 1 a smaller speaker."),
        Column("breathiness", real, "0 is the voice's own, 1 a whisper."),
        Column("tremor", real, "Unsteadiness, as age brings it, 0 to 1."),
        Column("gender", text, "The voice's gender, as its maker says."),
        Column("age_group", text, "The voice's age group, as its maker says."),
        Column("engine", text, "The voice engine."),
        Column("licence", text, "The voice's licence."),
    ),
)

CLIPS = Table(
    "clips",
    2,
    "One spoken turn, reply of a pair or back-channel: what was wanted, how it was made, and the audio.",
    "utterance_id",
    (
        Column("utterance_id", text, "A hash of the script, the turn and the voice."),
        Column("script_id", text, "The script."),
        Column("scene_id", text, "The scene."),
        Column("turn", count, "Number of the turn, from 0; of a back-channel, the turn that it falls into."),
        Column("part", text, "turn (of the dialogue), back_channel, chosen or rejected."),
        Column("pair_id", text, "The pair whose reply this is; null for what belongs to the dialogue.", nullable=True),
        Column("role", text, "persona or partner."),
        Column("persona_id", text, "The persona of the scene."),
        Column("seed_id", text, "The seed behind it."),
        Column("language", text, "zh or en."),
        Column("split", text, "train, validation or test."),
        Column("text", text, "The words, without tags."),
        Column("audio", pa.struct([("bytes", pa.binary()), ("path", text)]), "FLAC, mono, 24 kHz; path is a name."),
        Column("offset_s", real, "Start within the dialogue, in seconds; a pair's reply stands where the turn would."),
        Column("gap_s", real, "Silence since the turn before; negative where the two overlap."),
        Column("floor", text, "How the turn was taken: start, gap, overlap, interruption or back_channel."),
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
        Column("made_parameters", text, "JSON: what the engine was given, and what was done to its voice afterwards."),
        Column("made_not_obeyed", pa.list_(text), "Controls that neither the engine nor an effect carried out."),
        Column("made_events", rows(type=text, start_s=real, end_s=real), "Events rendered, with their times."),
    ),
)

meas = (
    Column("meas_duration_s", real, "Length in seconds."),
    Column("meas_rate", real, "Speaking rate, silence excluded; null without speech.", nullable=True),
    Column("meas_rate_unit", text, "characters/s (zh) or syllables/s (en)."),
    Column("meas_f0_median_hz", real, "Median pitch of the voiced part.", nullable=True),
    Column("meas_f0_sd_st", real, "Spread of the pitch in semitones.", nullable=True),
    Column("meas_lufs", real, "Integrated loudness, ITU-R BS.1770; null for a clip too short.", nullable=True),
    Column("meas_peak_dbfs", real, "Highest sample; null for digital silence.", nullable=True),
    Column("meas_snr_db", real, "Level of speech over that of the pauses; null where none can be told.", nullable=True),
    Column("meas_hnr_db", real, "Harmonics over noise in the voiced part; null without one.", nullable=True),
    Column("meas_tilt_db", real, "Level below 1 kHz over that above, of speech; null without.", nullable=True),
    Column("meas_voiced_ratio", real, "Share of the time of speech that is voiced."),
    Column("meas_pauses", rows(start_s=real, end_s=real), "Silences of at least 0.2 s within the clip."),
    Column("meas_events", rows(type=text, start_s=real, end_s=real), "Non-verbal sounds that were found, and where."),
)

MEASURES = Table(
    "measures",
    2,
    "What was measured on one clip.",
    "utterance_id",
    (Column("utterance_id", text, "The clip."), Column("seed_id", text, "The seed behind it."), *meas),
)

BASELINES = Table(
    "baselines",
    1,
    "What one voice sounds like when nothing is asked of it: a fixed sentence, spoken plainly.",
    "voice",
    (
        Column("voice", text, "The voice, as it is cast."),
        Column("language", text, "zh or en."),
        Column("engine", text, "The voice engine."),
        Column("effects", text, "JSON: what is done to the voice in this cast, as in casting."),
        Column("sentence", count, "The number of the sentence."),
        *meas,
    ),
)

obeyed = rows(tag=text, wanted=text, obeyed=pa.bool_(), by=text, value=real, neutral=real)

CHECKS = Table(
    "checks",
    2,
    "What of one clip is as it was wanted: the words, the quality, each tag.",
    "utterance_id",
    (
        Column("utterance_id", text, "The clip."),
        Column("seed_id", text, "The seed behind it."),
        Column("qc_asr_text", text, "What the recogniser heard; null where there was none.", nullable=True),
        Column("qc_error_rate", real, "WER (en) or CER (zh); null where nothing was heard.", nullable=True),
        Column("qc_asr", text, "The recogniser and its model."),
        Column("qc_mos", real, "Predicted mean opinion score, 1 to 5; null where it is not fair.", nullable=True),
        Column("qc_mos_model", text, "What predicted it.", nullable=True),
        Column(
            "qc_obeyed",
            obeyed,
            "Each tag that was wanted (speed, pitch, volume, emotion, sigh, …): obeyed, not, or null where nothing "
            "here can tell; by what; the value measured and the neutral one.",
        ),
        Column("qc_pass", pa.bool_(), "Whether every gate is passed; null where none could be tried.", nullable=True),
        Column("qc_reasons", pa.list_(text), "The gates that were not passed."),
    ),
)
