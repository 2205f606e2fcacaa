"""What a model that judges is shown: the persona, the scene, the dialogue, and the definition of one assertion.

All that anybody wrote stands as a JSON string on one line, with angle brackets escaped: no words of a persona, a
partner or a reply begin a line, close their quotation or look like a mark of a chat template. `quoted` finds the words
that a model gives as evidence where they stand, and nothing else is evidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from persona_forge.dialogues.assertions import definition
from persona_forge.dialogues.factors import words
from persona_forge.dialogues.findings import Context
from persona_forge.dialogues.probes import right
from persona_forge.dialogues.showing import first_sentences, speaker

LONGEST_CARD = {"en": 900, "zh": 350}
FIRST_TURNS, LAST_TURNS = 2, 12
"""Of a long dialogue its beginning is shown, where a safe word is agreed on, and its end."""
SHORTEST_EVIDENCE = 2
_WHO = {"en": {"partner": "other", "persona": "persona"}, "zh": {"partner": "对方", "persona": "人物"}}
_QUOTES = "\"'“”‘’「」 \n"
_ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>\x7f\x85\u2028\u2029"}
"""Signs that JSON lets stand, and that end a line or begin a mark."""
_STRAIGHT = str.maketrans("“”‘’", "\"\"''")


def data(text: str) -> str:
    """Text as what it is to a prompt: a string on one line."""
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPED)


def rubric(assertion: str, context: Context) -> dict[str, Any]:
    """What the prompts of a judge may name, but for the replies."""
    scene, language = context.scene, context.language
    return {
        "persona": data(speaker(context.seed)),
        "card": data(_card(context)),
        **{k: words(k, scene[k], language) for k in ("domain", "relationship")},
        "delivery": words("delivery", scene["partner"]["delivery"], language),
        "dialogue": [
            {"turn": t["turn"], "who": _WHO[language][t["role"]], "text": data(t["text"])} for t in _shown(context)
        ],
        "answer": right(scene),
        **definition(assertion, language),
    }


def quoted(evidence: str, texts: Iterable[str]) -> str | None:
    """The words as they stand in one of the texts, whatever their quotation marks; None where they stand in none."""
    wanted = evidence.strip(_QUOTES).translate(_STRAIGHT)
    if len(wanted) < SHORTEST_EVIDENCE:
        return None
    for text in texts:
        at = text.translate(_STRAIGHT).find(wanted)
        if at >= 0:
            return text[at : at + len(wanted)]
    return None


def _card(context: Context) -> str:
    seed, colon = context.seed, "：" if context.language == "zh" else ": "
    parts = [first_sentences(seed["prose"], LONGEST_CARD[context.language]), seed["style"]]
    parts += [f"{o['topic']}{colon}{o['stance']}" for o in seed["opinions"]]
    parts += [f"{limit['trigger']}{colon}{limit['reaction']}" for limit in seed["emotional_limits"]]
    return " ".join(part.strip() for part in parts if part.strip())


def _shown(context: Context) -> list[Mapping[str, Any]]:
    turns = list(context.before)
    return turns if len(turns) <= FIRST_TURNS + LAST_TURNS else [*turns[:FIRST_TURNS], *turns[-LAST_TURNS:]]
