from __future__ import annotations

from pathlib import Path

import pytest

from persona_forge.core.errors import OntologyError
from persona_forge.core.tables import personas
from persona_forge.space.ontology import Ontology, graph, read_ontology
from persona_forge.space.reason import explain, problems

TRAITS = Path(__file__).parents[2] / "seeds" / "traits.toml"

GOOD = """
[dimensions.size]
label = { en = "size", zh = "大小" }
[dimensions.size.values]
small = { weight = 1, label = { en = "small", zh = "小" }, phrase = { en = "You are small.", zh = "你个子小。" } }
large = { weight = 2.5, label = { en = "large", zh = "大" }, phrase = { en = "You are large.", zh = "你个子大。" }, cues = { en = ["I am large"] } }

[dimensions.noise]
label = { en = "noise", zh = "声响" }
[dimensions.noise.values]
quiet = { weight = 1, label = { en = "quiet", zh = "静" }, phrase = { en = "You are quiet.", zh = "你很静。" } }
loud = { weight = 1, label = { en = "loud", zh = "响" }, phrase = { en = "You are loud.", zh = "你很响。" } }

[relations]
excludes = [ { these = { size = "small", noise = "loud" }, why = "Small things are not loud." } ]
implies = [ { if = { language = "zh" }, then = { noise = "quiet" }, why = "So it is here." } ]
weights = [ { of = "noise", given = { size = "large" }, percent = { loud = 80 } } ]
"""  # noqa: E501 (a value a line, as in the real file)


def read(text: str) -> Ontology:
    return read_ontology(text, "my.toml")


def test_a_good_file_is_read_whole() -> None:
    ontology = read(GOOD)
    assert ontology.domains() == {"language": ("en", "zh"), "size": ("small", "large"), "noise": ("quiet", "loud")}
    large = ontology.dimension("size").values[1]
    assert (large.name, float(large.weight), large.label["zh"]) == ("large", 2.5, "大")
    assert (large.phrase["en"], large.cues) == ("You are large.", {"en": ("I am large",)})
    assert [r.says for r in ontology.relations] == [
        "size=small and noise=loud can't stand together",
        "language=zh implies noise=quiet",
    ]
    assert ontology.relations[1].forbids == ({"language": frozenset({"zh"}), "noise": frozenset({"loud"})},)
    assert list(graph(ontology).edges) == [("noise", "size")]
    assert problems(ontology) == ()


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        ("weight = 2.5", "wieght = 2.5", "my.toml: dimensions.size.values.large: unknown key 'wieght'", "'weight'"),
        ("[relations]", "[relation]", "my.toml: unknown key 'relation'", "'relations'"),
        ("weight = 2.5", "weight = -1", "my.toml: dimensions.size.values.large.weight: -1 is no weight", "exclude it"),
        ("weight = 2.5", "weight = 0", "my.toml: dimensions.size.values.large.weight: 0 is no weight", "exclude it"),
        ("weight = 2.5", "weight = 1e-99999999", "values.large.weight: 1E-99999999 is no weight", ""),
        ("weight = 2.5", "weight = true", "values.large.weight: True is no weight", ""),
        ('of = "noise"', "of = [1]", "my.toml: relations.weights, entry 1.of: [1] is no text", ""),
        ("weight = 2.5", "weight = nan", "my.toml: dimensions.size.values.large.weight: NaN is no weight", ""),
        (
            'size = "small", noise',
            'siez = "small", noise',
            "excludes, entry 1.these: unknown dimension 'siez'",
            "'size'",
        ),
        ('noise = "loud"', 'noise = "lout"', "excludes, entry 1.these.noise: unknown value 'lout'", "'loud'"),
        ("percent = { loud", "percent = { laud", "weights, entry 1.percent.noise: unknown value 'laud'", "'loud'"),
        ("loud = 80", "loud = 101", "my.toml: relations.weights, entry 1.percent: 101 in all", ""),
        ("\nlarge = {", "\nsmall = {", "my.toml: Cannot overwrite a value", "a name stands twice"),
        (', noise = "loud" }', " }", "entry 1.these: names 1 dimension", ""),
        (
            'these = { size = "small", noise = "loud" }',
            'these = { size = ["small", "large"], noise = ["quiet", "loud"] }',
            "my.toml: relations.excludes, entry 1.these: forbids everything",
            "leave out a value",
        ),
        ('noise = "quiet" }', 'noise = ["quiet", "loud"] }', "implies, entry 1.then: allows every value", ""),
        ("[dimensions.size", "[dimensions.split", "dimensions.split: the name 'split' is reserved", "rename"),
        ("[dimensions.size", "[dimensions.language", "the name 'language' is reserved", "rename"),
        ("[dimensions.size", '[dimensions."my size"', "'my size' can't be the name of a column", ""),
        ('zh = "你个子小。"', 'zh = ""', "my.toml: dimensions.size.values.small.phrase.zh: '' is no text", ""),
        (', zh = "你个子小。"', "", "my.toml: dimensions.size.values.small.phrase: zh is missing", ""),
        ('["I am large"]', '["x", "x"]', "dimensions.size.values.large.cues.en: a cue stands twice", ""),
        ('of = "noise"', 'of = "language"', "weights, entry 1.of: unknown dimension 'language'", ""),
        ("excludes = [", "excludes = {", "my.toml: ", ""),
    ],
)
def test_bad_input_is_refused_with_its_place(old: str, new: str, said: str, hint: str) -> None:
    assert old in GOOD
    with pytest.raises(OntologyError) as caught:
        read(GOOD.replace(old, new))
    assert said in caught.value.what
    assert hint in caught.value.todo


