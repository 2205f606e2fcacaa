from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.personas.ages import AGE_BANDS, YOUNGEST, stated_ages
from persona_forge.personas.cues import GENDER, PLACE, Cue
from persona_forge.personas.pins import find_pins, lexicon, touched
from persona_forge.space.ontology import read_ontology
from persona_forge.text.language import language_of

TRAITS = Path(__file__).parents[2] / "seeds" / "traits.toml"
ONTOLOGY = read_ontology(TRAITS.read_text(encoding="utf-8"), "traits.toml")
WORDS = {language: lexicon(ONTOLOGY, language) for language in ("en", "zh")}


def found(prose: str, language: str | None = None) -> tuple[dict[str, str], set[str]]:
    pins, unsure = find_pins(prose, WORDS[language or language_of(prose)])
    assert all(p["evidence"] in prose and p["by"] == "cue" for p in pins)
    assert not unsure & {p["dimension"] for p in pins}
    return {p["dimension"]: p["value"] for p in pins}, unsure


STATED = """
I am a nurse. | occupation=nurse
i'm a teacher and my husband is a nurse | occupation=teacher
My husband is a nurse. I am a teacher. | occupation=teacher
I used to be a painter but I am a teacher now. | occupation=teacher
I am also a very busy registered nurse. | occupation=nurse
I work as a car salesman. | occupation=salesperson
I am a software engineer. | occupation=programmer
I am a nurse working in a clinic. | occupation=nurse
I am an economics major. | occupation=student
My boyfriend and I are moving in together. | family=partnered
I am married with two kids. | family=married_children
My wife is a lawyer. We have three children. | family=married_children
I have two dogs. | pet=dog
I have a big black dog named Rex. | pet=dog
I am a 45 year old woman. | gender=female age_band=middle_aged
A 71-year-old artist from London | occupation=artist age_band=senior
I am 34 and have two kids. | age_band=adult
I'm twenty-six, and I love to cook. | age_band=young_adult hobby=cooking
I like hiking on weekends. | hobby=hiking
I live in a small town in Ohio. | region=us_midwest living_place=small_town
You are 63 years old. | age_band=senior
You are a nurse and you live in Texas. | occupation=nurse region=us_south
She is sixty-eight now, and plays the organ. | age_band=senior
She works as a nurse. She lives in Glasgow and keeps two cats. | occupation=nurse region=scotland pet=cat gender=female
I don’t trust strangers. | patience_with_strangers=wary
I never swear. | swearing=never
我是一名护士。 | occupation=nurse
我是县医院的护士。 | occupation=nurse
我今年三十五岁，是北京人。 | age_band=adult region=beijing
我老公是医生，我是老师。 | occupation=teacher
马桂芬，五十八，嗓门大。 | age_band=middle_aged voice_loudness=loud
他一口四川话，六十七岁的老汉。 | dialect=sichuan age_band=senior gender=male
荣成小伙，今年二十四。 | region=shandong gender=male age_band=young_adult
她三十一岁，在医院当护士，她爱做饭。 | gender=female age_band=adult occupation=nurse hobby=cooking
丈夫在外地，儿子上初二。 | family=married_children
我养了一只猫。 | pet=cat
我单身。 | family=single
"""
TOUCHED = """
My husband is a nurse. | occupation=nurse family
My husband, who is 45, works at the post office. | occupation family
I used to be a nurse. | occupation=nurse
I want to be a lawyer. | occupation=lawyer
I am not a doctor. | occupation=doctor
I never said I am a doctor. | occupation=doctor
When I grow up I am a doctor. | occupation=doctor
People say I am a doctor. | occupation=doctor
I am a doctor's assistant. | occupation=doctor
I am a nurse practitioner. | occupation=nurse
I am a former nurse. | occupation=nurse
I am a nurse as a second job. | occupation=nurse
I am a good cook. | occupation=chef
I am a student teacher. | occupation=student
I have no kids. | family=married_no_children
My wife left. I have no kids. | family=married_children
I have a friend with a dog. | pet=dog
I have a dog walking business. | pet=dog occupation
My dog died. | pet=dog
I miss my dog. | pet=dog
I have two cats. I have two dogs. | pet=cat pet=dog
I own a cat and a dog. | pet=cat pet=dog
I have a dog. I have three horses. | pet=dog
I love to cook. I go to the gym. | hobby=cooking
I broke up with my boyfriend. | family=partnered
My wife spends all my money. | family age_band voice_age
I work for our local supermarket. | occupation
I grew up in Manhattan. | region dialect
I am from Texas. | region=us_south dialect
I am four years old. | age_band=child
I won a gold medal in the 1992 olympics. | age_band voice_age
My name is Larry. | gender
My sister, bless the woman, has a dry sense of humor. | humour=dry
我老公话不多，四川口音很重。 | dialect=sichuan
I graduated from Yale. | education
I am 34. My sister says I am 50. | age_band=middle_aged
我老公是护士。 | occupation=nurse family
我以前是护士。 | occupation=nurse
我女儿在广州当护士。 | occupation=nurse family region
我不是医生。 | occupation=doctor
我想当医生。 | occupation=doctor
我是老师傅了。 | occupation=teacher
我外婆讲四川话。 | dialect=sichuan
十二岁那年，他跟阿爸去了广州。 | age_band=child region=guangdong
我有个儿子在大连。 | family region
我没去过喀什。 | region=northwest_china
老头子老不在家，摊子我还支着。 | family occupation
"""


