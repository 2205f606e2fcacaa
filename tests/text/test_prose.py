from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.tables import SEEDS
from persona_forge.space.ontology import Ontology, read_ontology
from persona_forge.text.prose import SENTENCES, cards, prompts
from persona_forge.text.weave import weave

HERE = Path(__file__).parent
TRAITS = HERE.parents[1] / "seeds" / "traits.toml"


@pytest.fixture(scope="module")
def bundled() -> Ontology:
    return read_ontology(TRAITS.read_text(encoding="utf-8"), "seeds/traits.toml")


def seed(seed_id: str = "s", language: str = "en", **fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {column.name: "" for column in SEEDS.columns}
    lists: dict[str, Any] = {n: [] for n in ("opinions", "catchphrases", "emotional_limits", "pins", "withheld")}
    return {**plain, **lists, "seed_id": seed_id, "language": language, "prose": "She mends nets.", **fields}


def pins(**values: str) -> list[dict[str, str]]:
    return [{"dimension": d, "value": v, "evidence": "", "by": "author"} for d, v in values.items()]


def persona(ontology: Ontology, seed_id: str = "s", **traits: str | None) -> dict[str, Any]:
    """The first value of every dimension that is not named."""
    return {"seed_id": seed_id} | {d.name: d.names[0] for d in ontology.dimensions} | traits


def frame(ontology: Ontology, rows: list[dict[str, Any]]) -> pl.DataFrame:
    enums = {d.name: pl.Enum(sorted(d.names)) for d in ontology.dimensions}
    return pl.DataFrame(rows, schema_overrides=enums)


MARTA = seed(
    "marta",
    name="Marta Quill",
    prose="Marta has run the lock at Dunbeath for thirty years and knows every boat by its engine.",
    opinions=[{"topic": "hire boats", "stance": "A week is long enough to learn to coil a rope.", "strength": 0.7}],
    catchphrases=[{"text": "Mind the sill.", "trigger": "somebody is in a hurry", "at_most": 2}],
    emotional_limits=[
        {"trigger": "being called love", "threshold": "the second time", "reaction": "shuts the gate and waits",
         "recovery": "an apology"},
    ],
    style="Short words, long pauses",
    voice="Dry and low.",
    pins=pins(age_band="senior", region="scotland"),
    withheld=["catchphrase_habit", "emotional_limit", "soothed_by", "dialect"],
)  # fmt: skip
MARTA_IS: dict[str, str | None] = {
    "gender": "female", "living_place": "countryside", "education": "high_school", "occupation": "shopkeeper",
    "family": "widowed", "pet": "dog", "hobby": "reading", "catchphrase_habit": None, "emotional_limit": None,
    "soothed_by": None, "dialect": None, "age_band": "senior", "region": "scotland", "voice_age": "elderly",
}  # fmt: skip
LAN = seed(
    "lan",
    "zh",
    name="蓝小满",
    prose="蓝小满在夜市尽头摆了个修伞摊，二十年没换过地方。",
    opinions=[{"topic": "一次性雨伞", "stance": "用一回就扔的，不配叫伞", "strength": 0.8}],
    catchphrases=[{"text": "骨头没断就有救", "trigger": "有人要扔东西", "at_most": 2}],
    emotional_limits=[
        {"trigger": "催她快点", "threshold": "第三遍", "reaction": "把伞合上，不修了", "recovery": "等她抽完一口烟"}
    ],
    style="短句，爱打比方",
    pins=pins(gender="female"),
    withheld=["catchphrase_habit", "emotional_limit", "soothed_by", "occupation"],
)
LAN_IS: dict[str, str | None] = {
    "age_band": "middle_aged", "region": "fujian", "living_place": "small_town", "education": "middle_school",
    "occupation": None, "family": "divorced", "catchphrase_habit": None, "emotional_limit": None, "soothed_by": None,
    "dialect": "hokkien_mandarin", "humour": "dry", "swearing": "mild", "voice_age": "middle_aged",
}  # fmt: skip


@pytest.mark.parametrize(
    ("who", "traits", "name"), [(MARTA, MARTA_IS, "prompt.en.txt"), (LAN, LAN_IS, "prompt.zh.txt")]
)
def test_a_prompt_reads_as_it_did(bundled: Ontology, who: dict[str, Any], traits: dict[str, str], name: str) -> None:
    (text,) = prompts(frame(bundled, [persona(bundled, who["seed_id"], **traits)]), SEEDS.frame([who]), bundled)
    assert text + "\n" == (HERE / "golden" / name).read_text(encoding="utf-8")


def test_a_card_is_in_its_prompt(bundled: Ontology) -> None:
    rows, seeds = frame(bundled, [persona(bundled, "marta", **MARTA_IS)]), SEEDS.frame([MARTA])
    card, prompt = cards(rows, seeds, bundled)[0], prompts(rows, seeds, bundled)[0]
    assert card.startswith("Name: Marta Quill\nMarta has run the lock")
    assert card in prompt
    assert prompt.startswith("You are Marta Quill.")


def test_every_row_has_its_own_traits_in_the_order_of_the_rows(bundled: Ontology) -> None:
    seeds = SEEDS.frame([seed("a"), seed("b", "zh", prose="她修伞。")])
    rows = [persona(bundled, s, pet=p) for s, p in (("a", "dog"), ("b", "cat"), ("a", "none"), ("a", "cat"))]
    said = cards(frame(bundled, rows), seeds, bundled).to_list()
    pets = ["You have a dog", "你养了一只猫", "You keep no pet", "You have a cat"]
    assert [[pet for pet in pets if pet in text] for text in said] == [[pet] for pet in pets]
    one = [cards(frame(bundled, [row]), seeds, bundled)[0] for row in rows]
    assert said == one


def test_what_the_seed_pins_or_withholds_is_left_to_its_prose(bundled: Ontology) -> None:
    seeds = SEEDS.frame([seed(pins=pins(pet="dog"), withheld=["hobby", "taboo"])])
    row = persona(bundled, pet="dog", hobby=None, taboo=None)
    (text,) = cards(frame(bundled, [row]), seeds, bundled)
    for name in ("pet", "hobby", "taboo"):
        for value in bundled.dimension(name).values:
            assert value.phrase["en"].removeprefix("You ").rstrip(".") not in text


def test_a_seed_that_leaves_nothing_open_has_its_own_words_alone(bundled: Ontology) -> None:
    seeds = SEEDS.frame([seed(withheld=[d.name for d in bundled.dimensions])])
    blank = {"seed_id": "s"} | {d.name: None for d in bundled.dimensions}
    assert cards(frame(bundled, [blank, blank]), seeds, bundled).to_list() == ["She mends nets."] * 2
    assert cards(frame(bundled, [blank]).clear(), seeds, bundled).to_list() == []


def test_prose_that_looks_like_a_template_or_a_mark_stays_as_it_is(bundled: Ontology) -> None:
    hostile = "She says [[0:who]] and {{ 7 * 7 }} and {% for %}."
    (text,) = cards(frame(bundled, [persona(bundled)]), SEEDS.frame([seed(prose=hostile)]), bundled)
    assert text.startswith(hostile + "\n")
    assert text.count("[[0:who]]") == 1
    assert "[[1:" not in text


def test_every_dimension_of_the_bundled_traits_has_its_place(bundled: Ontology) -> None:
    planned = [name for section in SENTENCES.values() for sentence in section for name in sentence]
    assert sorted(planned) == sorted(d.name for d in bundled.dimensions)


def test_dimensions_that_nobody_planned_for_are_said_too() -> None:
    value = '{{ weight = 1, label = {{ en = "{0}", zh = "{0}" }}, phrase = {{ en = "You {0}.", zh = "你{0}。" }} }}'
    text = '[dimensions.moods]\nlabel = { en = "m", zh = "m" }\n[dimensions.moods.values]\n'
    ontology = read_ontology(text + f"a = {value.format('hum')}\nb = {value.format('growl')}\n", "my.toml")
    rows = pl.DataFrame({"seed_id": ["s", "s"], "moods": ["b", "a"]})
    said = cards(rows, SEEDS.frame([seed()]), ontology).to_list()
    assert said == ["She mends nets.\nYou growl.", "She mends nets.\nYou hum."]


@pytest.mark.parametrize(
    ("language", "clauses", "woven"),
    [
        ("en", ["You are female.", "You come from Beijing.", "You live on a farm."],
         "You are female, come from Beijing and live on a farm."),
        ("en", ["You are single.", "You are between jobs."], "You are single and between jobs."),
        ("en", ["Your voice is warm.", "Your voice is low."], "Your voice is warm and low."),
        ("en", ["You flare up and forgive.", "You never swear."], "You flare up and forgive; you never swear."),
        ("en", ["Kindness comes first for you.", "You count every penny."],
         "Kindness comes first for you, and you count every penny."),
        ("en", ["You never swear.", "Kindness comes first for you."], "You never swear. Kindness comes first for you."),
        ("zh", ["你是女性。", "你是北京人。", "你住在乡下。"], "你是女性，北京人，住在乡下。"),
        ("zh", ["你说话慢。", "你说话带着气声。"], "你说话慢，带着气声。"),
        ("zh", ["你的嗓音清亮。", "你的声音很高。"], "你的嗓音清亮。你的声音很高。"),
        ("zh", ["你二十多岁。", "你的老伴已经不在了。"], "你二十多岁。你的老伴已经不在了。"),
        ("zh", ["谁冒犯你的家人，你就跟谁急。", "你心大。"], "谁冒犯你的家人，你就跟谁急。你心大。"),
        ("en", [], ""),
    ],
)  # fmt: skip
def test_clauses_are_woven(language: str, clauses: list[str], woven: str) -> None:
    assert weave(clauses, language) == woven


@given(st.lists(st.sampled_from(["You nap.", "You are old.", "Your voice is low.", "Fun is all.", "You hum and nap."])))
def test_no_clause_is_lost_and_every_sentence_ends(clauses: list[str]) -> None:
    woven = weave(clauses, "en")
    for word in ("nap", "old", "low", "Fun", "hum"):
        assert woven.count(word) == sum(clause.count(word) for clause in clauses)
    assert not woven or woven.endswith(".")