def test_a_noun_stands_for_cues() -> None:
    text = GOOD.replace('cues = { en = ["I am large"] }', 'nouns = { en = ["a giant"] }, cues = { en = ["I loom"] }')
    framed = ("I am a giant", "I'm a giant", "I work as a giant", "you are a giant", "year-old giant", "year old giant")
    assert read(text).dimension("size").values[1].cues == {"en": (*framed, "I loom")}


def test_a_dimension_of_more_than_255_values_is_refused() -> None:
    line = "v{} = {{ weight = 1, label = {{ en = 'x', zh = 'x' }}, phrase = {{ en = 'x', zh = 'x' }} }}"
    head = "[dimensions.many]\nlabel = { en = 'x', zh = 'x' }\n[dimensions.many.values]\n"
    assert len(read(head + "\n".join(line.format(i) for i in range(255))).dimension("many").values) == 255
    for number in (256, 10_000):
        with pytest.raises(OntologyError, match=rf"my.toml: dimensions.many.values: {number} values"):
            read(head + "\n".join(line.format(i) for i in range(number)))


def test_weights_in_a_circle_are_refused_with_the_circle() -> None:
    second = '{ of = "size", given = { noise = "loud" }, percent = { large = 90 } } ]'
    with pytest.raises(OntologyError, match=r"relations.weights: .* → size.* is a circle"):
        read(GOOD.replace("percent = { loud = 80 } } ]", "percent = { loud = 80 } }, " + second))


def test_weights_that_speak_of_the_same_case_are_refused() -> None:
    second = '{ of = "noise", given = { language = "en" }, percent = { loud = 90 } } ]'
    with pytest.raises(OntologyError, match=r"entry 2: weighs noise where .*entry 1 already does"):
        read(GOOD.replace("percent = { loud = 80 } } ]", "percent = { loud = 80 } }, " + second))


def test_the_digest_is_of_what_rows_depend_on_and_the_words_of_what_texts_do() -> None:
    good = read(GOOD)
    same = read("# hello\n" + GOOD.replace("Small things are not loud.", "Because."))
    assert (same.digest, same.words) == (good.digest, good.words)
    for old, new in (("weight = 2.5", "weight = 2"), ("loud = 80", "loud = 81"),
                     ('if = { language = "zh" }', 'if = { language = "en" }')):  # fmt: skip
        changed = read(GOOD.replace(old, new))
        assert (changed.digest != good.digest, changed.words) == (True, good.words)
    for old, new in (("You are large.", "You're large."), ('en = "noise"', 'en = "din"'), ("I am large", "I'm large")):
        changed = read(GOOD.replace(old, new))
        assert (changed.digest, changed.words != good.words) == (good.digest, True)


def test_neither_digest_nor_words_depend_on_the_order_of_anything() -> None:
    one = GOOD.replace('["I am large"]', '["I am large", "I loom"]')
    other = GOOD.replace('["I am large"]', '["I loom", "I am large"]')
    sizes, noises = "[dimensions.size]", "[dimensions.noise]"
    start, middle, end = other.index(sizes), other.index(noises), other.index("[relations]")
    small, large = (next(line for line in other.splitlines() if line.startswith(v)) for v in ("small", "large"))
    swapped = other[start:middle].replace(small, "-").replace(large, small).replace("-", large)
    other = other[middle:end] + swapped + other[end:]
    assert list(read(other).domains()) == ["language", "noise", "size"]
    assert (read(other).digest, read(other).words) == (read(one).digest, read(one).words)


def test_an_excludes_and_the_implies_that_means_the_same_have_one_digest() -> None:
    excludes = 'excludes = [ { these = { language = "zh", noise = "loud" }, why = "So." }, '
    moved = GOOD.replace("excludes = [ ", excludes).replace('implies = [ { if = { language = "zh" }', "xxx")
    moved = "\n".join(line for line in moved.splitlines() if not line.startswith("xxx"))
    assert read(moved).digest == read(GOOD).digest


def test_problems_name_the_relations_that_kill_a_value() -> None:
    kill = 'excludes = [ { these = { size = "large", noise = ["loud", "quiet"] }, why = "Nothing is large." }, '
    found = problems(read(GOOD.replace("excludes = [ ", kill)))
    assert [(p.kind, p.where) for p in found[:1]] == [("dead value", "my.toml: dimensions.size.values.large")]
    assert "relations.excludes, entry 1" in found[0].what
    assert "Nothing is large." in found[0].what


