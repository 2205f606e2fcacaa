"""The wording of the annotators' apps: every phrase that their code uses, in both languages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from persona_forge.personas.flags import KINDS
from persona_forge.personas.review import REASONS
from persona_forge.speech.listen import QUESTIONS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.parametrize(("app", "built", "lacks"), [
    ("review_seeds", {f"flag_{x}" for x in KINDS} | {f"reason_{x}" for x in REASONS}, {"agreement_first"}),
    ("compare_replies", {f"said_{x}" for x in ("left", "right", "tie", "both_bad", "skip", "comment")},
     {"disputes", "search_in"}),
    ("listen", {"said_heard", "said_skip", "said_comment"} | {f"{q}_{x}" for q in QUESTIONS for x in QUESTIONS[q]},
     {"disputes"}),
])  # fmt: skip
def test_every_phrase_that_an_app_uses_is_there_in_both_languages(app: str, built: set[str], lacks: set[str]) -> None:
    """`built` at run time; `lacks` what the shared code asks for where an app has it."""
    phrases: dict[str, dict[str, str]] = {}
    for name in ("desk", app):
        phrases |= tomllib.loads((NOTEBOOKS / f"{name}.toml").read_text(encoding="utf-8"))
    assert {p for p, words in phrases.items() if sorted(words) != ["en", "zh"] or not all(words.values())} == set()
    code = "".join(path.read_text(encoding="utf-8") for name in ("desk", app) for path in NOTEBOOKS.glob(f"{name}*.js"))
    patterns = (r'\bt\("(\w+)"', r'word: "(\w+)"', r'key\([^"]*\[[^]]*\], "(\w+)"', r'fact\("(\w+)"')
    used = {phrase for pattern in patterns for phrase in re.findall(pattern, code)}
    assert (used | built) - set(phrases) == lacks
