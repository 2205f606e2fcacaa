from __future__ import annotations

from pathlib import Path

import pytest

from persona_forge.core.errors import OntologyError
from persona_forge.space.model import Ontology
from persona_forge.space.ontology import AUTHORED, read_ontology

TRAITS = Path(__file__).parents[2] / "seeds" / "traits.toml"
WORDS = 'label = { en = "x", zh = "某" }'
VALUE = '{ weight = 1, label = { en = "x", zh = "某" }, phrase = { en = "x", zh = "某" } }'
GOOD = f"""
[dimensions.job]
{WORDS}
mentions = {{ en = ["work", "boss"], zh = ["上班"] }}
authored_by = "style"
[dimensions.job.values]
cook = {VALUE[:-2]}, nouns = {{ en = ["a cook", "an ice maker"], zh = ["厨师"] }} }}
none = {VALUE}

[dimensions.rank]
{WORDS}
withheld_with = "job"
[dimensions.rank.values]
high = {VALUE}
low = {VALUE}
"""


def read(text: str) -> Ontology:
    return read_ontology(text, "my.toml")


def test_what_touches_a_dimension_is_read_with_the_nouns_of_its_values() -> None:
    job, rank = read(GOOD).dimensions
    assert job.mentions == {"en": ("work", "boss", "cook", "ice maker"), "zh": ("上班", "厨师")}
    assert (job.authored_by, job.withheld_with) == ("style", None)
    assert (rank.mentions, rank.authored_by, rank.withheld_with) == ({}, None, "job")


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ('"work", "boss"', '"work", "work"', "my.toml: dimensions.job.mentions.en: a cue stands twice", ""),
        ("zh = [\"上班\"]", "fr = [\"x\"]", "my.toml: dimensions.job.mentions: unknown key 'fr'", ""),
        ('zh = ["上班"]', 'zh = "上班"', "my.toml: dimensions.job.mentions.zh: '上班' is no list", ""),
        ('authored_by = "style"', 'authored_by = "styles"', "unknown field of a seed 'styles'", "'style'"),
        ('withheld_with = "job"', 'withheld_with = "jobs"', "unknown dimension 'jobs'", "'job'"),
        ('withheld_with = "job"', 'withheld_with = "rank"', "unknown dimension 'rank'", ""),
        ('withheld_with = "job"', 'withheld_with = "language"', "unknown dimension 'language'", ""),
        ("mentions = {", "mention = {", "my.toml: dimensions.job: unknown key 'mention'", "'mentions'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(old: str, new: str, said: str, hint: str) -> None:
    assert old in GOOD
    with pytest.raises(OntologyError) as caught:
        read(GOOD.replace(old, new))
    assert said in caught.value.what
    assert hint in caught.value.todo


def test_mentions_count_in_the_words_and_their_order_does_not() -> None:
    words = read(GOOD).words
    assert read(GOOD.replace('"work", "boss"', '"boss", "work"')).words == words
    assert read(GOOD.replace('"work", "boss"', '"work", "chief"')).words != words
    assert read(GOOD.replace('authored_by = "style"', "")).words != words
    assert read(GOOD.replace('withheld_with = "job"', "")).words != words


def test_every_dimension_of_the_bundled_traits_has_mentions_in_both_languages() -> None:
    ontology = read_ontology(TRAITS.read_text(encoding="utf-8"), "traits.toml")
    assert [d.name for d in ontology.dimensions if set(d.mentions) != {"en", "zh"}] == []
    said = {d.name: d.authored_by for d in ontology.dimensions if d.authored_by}
    assert said.items() >= {"gender": "name", "verbosity": "style", "voice_pitch": "voice", "taboo": "opinions"}.items()
    assert {d for d in said if said[d] == "emotional_limits"} == {"emotional_limit", "soothed_by", "temper"}
    assert set(AUTHORED) >= {"catchphrases", "emotional_limits"}
