"""A persona as a live session: the first message that a client sends to a speech-to-speech service, as JSON values.

Only fields that the services document, under the names that they document:
    stepfun   "session.update" of StepFun's API reference (platform.stepfun.com/docs/api-reference/realtime/chat)
    openai    "session.update" of OpenAI's API reference, Realtime › Client events (RealtimeSessionCreateRequest)
    gemini    BidiGenerateContentSetup of "Live API - WebSockets API reference" (ai.google.dev/api/live)
    doubao    the payload of StartSession in 火山引擎 "端到端实时语音大模型API接入文档" (docs/6561/1594356)

StepFun and OpenAI take the model from the connection's address, so it is no part of the message. Keys and tokens go
into the connection's headers, and never into a message. A voice is named where the persona's gender is known to be
female or male, else the service's own default speaks. What a service has no field for the instructions say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from persona_forge.core.errors import Misuse

Session = dict[str, Any]

VOICES: Mapping[str, Mapping[str, str]] = {
    "stepfun": {"female": "qingchunshaonv", "male": "wenrounansheng"},
    "openai": {"female": "marin", "male": "cedar"},
    "gemini": {"female": "Kore", "male": "Charon"},
    "doubao": {"female": "zh_female_vv_jupiter_bigtts", "male": "zh_male_yunzhou_jupiter_bigtts"},
}
"""StepFun's and Doubao's names tell the gender, Google lists Gemini's; OpenAI states none, and these are as heard."""
MODELS = {"gemini": "models/gemini-2.5-flash-native-audio-preview-12-2025", "doubao": "1.2.1.0"}
"""Where the message names a model: Gemini's native audio model, and Doubao's O2.0, which takes a role in words."""
LONGEST_NAME = 20
"""Characters of Doubao's bot_name."""
END_OF_TURN_MS = 800
"""Silence that ends the user's turn, where a service lets one say so: a persona should not cut people short."""


@dataclass(frozen=True, slots=True)
class Player:
    """Who is to be played."""

    name: str
    instructions: str
    """The system prompt."""
    gender: str | None = None
    style: str = ""
    """How the persona talks."""


def session(to: str, player: Player, *, model: str | None = None) -> Session:
    """The message; raises Misuse for an unknown service, or for a model where the message names none."""
    if to not in SERVICES:
        raise Misuse(f"unknown service {to!r}", allowed=", ".join(SERVICES))
    if model and to not in MODELS:
        raise Misuse(f"--model {model}: {to} takes the model from the connection's address",
                     allowed=f"--model for {' and '.join(MODELS)}")  # fmt: skip
    return SERVICES[to](player, VOICES[to].get(player.gender or ""), model or MODELS.get(to, ""))


def _stepfun(player: Player, voice: str | None, model: str) -> Session:
    said = {"modalities": ["text", "audio"], "instructions": player.instructions}
    audio = {"input_audio_format": "pcm16", "output_audio_format": "pcm16", "turn_detection": {"type": "server_vad"}}
    return {"type": "session.update", "session": {**said, **_named("voice", voice), **audio}}


def _openai(player: Player, voice: str | None, model: str) -> Session:
    pcm = {"type": "audio/pcm", "rate": 24_000}
    ear = {"type": "server_vad", "silence_duration_ms": END_OF_TURN_MS, "create_response": True,
           "interrupt_response": True}  # fmt: skip
    audio = {"input": {"format": pcm, "turn_detection": ear}, "output": {"format": pcm, **_named("voice", voice)}}
    said = {"instructions": player.instructions, "output_modalities": ["audio"]}
    return {"type": "session.update", "session": {"type": "realtime", **said, "audio": audio}}


def _gemini(player: Player, voice: str | None, model: str) -> Session:
    speech = {"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}} if voice else {}
    ear = {"disabled": False, "silenceDurationMs": END_OF_TURN_MS}
    return {"setup": {
        "model": model,
        "generationConfig": {"responseModalities": ["AUDIO"], **speech},
        "systemInstruction": {"parts": [{"text": player.instructions}]},
        "realtimeInputConfig": {"automaticActivityDetection": ear},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }}  # fmt: skip


def _doubao(player: Player, voice: str | None, model: str) -> Session:
    role = {"bot_name": player.name[:LONGEST_NAME], "system_role": player.instructions}
    return {
        "asr": {"extra": {"end_smooth_window_ms": END_OF_TURN_MS}},
        "tts": {
            **_named("speaker", voice),
            "audio_config": {"channel": 1, "format": "pcm_s16le", "sample_rate": 24_000},
        },
        "dialog": {**role, **_named("speaking_style", player.style), "extra": {"model": model}},
    }


def _named(field: str, value: str | None) -> dict[str, str]:
    return {field: value} if value else {}


SERVICES: Mapping[str, Callable[[Player, str | None, str], Session]] = {
    "stepfun": _stepfun, "openai": _openai, "gemini": _gemini, "doubao": _doubao,
}  # fmt: skip
