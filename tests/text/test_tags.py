from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.core.errors import ForgeError
from persona_forge.text.tags import EMOTIONS, EVENTS, NAMES, SPEEDS, VOLUMES, Cue, emphasised, parse, render

WORDS = st.text(st.sampled_from("ab {}:.哈，\n\\") | st.characters(exclude_categories=("Cs",)), max_size=30)
VALUES = st.floats(0, 1e9, allow_subnormal=False)


@st.composite
def tagged_words(draw: st.DrawFn) -> tuple[str, tuple[Cue, ...]]:
    words = draw(WORDS)
    places = sorted(draw(st.lists(st.integers(0, len(words)), max_size=6)))
    cues = []
    for place in places:
        name = draw(st.sampled_from(sorted(NAMES)))
        value = draw(st.none() | VALUES) if name in EMOTIONS else draw(VALUES) if name == "pause" else None
        value = draw(st.none() | st.integers(1, 9).map(float)) if name == "emphasis" else value
        cues.append(Cue(place, name, value))
    return words, tuple(cues)


@given(tagged_words())
def test_words_and_cues_come_back_from_tagged_text(pair: tuple[str, tuple[Cue, ...]]) -> None:
    words, cues = pair
    assert parse(render(words, cues)) == (words, cues)


@given(
    st.lists(
        st.sampled_from(
            ["{sigh}", "{pause:0.4}", "{sad:0.35}", "{emphasis}", "{emphasis:3}", "{fast}", "{{", "}}", "hm", "，"]
        )
    )
)
def test_tagged_text_comes_back_from_words_and_cues(pieces: list[str]) -> None:
    tagged = "".join(pieces)
    assert render(*parse(tagged)) == tagged


@given(st.lists(st.sampled_from(["{sigh}", "{laugh}", "{pause:1}", "{happy:0.5}", "so", " "])))
def test_no_tag_survives_in_the_words(pieces: list[str]) -> None:
    words, _ = parse("".join(pieces))
    assert words == "".join(p for p in pieces if not p.startswith("{"))


def test_cues_stand_before_the_character_they_precede() -> None:
    assert parse("Well, {sigh}{sad:0.4}no{pause:0.25}.") == (
        "Well, no.",
        (Cue(6, "sigh"), Cue(6, "sad", 0.4), Cue(8, "pause", 0.25)),
    )
    assert parse("哎，{laugh}行") == ("哎，行", (Cue(2, "laugh"),))


def test_a_doubled_brace_is_a_brace_even_around_a_tag_name() -> None:
    assert parse("{{sigh}} he wrote") == ("{sigh} he wrote", ())
    assert render("{sigh}", [Cue(0, "sigh")]) == "{sigh}{{sigh}}"


@pytest.mark.parametrize(
    ("tagged", "says"),
    [
        ("{sing} la", "unknown tag {sing}"),
        ("oh {sigh", "a lone '{'"),
        ("oh sigh}", "a lone '}'"),
        ("{Sigh}", "a lone '{'"),
        ("{}", "a lone '{'"),
        ("{pause}", "a pause without its length"),
        ("{pause:1.2.3}", "a lone '{'"),
        ("{pause:-1}", "a lone '{'"),
        ("{sigh:0.4}", "{sigh:0.4} in"),
        ("{fast:2}", "{fast:2} in"),
        ("{emphasis:0}", "{emphasis:0} in"),
        ("{emphasis:1.5}", "{emphasis:1.5} in"),
        ("{emphasis:10}", "{emphasis:10} in"),
        ("{sad:1e-400}{sad:" + "9" * 400 + "}", "{sad:inf} in"),
    ],
)
def test_a_tag_that_is_none_is_refused(tagged: str, says: str) -> None:
    with pytest.raises(ForgeError) as caught:
        parse(tagged)
    assert says in caught.value.what


@pytest.mark.parametrize("cue", [Cue(0, "sing"), Cue(4, "sigh"), Cue(-1, "sigh"), Cue(0, "pause"), Cue(0, "soft", 1.0),
                                 Cue(0, "sad", float("nan")), Cue(0, "sad", -1.0)])  # fmt: skip
def test_a_cue_that_could_not_be_read_back_is_not_written(cue: Cue) -> None:
    with pytest.raises(ForgeError):
        render("abc", [cue])


def test_no_name_means_two_things() -> None:
    assert len(NAMES) == len(EVENTS) + len(EMOTIONS) + len(SPEEDS) + len(VOLUMES) + 2


@pytest.mark.parametrize(
    ("tagged", "stressed"),
    [
        ("I {emphasis}never-ever said it", "never-ever"),
        ("I {emphasis}didn't", "didn't"),
        ("{emphasis:2}the red one", "the red"),
        ("say{emphasis} 'that' now", "that"),
        ("是{emphasis}我们的", "我们"),
        ("是{emphasis:3}图书馆的", "图书馆"),
        ("是{emphasis}我。你呢", "我"),
        ("用{emphasis}iPhone手机", "iPhone"),
        ("{emphasis}3号", "3"),
        ("done{emphasis}.", ""),
    ],
)
def test_an_emphasis_reaches_over_a_word_or_two_han_characters(tagged: str, stressed: str) -> None:
    words, (cue,) = parse(tagged)
    start, end = emphasised(words, cue)
    assert words[start:end] == stressed