def test_problems_name_a_language_in_which_nothing_is_possible() -> None:
    found = problems(read(GOOD.replace('then = { noise = "quiet" }', 'then = { noise = "quiet", size = "small" }')))
    assert found == ()
    mute = 'excludes = [ { these = { language = "zh", noise = "quiet" }, why = "Nothing is quiet." }, '
    found = problems(read(GOOD.replace("excludes = [ ", mute)))
    assert [(p.kind, p.where) for p in found if "language" in p.where] == [("dead value", "my.toml: language zh")]


def test_problems_find_duplicate_cues_and_relations_that_say_nothing_new() -> None:
    text = GOOD.replace('zh = "你个子小。" } }', 'zh = "你个子小。" }, cues = { en = ["i am LARGE"] } }')
    text = text.replace(
        "implies = [ ", 'implies = [ { if = { noise = "loud" }, then = { size = "large" }, why = "So." }, '
    )
    found = problems(read(text))
    assert [(p.kind, p.where) for p in found] == [
        ("duplicate cue", "my.toml: dimensions.size.values.large.cues.en"),
        ("idle relation", "my.toml: relations.excludes, entry 1"),
        ("idle relation", "my.toml: relations.implies, entry 1"),
    ]


def test_problems_say_so_where_nothing_at_all_is_possible() -> None:
    implies = """implies = [
      { if = { noise = "loud" }, then = { size = "small" }, why = "A." },
      { if = { noise = "quiet" }, then = { language = "zh" }, why = "B." },
      { if = { size = ["small", "large"] }, then = { language = "en" }, why = "C." }, """
    text = GOOD.replace("implies = [ ", implies)
    found = problems(read(text))
    assert [p.kind for p in found] == ["impossible"]
    for reason in ("A.", "B.", "C.", "Small things are not loud."):
        assert reason in found[0].what


def test_an_explanation_is_a_chain_in_words_from_the_choice_to_the_contradiction() -> None:
    assert explain(read(GOOD), {"size": "small", "noise": "loud"}) == (
        "size=small rules out noise=loud: Small things are not loud. (relations.excludes, entry 1)",
    )
    assert explain(read(GOOD), {"size": "large", "noise": "loud"}) == ()
    with pytest.raises(OntologyError, match="unknown value of size 'huge'"):
        explain(read(GOOD), {"size": "huge"})


@pytest.fixture(scope="module")
def bundled() -> Ontology:
    return read_ontology(TRAITS.read_text(encoding="utf-8"), "seeds/traits.toml")


def test_the_bundled_ontology_has_no_problems(bundled: Ontology) -> None:
    assert problems(bundled) == ()


def test_the_bundled_ontology_has_what_the_acts_use(bundled: Ontology) -> None:
    assert len(bundled.dimensions) == 41
    assert len(bundled.relations) == 108
    domains = bundled.domains()
    assert domains["age_band"] == ("child", "teen", "young_adult", "adult", "middle_aged", "senior", "elderly")
    assert domains["voice_age"] == ("child", "teen", "young_adult", "middle_aged", "elderly")
    assert domains["nonverbal_habit"] == ("none", "sigh", "laugh", "breath", "gasp", "cough", "throat_clear")
    assert personas({d.name: d.names for d in bundled.dimensions}).key == "persona_id"


@pytest.mark.parametrize(
    "impossible",
    [
        {"age_band": "child", "occupation": "surgeon"},
        {"age_band": "child", "occupation": "retired"},
        {"age_band": "child", "family": "married_children"},
        {"age_band": "child", "education": "doctorate"},
        {"age_band": "elderly", "voice_age": "child"},
        {"language": "en", "dialect": "sichuan"},
        {"language": "zh", "dialect": "scottish"},
        {"education": "middle_school", "occupation": "surgeon"},
        {"age_band": "teen", "taboo": "past_love"},
    ],
)
def test_the_bundled_ontology_rules_out_what_cannot_be(bundled: Ontology, impossible: dict[str, str]) -> None:
    told = explain(bundled, impossible)
    assert told[-1].count("rules out") == 1


def test_every_phrase_of_the_bundled_ontology_is_a_sentence(bundled: Ontology) -> None:
    for dimension in bundled.dimensions:
        for value in dimension.values:
            assert value.phrase["en"].endswith("."), value
            assert value.phrase["zh"].endswith("。"), value
            assert "You" in value.phrase["en"] or "you" in value.phrase["en"], value
            assert "你" in value.phrase["zh"], value


def test_each_language_has_its_regions_and_dialects(bundled: Ontology) -> None:
    for language, regions, dialects in (("en", 12, 12), ("zh", 17, 12)):
        possible = {
            name: [v for v in bundled.domains()[name] if not explain(bundled, {"language": language, name: v})]
            for name in ("region", "dialect")
        }
        assert (len(possible["region"]), len(possible["dialect"])) == (regions, dialects)
