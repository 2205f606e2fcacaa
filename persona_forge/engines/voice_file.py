"""The voices of an engine that cannot say itself whose they are: a TOML file, one table a voice.

    [anna]                              the engine's own name for the voice
    language = "zh"                     or several: ["en", "zh"]
    gender = "female"                   female or male
    age_group = "young_adult"
    licence = "CC0-1.0"                 of what is spoken with it
    [[anna.clips]]                      an engine that copies voices: whom to sound like, and in which mood
    path = "anna/happy.wav"             relative to the file
    emotion = "happy"
    licence = "CC0-1.0"
    consent = "signed release of 3 March 2025, kept by the studio"

A clip without its licence, or without a note of its speaker's consent, is refused.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from persona_forge.core.errors import ConfigError, Misuse
from persona_forge.core.ids import digest
from persona_forge.core.ports import VoiceCard

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Language = Literal["en", "zh"]


class Clip(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Words
    emotion: Literal["neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "other"] = "neutral"
    licence: Words
    consent: Words


class Speaker(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Language | tuple[Language, ...]
    gender: Literal["female", "male"]
    age_group: Literal["child", "teen", "young_adult", "middle_aged", "elderly"]
    licence: Words
    lacks: str = ""
    clips: tuple[Clip, ...] = Field(default=())

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.language,) if isinstance(self.language, str) else self.language

    def card(self, name: str, language: str) -> VoiceCard:
        return VoiceCard(name, language, self.gender, self.age_group, self.licence, self.lacks)


def refuse_stranger(voice: str, cards: Iterable[VoiceCard], language: str, model: str) -> None:
    """Raises Misuse for a voice that is none of these."""
    names = [card.name for card in cards]
    if voice not in names:
        raise Misuse(f"{model} has no voice {voice!r} for {language!r}", allowed=", ".join(names) or "none")


def read_voices(path: Path) -> dict[str, Speaker]:
    """By name; the clips' paths made whole. Raises ConfigError naming the file and the key."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        speakers = TypeAdapter(dict[str, Speaker]).validate_python(data)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the file of voices {path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}: {first['msg'].lower()}",
                          todo="say whose the voice is: language, gender, age_group and licence; and of each reference "
                          "clip its path, its licence and a note of its speaker's consent") from error  # fmt: skip
    if not speakers:
        raise ConfigError(f"{path} names no voice", todo="add a table for each: [name]")
    return {name: _placed(path, name, speaker) for name, speaker in speakers.items()}


def _placed(file: Path, name: str, speaker: Speaker) -> Speaker:
    clips = []
    for n, clip in enumerate(speaker.clips):
        whole = file.parent / clip.path
        if not whole.is_file():
            raise ConfigError(f"{file}: {name}.clips.{n}.path: there is no file {whole}")
        clips.append(clip.model_copy(update={"path": str(whole)}))
    return speaker.model_copy(update={"clips": tuple(clips)})


def digest_of(path: Path) -> str:
    """Of the file and the clips that it names: another clip is another voice."""
    clips = [c.path for speaker in read_voices(path).values() for c in speaker.clips]
    return digest(path.read_bytes(), *(Path(c).read_bytes() for c in clips))
