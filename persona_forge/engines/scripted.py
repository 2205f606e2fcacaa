"""A Chat without a model: fills any reply schema from a keyed stream, for tests and dry runs.

Every value is drawn from blake2b of row id, sample and its path in the schema, so a reply depends on nothing else.
Constants and enumerations are kept, numbers stay in their bounds, arrays and texts in their lengths; texts are everyday
sentences in Chinese or English, as a `language` in the schema or else the last message says.

Left out: sense, `pattern`, `format`, `multipleOf`.
"""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

from pydantic import BaseModel

from persona_forge.core.ids import key64, unit
from persona_forge.core.ports import Ask, Reply, Usage
from persona_forge.engines.validate import Ending, Heard, read, schema_text

_SENTENCES = {
    "en": (
        "The kettle is on.",
        "I walked home by the river today.",
        "Tell me how it went.",
        "My sister keeps bees now.",
        "It rained all morning, so I stayed in.",
        "I'd rather hear it from you.",
        "Let's take it one step at a time.",
        "There is soup left if you're hungry.",
    ),
    "zh": (
        "水烧开了。",
        "今天我沿着河边走回家。",
        "跟我说说怎么样了。",
        "我妹妹最近在养蜜蜂。",
        "早上一直下雨，我就没出门。",
        "我想听你亲口说。",
        "我们一步一步来。",
        "你要是饿了，锅里还有汤。",
    ),
}


class ScriptedChat:
    """`broken` is the share of replies that break their schema, by the row's own draw, anew in a repair round."""

    engine = "scripted"
    model = "scripted"

    def __init__(self, *, latency_s: float = 0.0, broken: float = 0.0) -> None:
        self._latency_s, self._broken = latency_s, broken

    async def ask(self, ask: Ask, reply: type[BaseModel]) -> Reply:
        await asyncio.sleep(self._latency_s)
        schema = json.loads(schema_text(reply))
        last = ask.messages[-1].content if ask.messages else ""
        fill = _Fill(ask, schema.get("$defs", {}), _language(schema) or ("zh" if _is_chinese(last) else "en"))
        raw = json.dumps(fill.value(schema, "$"), ensure_ascii=False)
        if unit("scripted", "broken", ask.row_id, str(ask.sample), str(len(ask.messages))) < self._broken:
            raw = raw[: len(raw) // 2]
        prompt, completion = (math.ceil(n / 4) for n in (sum(len(m.content) for m in ask.messages), len(raw)))
        ending: Ending = "cut" if completion > ask.max_tokens else "whole"
        usage = Usage(max(1, prompt), min(completion, ask.max_tokens))
        return read(Heard(raw[: ask.max_tokens * 4], ending, usage), reply)

    async def close(self) -> None:
        pass


class _Fill:
    def __init__(self, ask: Ask, definitions: dict[str, Any], language: str) -> None:
        self._ask, self._definitions, self._bank = ask, definitions, _SENTENCES[language]
        self._said: set[str] = set()

    def value(self, schema: dict[str, Any], path: str) -> Any:
        if "$ref" in schema:
            return self.value(self._definitions[schema["$ref"].rsplit("/", 1)[-1]], path)
        if "const" in schema:
            return schema["const"]
        for key in ("enum", "anyOf", "oneOf", "prefixItems"):
            if key in schema:
                return self._choice(schema[key], key, path)
        return self._typed(schema, path)

    def _choice(self, options: list[Any], key: str, path: str) -> Any:
        if key == "prefixItems":
            return [self.value(s, f"{path}[{i}]") for i, s in enumerate(options)]
        chosen = options[self._below(len(options), path)]
        return chosen if key == "enum" else self.value(chosen, path)

    def _typed(self, schema: dict[str, Any], path: str) -> Any:
        match schema.get("type"):
            case "object":
                return {name: self.value(s, f"{path}.{name}") for name, s in schema.get("properties", {}).items()}
            case "array":
                fewest = schema.get("minItems", 0)
                size = fewest + self._below(schema.get("maxItems", fewest + 3) - fewest + 1, path)
                return [self.value(schema.get("items", {}), f"{path}[{i}]") for i in range(size)]
            case "integer":
                least, most = (int(b) for b in _bounds(schema, 1))
                return least + self._below(most - least + 1, path)
            case "number":
                low, high = _bounds(schema, 1e-9)
                return low + (high - low) * unit("scripted", *self._who(path))
            case "boolean":
                return self._below(2, path) == 1
            case "null":
                return None
            case _:
                return self._text(schema.get("minLength", 1), schema.get("maxLength", 10_000), path)

    def _text(self, low: int, high: int, path: str) -> str:
        """Within one reply no text is said twice while the bank and the bounds allow another."""
        start = self._below(len(self._bank), path)
        turned = self._bank[start:] + self._bank[:start]
        text = next((s for s in turned if s[:high] not in self._said), turned[0])
        while len(text) < low:
            text += self._bank[self._below(len(self._bank), f"{path}+{len(text)}")]
        self._said.add(text[:high])
        return text[:high]

    def _below(self, n: int, path: str) -> int:
        return key64("scripted", *self._who(path)) % n

    def _who(self, path: str) -> tuple[str, str, str]:
        return self._ask.row_id, str(self._ask.sample), path


def _bounds(schema: dict[str, Any], step: float) -> tuple[float, float]:
    low = schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else schema.get("minimum")
    high = schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else schema.get("maximum")
    if low is None:
        low = 0 if high is None else high - 100
    return low, low + 100 if high is None else high


def _language(schema: dict[str, Any]) -> str | None:
    said = schema.get("properties", {}).get("language", {}).get("const")
    return said if said in _SENTENCES else None


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)
