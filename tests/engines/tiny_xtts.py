"""An XTTS of random weights, small enough for a test: noise comes out, through every line of Coqui's own code."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import soundfile

MARKS = ["[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[zh-cn]"]
LETTERS = [*string.ascii_lowercase, *string.digits, *".,!?'-:;\"() "]
AUDIO_TOKENS = 1024
LONGEST = 16
"""Audio tokens of one sentence; less than a second."""
VOICES = """
[anna]
language = ["en", "zh"]
gender = "female"
age_group = "young_adult"
licence = "CC0-1.0"
[[anna.clips]]
path = "calm.wav"
licence = "CC0-1.0"
consent = "made of noise: there is no speaker"
[[anna.clips]]
path = "sad.wav"
emotion = "sad"
licence = "CC0-1.0"
consent = "made of noise: there is no speaker"
[bert]
language = "en"
gender = "male"
age_group = "elderly"
licence = "CC-BY-4.0"
[[bert.clips]]
path = "sad.wav"
emotion = "sad"
licence = "CC-BY-4.0"
consent = "made of noise: there is no speaker"
"""


def write_model(folder: Path) -> Path:
    """config.json, vocab.json and model.pth, as TTS.api.TTS reads them from a folder."""
    import torch
    from tokenizers import Tokenizer, models
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig
    from TTS.tts.models.xtts import VoiceBpeTokenizer, Xtts

    folder.mkdir(parents=True)
    vocabulary = folder / "vocab.json"
    tokenizer = Tokenizer(models.BPE({t: n for n, t in enumerate([*MARKS, *LETTERS])}, [], unk_token="[UNK]"))
    tokenizer.add_special_tokens(MARKS)
    tokenizer.save(str(vocabulary))
    sizes = XttsArgs(
        gpt_layers=2,
        gpt_n_heads=4,
        gpt_n_model_channels=64,
        decoder_input_dim=64,
        gpt_max_audio_tokens=LONGEST,
        gpt_max_text_tokens=200,
        gpt_num_audio_tokens=AUDIO_TOKENS + 2,
        gpt_start_audio_token=AUDIO_TOKENS,
        gpt_stop_audio_token=AUDIO_TOKENS + 1,
        gpt_use_perceiver_resampler=True,
        tokenizer_file=str(vocabulary),
    )
    config = XttsConfig(model_args=sizes, audio=XttsAudioConfig())
    config.languages = ["en", "zh-cn"]
    torch.manual_seed(3)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=str(vocabulary))
    model.init_models()
    torch.save({"model": model.state_dict()}, folder / "model.pth")
    config.save_json(str(folder / "config.json"))
    return folder


def write_voices(folder: Path) -> Path:
    """Two voices with clips of noise."""
    for seed, name in enumerate(("calm", "sad")):
        noise = np.random.default_rng(seed).standard_normal(16_000 * 2) * 0.1
        soundfile.write(folder / f"{name}.wav", noise, 16_000)
    path = folder / "voices.toml"
    path.write_text(VOICES, encoding="utf-8")
    return path
