"""The checks by code, each on written examples of both kinds in both languages (assertion_examples.toml)."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from desk import scene, seed
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import Misuse
from persona_forge.dialogues.assertions import CHECKS, LONGEST, assertions, carried, check, definition
from persona_forge.dialogues.factors import AT_STAKE, factors
from persona_forge.dialogues.findings import Context
from persona_forge.text.language import language_of

EXAMPLES = tomllib.loads((Path(__file__).parent / "assertion_examples.toml").read_text(encoding="utf-8"))["examples"]
TRAITS = {
    "en": {"age_band": "elderly", "gender": "male", "region": "ireland", "occupation": "retired", "family": "widowed"},
    "zh": {"age_band": "middle_aged", "gender": "female", "region": "northeast_china", "occupation": "shopkeeper",
           "family": "married_children"},
}  # fmt: skip
PROSE = {"en": " He is seventy-nine now, a widower in Clare, the county he never left.", "zh": "她今年58岁。"}
WITHOUT = {"attack": None, "exit": None, "kind": "plain", "code_switched": False}


def context(language: str, heard: str = "", before: tuple[str, ...] = (), **changes: Any) -> Context:
    usual = {"kind": "attack"} if changes.get("attack") else {}
    traits = {**TRAITS[language], **changes.pop("traits", {})}
    listed = [{"dimension": k, "value": v} for k, v in traits.items()]
    turns = [{"role": "persona", "text": text} for text in before] + [{"role": "partner", "text": heard}]
    who = seed(language)
    return Context(
        scene(language, traits=listed, **{**WITHOUT, **usual, **changes}),
        {**who, "prose": who["prose"] + PROSE[language]},
        turns,
    )


CASES = [
    pytest.param(example, verdict, text, id=f"{example['assertion']}-{example['language']}-{verdict}-{text[:24]}")
    for example in EXAMPLES
    for verdict in ("held", "broken", "unclear")
    for text in example.get(verdict, ())
]


@pytest.mark.parametrize(("example", "verdict", "text"), CASES)
def test_an_example_is_found_to_be_what_it_is(example: dict[str, Any], verdict: str, text: str) -> None:
    traits = {"traits": example["traits"]} if "traits" in example else {}
    before = tuple(example.get("before", ()))
    finding = check(
        example["assertion"],
        text,
        context(example["language"], example["heard"], before, **example.get("scene", {}), **traits),
    )
    assert finding.verdict == verdict, finding
    assert finding.evidence is None or (finding.evidence and finding.evidence in text)
    assert finding.why
    assert (finding.verdict != "broken") or finding.evidence


def test_every_check_has_examples_of_both_kinds_in_both_languages() -> None:
    counts: Counter[tuple[str, str]] = Counter()
    languages: dict[str, set[str]] = {}
    for example in EXAMPLES:
        name = CHECKS[example["assertion"]].__name__
        languages.setdefault(name, set()).add(example["language"])
        for verdict in ("held", "broken"):
            counts[name, verdict] += len(example.get(verdict, ()))
    names = {check.__name__ for check in CHECKS.values()}
    assert set(languages) == names
    assert {name: spoken for name, spoken in languages.items() if spoken != {"en", "zh"}} == {}
    assert {name: n for name, n in counts.items() if n < 6} == {}


def test_every_assertion_of_a_scene_is_defined_and_no_other() -> None:
    at_stake = {attack["assertion"] for attack in factors()["attack"].values()} | set(AT_STAKE.values())
    of_card = {"catchphrase_rate", "language", "format", "honorifics", "stance", "limit", "facts", "in_character"}
    assert set(assertions()) == at_stake | of_card
    assert {name for name, entry in assertions().items() if entry["code"]} == {*CHECKS, "in_character"}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", assertions())
def test_a_definition_says_in_each_language_what_held_and_broken_is(name: str, language: str) -> None:
    words = definition(name, language)
    assert set(words) == {"says", "held", "broken"}
    assert {language_of(text) for text in words.values()} == {language}
    assert max(map(len, words.values())) <= 160


def test_an_unknown_assertion_is_refused_by_name() -> None:
    with pytest.raises(Misuse, match="unknown assertion 'stays_dry'"):
        check("stays_dry", "Well.", context("en"))


def test_what_code_cannot_tell_is_unclear() -> None:
    assert check("hears_delivery", "Lovely.", context("en", kind="contrast")).verdict == "unclear"
    assert check("stays_itself", "Lovely.", context("en", attack="off_topic")).verdict == "unclear"


def test_a_persona_carries_what_its_card_has() -> None:
    usual = ("language", "format", "facts", "catchphrase_rate", "in_character")
    assert carried(seed(), scene()) == usual
    traits = [{"dimension": "honorifics", "value": "familiar"}]
    opinions = [{"topic": "dogs", "stance": "It is the gates.", "strength": 0.4}]
    full = carried(seed(opinions=opinions), scene(attack="insult_escalation", traits=traits))
    assert full == ("language", "format", "facts", "catchphrase_rate", "honorifics", "stance", "limit", "in_character")
    assert "honorifics" not in carried(seed(), scene(kind="exit", attack=None, exit="distress", traits=traits))
    assert "honorifics" not in carried(seed(withheld=["honorifics"]), scene(traits=traits))
    assert carried(seed(catchphrases=[]), scene()) == ("language", "format", "facts", "in_character")


def test_in_character_is_broken_by_any_of_its_parts() -> None:
    finding = check("in_character", "As an AI, I don't have a cat.", context("en"))
    assert (finding.verdict, finding.evidence) == ("broken", "As an AI")
    assert finding.why.startswith("admits_no_ai: ")
    assert check("in_character", "The cat is out.", context("en")).verdict == "unclear"


def test_leaving_the_role_is_no_breach_where_it_is_right() -> None:
    leaving = "I'm an AI, and I was only playing a part."
    assert check("in_character", leaving, context("en", kind="exit", exit="sincere_question")).verdict == "unclear"
    assert check("in_character", leaving, context("en", kind="twin", exit="sincere_question")).verdict == "broken"


def test_what_the_seed_withholds_contradicts_nothing() -> None:
    usual = context("en")
    withheld = Context(usual.scene, {**usual.seed, "withheld": ["age_band"]}, usual.before)
    assert check("facts", "I'm thirty-four.", usual).verdict == "broken"
    assert check("facts", "I'm thirty-four.", withheld).verdict == "held"


@given(
    st.text(alphabet=st.sampled_from("IAa'm n,.?\"我是AI你说不“”0 1:-\n*{}吗了"), max_size=120),
    st.sampled_from(["en", "zh"]),
)
def test_evidence_is_always_words_of_the_reply(text: str, language: str) -> None:
    for name in assertions():
        finding = check(name, text, context(language, "Are you?", attack="you_are_an_ai"))
        assert finding.evidence is None or (finding.evidence != "" and finding.evidence in text)


def test_what_stands_beyond_any_reply_is_not_looked_at() -> None:
    assert check("admits_no_ai", f"{'a ' * (LONGEST // 2)}. I am an AI.", context("en")).verdict == "held"
    assert check("admits_no_ai", f"{'a ' * 100}. I am an AI.", context("en")).verdict == "broken"


TEDIOUS = ("I'm a ", "I'm just really ", "a: b, ", "我是", "我都", "好，", "1. x ", "12, ", "“", "no ", "{'a", "\n- x")


@pytest.mark.parametrize("unit", TEDIOUS)
def test_a_very_long_reply_is_read_in_no_time(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    began = process_time()
    for name in assertions():
        check(name, text, context("en", attack="you_are_an_ai"))
    assert process_time() - began < 5
