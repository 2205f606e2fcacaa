"""What a person should look at in a seed before it is multiplied: each flag with the words that raised it.

A flag is no verdict. Of some kinds a seed is held back until somebody approves it ([seeds] hold); the others are there
to be seen. All of a seed's own text is read: the prose and every field that speaks. Near-duplicates are found apart,
since they are a matter of two (see curate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from persona_forge.text.language import is_mixed
from persona_forge.text.lexicon import one_of
from persona_forge.text.minors import MINOR_AGES, minor_words
from persona_forge.text.near import units
from persona_forge.text.normalise import hidden
from persona_forge.text.personal import personal_data
from persona_forge.text.task import task_words
from persona_forge.text.unsafe import distressing, unsafe

Kind = Literal[
    "personal_data", "unsafe", "distressing", "minor", "not_a_persona", "near_duplicate", "too_short", "too_long",
    "mixed_language", "hidden_characters", "formula", "placeholder",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

LENGTHS = {"en": (5, 800), "zh": (10, 1600)}
"""Words (en) or characters (zh) of prose: with fewer there is hardly somebody, with more it crowds every prompt."""
SHOWN = 80
"""Characters of evidence."""

_FORMULA = re.compile(r"=\S|[+\-@](?=[\w(\"'=@])(?!\d+(?:\s|$))")
_PLACEHOLDER = one_of(r"""
    \{\{\s*\w+\s*\}\}
    \{(char|user|name|role|character|series|input|text)\}
    <(char|user|bot|name|role|your[ _]name)>
    \[(insert|your|name|char|user|role|city|job|age)\b[^\]\n]{0,30}\]
    lorem ipsum|x{4,}
    【(填写|请填|输入|姓名|名字)[^】\n]{0,20}】
    [（(]此处(填写|省略)[^）)\n]{0,20}[）)]
    《自行输入》|待补充
    """)


def flags_of(seed: Mapping[str, Any], raw: str) -> list[dict[str, str]]:
    """The flags of a row of SEEDS; `raw` is the record as it came, before it was normalised."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for kind, evidence, detail in _findings(seed, raw):
        evidence = evidence[:SHOWN]
        found.setdefault((kind, evidence), {"kind": kind, "evidence": evidence, "detail": detail})
    return list(found.values())


def texts_of(seed: Mapping[str, Any]) -> Iterator[str]:
    """What an author wrote, the prose first; without pins, which quote it."""
    yield from (seed["prose"], seed["name"], seed["style"], seed["voice"])
    for column in ("opinions", "catchphrases", "emotional_limits"):
        yield from (value for row in seed[column] for value in row.values() if isinstance(value, str))


def _findings(seed: Mapping[str, Any], raw: str) -> Iterator[tuple[Kind, str, str]]:
    prose, language = seed["prose"], seed["language"]
    texts = list(texts_of(seed))
    every = "\n".join(texts)
    for words, says in personal_data(every):
        yield "personal_data", words, says
    for words, says in unsafe(every):
        yield "unsafe", words, says
    for words, says in distressing(every):
        yield "distressing", words, says
    ages = {p["value"]: p["evidence"] for p in seed["pins"] if p["dimension"] == "age_band"}
    young = next((ages[age] for age in ages if age in MINOR_AGES), "") if ages else minor_words(prose)
    if young:
        yield "minor", young, "may be under 18: no romantic, sexual or abusive scene"
    if words := task_words(prose):
        yield "not_a_persona", words, "says what to do with an input, not who somebody is"
    least, most = LENGTHS[language]
    if (length := len(units(prose, language))) < least:
        yield "too_short", prose, f"{length} of at least {least}"
    elif length > most:
        yield "too_long", prose, f"{length} of at most {most}"
    if is_mixed(prose):
        yield "mixed_language", prose, f"taken for {language}"
    for point in hidden(raw):
        yield "hidden_characters", point, "was taken out"
    for text in texts:
        if _FORMULA.match(text):
            yield "formula", text, "a spreadsheet would run it"
        for match in _PLACEHOLDER.finditer(text):
            yield "placeholder", match.group(), "a gap that was never filled"