def cases(text: str) -> list[tuple[str, list[str]]]:
    rows = [line.split(" | ") for line in text.strip().splitlines()]
    return [(prose, wanted.split()) for prose, wanted in rows]


@pytest.mark.parametrize(("prose", "wanted"), cases(STATED))
def test_what_the_prose_states_of_the_persona_is_pinned(prose: str, wanted: list[str]) -> None:
    pins, _ = found(prose)
    assert {f"{d}={v}" for d, v in pins.items()} >= set(wanted)


@pytest.mark.parametrize(("prose", "wanted"), cases(TOUCHED))
def test_what_the_prose_merely_touches_is_withheld(prose: str, wanted: list[str]) -> None:
    pins, unsure = found(prose)
    for trait in wanted:
        dimension, _, value = trait.partition("=")
        assert pins.get(dimension) != value or not value
        if "34" not in prose:
            assert dimension in unsure


def test_no_mention_pins_anything() -> None:
    for words in WORDS.values():
        for dimension in ONTOLOGY.dimensions:
            for mention in dimension.mentions.get(words.language, ()):
                found_in_it = words.phrases.find(words.grammar.words(mention))
                if mention != PLACE and not any(isinstance(f.what, Cue) for f in found_in_it):
                    assert [p for p in find_pins(mention, words)[0] if p["dimension"] != GENDER] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_cue_pins_its_own_value_where_it_stands_alone(language: str) -> None:
    missed = []
    for dimension in ONTOLOGY.dimensions:
        for value in dimension.values:
            for cue in value.cues.get(language, ()):
                prose = cue.replace(" & ", ". ").replace("…", "").replace("=", "你好，")
                pins, unsure = find_pins(prose, WORDS[language])
                if (dimension.name, value.name) not in {(p["dimension"], p["value"]) for p in pins}:
                    missed.append((cue, pins, sorted(unsure)))
    assert missed == []


def test_a_place_that_is_a_whole_clause_is_where_one_is_or_comes_from() -> None:
    pins, unsure = found("她四十岁，柳州，开了家面馆。")
    assert ("region" in pins, "region" in unsure) == (False, True)
    assert found("她四十岁，柳州的，开了家面馆。")[0]["region"] == "southwest_china"


def test_whom_prose_begins_with_is_the_persona() -> None:
    pins, _ = found("新手妈妈的月嫂阿姨，五十岁，四川资阳人。")
    assert pins == {"age_band": "middle_aged", "region": "sichuan_chongqing"}
    assert "age_band" not in found("我女儿叫小满，五岁，爱画画。")[0]


def test_what_was_once_is_told_up_to_what_is_now() -> None:
    assert "pace_of_life" not in found("以前在出版社做美编，天天加班，后来就走了。")[0]
    assert found("以前在广州，现在是护士。")[0]["occupation"] == "nurse"


def test_one_family_of_words_pins_what_the_other_does() -> None:
    for cue in ("媳妇在家，闺女会走了。", "我男人是木匠，女儿刚会走。"):
        assert found(cue)[0]["family"] == "married_children"
    assert found("我老家在湖南。")[0]["region"] == found("我打小在湖南。")[0]["region"] == "hunan_hubei"


def test_beings_and_people_of_other_times_have_no_life_of_today() -> None:
    assert {"age_band", "family", "hobby", "region"} <= found("我是一台电梯，在老楼里。")[1]
    pins, unsure = found("大唐天宝三载，他爱看书，一口四川话。")
    assert ({"hobby", "dialect"} & pins.keys(), {"hobby", "dialect", "tech_savviness"} <= unsure) == (set(), True)


def test_a_single_character_says_too_little_of_manners() -> None:
    assert "swearing" not in found("她骂了一声。")[1]
    assert "swearing" in found("她骂东骂西骂人。")[1]


def test_evidence_is_the_words_that_state_it() -> None:
    pins, _ = find_pins("You're sixty-eight. You have a big old dog.", WORDS["en"])
    assert {p["dimension"]: p["evidence"] for p in pins} == {
        "age_band": "You're sixty-eight",
        "pet": "have a big old dog",
    }


