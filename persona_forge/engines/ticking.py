"""Ports that tell of each piece of work as it comes, for whoever shows progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from persona_forge.core.ports import Chat, Delivery, Spoken, Voice, VoiceCard

Tick = Callable[[], None]


class TickingChat:
    """Tells of every reply."""

    def __init__(self, chat: Chat, tick: Tick) -> None:
        self._chat, self._tick = chat, tick
        self.engine, self.model = chat.engine, chat.model

    async def ask(self, ask: Any, reply: Any) -> Any:
        try:
            return await self._chat.ask(ask, reply)
        finally:
            self._tick()

    async def close(self) -> None:
        await self._chat.close()


class TickingVoice:
    """Tells of every turn as it is spoken."""

    def __init__(self, voice: Voice, tick: Tick) -> None:
        self._voice, self._tick = voice, tick
        self.engine, self.model, self.licence = voice.engine, voice.model, voice.licence
        self.controls, self.blends = voice.controls, voice.blends
        self.at_once: int = getattr(voice, "at_once", 1)

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        return self._voice.voices(language)

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        try:
            return self._voice.speak(text, voice=voice, language=language, delivery=delivery)
        finally:
            self._tick()
