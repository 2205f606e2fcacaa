from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.normalise import normalise
from persona_forge.text.spoken import finished, spoken


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("(sighs) Not again.", "Not again."),
        ("（叹气）又来了。", "又来了。"),
        ("*laughs softly* Sure, why not?", "Sure, why not?"),
        ("[long pause] Fine.", "Fine."),
        ("【旁白】走吧。", "走吧。"),
        ("{sigh} Well", "Well"),
        ("{{sigh}} Well", "Well"),
        ("<break time='1s'/>Hello there", "Hello there"),
        ("If 3 < 5 and 7 > 2, fine", "If 3 5 and 7 2, fine"),
        ("(a (deep) breath) Hi", "Hi"),
        ("(unclosed, but said", "unclosed, but said"),
        ("I **really** mean it", "I really mean it"),
        ("# Plan\n- tea\n- cake", "Plan - tea - cake"),
        ("Great! 🎉👍🏽 See you ❤️ 1️⃣", "Great! See you 1"),
        ("“好啊，走！”", "好啊，走！"),
        ('"Sure."', "Sure."),
        ('He said "no" and left', 'He said "no" and left'),
        ("don't 'worry'", "don't 'worry'"),
        ("`code` | table", "code table"),
        ("the café's open", "the café's open"),
        ("…", ""),
        ("😀", ""),
        ("(sighs)", ""),
        ("*nods*", ""),
        ("", ""),
    ],
)
def test_only_words_are_left(line: str, wanted: str) -> None:
    assert spoken(line) == wanted


@given(st.text(st.sampled_from("ab ,.!?'哈，。你 3\n"), max_size=40))
def test_plain_words_are_kept_as_they_are(line: str) -> None:
    words = normalise(line.replace("\n", " "))
    if any(c.isalnum() for c in words) and not words.startswith("'"):
        assert spoken(line) == words


@given(st.text(st.sampled_from("ab ()*[]{}<>/\"“”'_#😀哈（）"), max_size=30))
def test_what_is_spoken_stays_as_it_is(line: str) -> None:
    once = spoken(line)
    assert spoken(once) == once
    assert not set(once) & set("()[]{}*<>（）😀\n")


@pytest.mark.parametrize(
    ("line", "longest", "wanted"),
    [
        ("I will go. And then I", 21, "I will go."),
        ("I will go, and then I", 21, "I will go"),
        ("I will go and then I w", 21, "I will go and then I w"),
        ("我先走了。等会儿再", 9, "我先走了。"),
        ("我先走了，等会儿再", 9, "我先走了"),
        ('He said "no"', 40, 'He said "no"'),
        ('Done. He said "I will g', 22, "Done."),
        ('He said "I will, and th', 22, "He said I will"),
        ("Whole line, of the length.", 26, "Whole line, of the length."),
        ("", 10, ""),
    ],
)
def test_a_line_that_was_cut_off_ends_where_something_ends(line: str, longest: int, wanted: str) -> None:
    assert finished(line, longest) == wanted
