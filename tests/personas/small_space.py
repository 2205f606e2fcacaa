"""A small ontology whose every vector can be listed, for the tests of act 1."""

from __future__ import annotations

from persona_forge.space.compile import Space, compile_space
from persona_forge.space.ontology import read_ontology


def _value(name: str, cues: str = "") -> str:
    words = f'{{ en = "{name}", zh = "{name}" }}'
    return f"{name} = {{ weight = 1, label = {words}, phrase = {words}{cues} }}"


def _dimension(name: str, *values: str, more: str = "") -> str:
    head = f'[dimensions.{name}]\nlabel = {{ en = "{name}", zh = "{name}" }}\n{more}\n[dimensions.{name}.values]\n'
    return head + "\n".join(values) + "\n"


TOML = (
    _dimension("age", _value("young", ', cues = { en = ["I am young"], zh = ["我年轻"] }'), _value("old"))
    + _dimension(
        "job", _value("none"), _value("cook", ', cues = { en = ["I am a cook"], zh = ["我是厨师"] }'), _value("judge")
    )
    + _dimension("mood", *(_value(f"m{i}") for i in range(5)), more='authored_by = "catchphrases"')
    + _dimension(
        "pet", _value("cat"), _value("dog"), _value("no_pet"), more='mentions = { en = ["kennel"], zh = ["汪"] }'
    )
    + """
[relations]
excludes = [ { these = { age = "young", job = "judge" }, why = "Judges have grown old." } ]
"""
)
VECTORS = 2 * 3 * 5 * 3 - 5 * 3
"""How many there are in one language."""


def small_space() -> Space:
    return compile_space(read_ontology(TOML, "small.toml"))