def test_pins_that_the_ontology_forbids_together_are_withheld() -> None:
    pins, unsure = found("I am 64 years old. I am a student.")
    assert (pins, unsure >= {"age_band", "occupation"}) == ({}, True)


def test_a_pin_that_can_not_stand_beside_the_author_s_is_withheld() -> None:
    pins, unsure = find_pins("I am a student.", WORDS["en"], {"age_band": "senior"})
    assert ([p["dimension"] for p in pins], "occupation" in unsure) == ([], True)


def test_he_is_the_persona_only_where_prose_says_so_most_of_the_time() -> None:
    assert found("He fishes. He sings. His sister says she sings too.")[0]["gender"] == "male"
    assert "gender" not in found("He fishes. She sings. He waits. She laughs.")[0]
    assert found("他打鱼，他唱歌。他姐说她不信。")[0]["gender"] == "male"
    assert "gender" not in found("我打鱼，我晒网。他唱歌，他姐也唱，他不信。")[0]


def test_a_dimension_goes_with_the_one_that_it_is_withheld_with() -> None:
    pins, unsure = found("I am 100 years old and retired from the railway.")
    assert (pins["age_band"], "voice_age" in unsure) == ("elderly", False)
    assert {"age_band", "voice_age"} <= found("My wife snores.")[1]
    assert {"region", "dialect"} <= found("I was born in Ohio.")[1]


def test_who_he_is_does_not_matter_where_the_persona_speaks() -> None:
    assert "gender" not in touched("I saw him, he waved.", WORDS["en"])
    assert "gender" in touched("He waves at every train.", WORDS["en"])
    assert "gender" not in touched("我看见他了。", WORDS["zh"])
    assert "gender" in touched("他天天来看火车。", WORDS["zh"])


@pytest.mark.parametrize(
    ("clause", "band"),
    [
        ("I am 12", "child"), ("I'm 13", "teen"), ("I am 17", "teen"), ("i am 18", "young_adult"),
        ("I am 29", "young_adult"),
        ("I am 30", "adult"), ("I am 59 years old", "middle_aged"), ("a 75-year-old baker", "elderly"),
        ("I am 60years old", "senior"), ("I'm a 46 year old", "middle_aged"), ("aged eighty", "elderly"),
        ("I am thirty-five", "adult"), ("twenty one years old", "young_adult"), ("turned 18 years old", "young_adult"),
        ("I am 6 feet tall", None), ("I am 5'4", None), ("I am 4 months pregnant", None), ("I am 200", None),
        ("I have a 7 year old", None), ("my 7-year-old", None), ("a 3 year old dog", None), ("I am 1 of 3", None),
        ("a 30 year old house", None), ("you are six yards of cloth", None), ("I am 100 percent sure", None),
        ("I have been sober for 12 years", None), ("I'm 50% deaf", None), ("I am four years old", None),
    ],
)  # fmt: skip
def test_an_english_age_is_a_band(clause: str, band: str | None) -> None:
    assert [b for b, *_ in stated_ages(clause, "en") if b] == ([band] if band else [])


@pytest.mark.parametrize(
    ("clause", "band"),
    [
        ("我今年12岁", "child"), ("十五岁了", "teen"), ("二十岁", "young_adult"), ("我三十五岁", "adult"),
        ("五十八岁", "middle_aged"), ("六十七岁的老汉", "senior"),
        ("八十岁", "elderly"), ("102岁", "elderly"), ("两岁半", None), ("十岁", "child"),
        ("五十八", "middle_aged"), ("如今四十五", "middle_aged"), ("她四十四岁", "adult"), ("年二十九", "young_adult"),
        ("十六岁跟阿爸学修表", None), ("十二岁那年", None), ("二十岁的时候", None), ("岁数大了", None),
        ("镖局少东家十二岁", None), ("从六岁起", None), ("二十一世纪", None),
    ],
)  # fmt: skip
def test_a_chinese_age_is_a_band(clause: str, band: str | None) -> None:
    assert [b for b, *_ in stated_ages(clause, "zh") if b] == ([band] if band else [])


@given(st.integers(1, 130), st.sampled_from(["en", "zh"]))
def test_every_age_has_its_band(years: int, language: str) -> None:
    text = {"en": f"I am {years} years old", "zh": f"我{years}岁"}[language]
    ((band, start, end),) = stated_ages(text, language)
    assert band == (next(name for bound, name in AGE_BANDS if years < bound) if years >= YOUNGEST else None)
    assert text[start:end] == text


@given(
    st.text(st.sampled_from("I am a nurse. My wife's 34, not 我是护士，老公三十岁。\n") | st.characters(), max_size=60)
)
def test_any_text_can_be_searched(prose: str) -> None:
    for words in WORDS.values():
        pins, unsure = find_pins(prose, words)
        assert len({p["dimension"] for p in pins}) == len(pins)
        assert not unsure & {p["dimension"] for p in pins}
