from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_forge.text.minors import mentions_minor

MINORS = """
I am 12 years old. | I'm 15. | i am only 9 | A 16-year-old chess player. | a 7 y/o who loves trains | I am thirteen now
I just turned thirteen. | I am fifteen and bored. | I'm seventeen, almost done. | aged 14 | I turn 16 in May.
I'm in the third grade. | I am in 8th grade | I go to middle school. | I am a high school student. | grade 5 is hard
a junior high girl | I'm a teenager. | I am a teen | I am a kid. | I'm a boy. | A fifth grader from Ohio | a schoolgirl
I am a minor | I'm not yet eighteen | I'm under 18 | born in 2012 | A kindergartner | I'm an adolescent | a tween
little girl lost | I am ten years old | My name is Sam and I am twelve | I graduate from high school in two years
我今年12岁 | 十三岁的女孩 | 我十六岁 | 她才八岁 | 十二三岁 | 我十来岁 | 我是一名小学生 | 上初二 | 正在读高中 | 高三学生
五年级 | 未成年人 | 我还未满18 | 不到十八 | 一个16周岁的少年 | 今年十五，爱打球 | 我才15 | 10后 | 2013年出生
幼儿园大班 | 小朋友 | 小姑娘一个 | 我是中学生 | 十几岁 | 两岁半 | 生于2011 | 备战中考 | 虚岁14，今年 14
"""
GROWN_UPS = """
I am 35 years old. | I'm 42. | A 71-year-old retired nurse | I have three kids. | I teach third grade.
I am 100 years old | I am a high school teacher. | I graduated from high school in 1990.
I have a 7 year old son. | My 10 year old dog
I have been married for 12 years. | I have two children. | I'm 6 feet tall | I am 5'4 | I am a mother of 3 | I'm 18
I am eighteen | twenty-five years old | I am twenty five | I've lived here 15 years | I am thirty-five | I turned 18
I am in my twenties | I run 10 miles a day | I am one of four sisters | My daughter is studying law | I work at a bank.
My son is in junior high school. | I worked since I was sixteen years old. | I loved trains as a child. | my first child
我今年35岁 | 三十五岁 | 我二十岁 | 四十六岁的老师 | 五十八，卖了二十六年卤子 | 我是小学老师 | 高中毕业就打工 | 儿子8岁了
我有一个五岁的女儿 | 教高中数学 | 一百零五岁 | 住在三楼 | 退休教师 | 初中文化 | 养了一只3岁的猫 | 十八岁 | 我28岁
我在银行上班十二年 | 从小学戏 | 十六岁那年进厂 | 我是中学校长 | 今年十月退休 | 我才3个月没上班 | 今年18
"""


def cases(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


@pytest.mark.parametrize("prose", cases(MINORS))
def test_a_minor_is_recognised(prose: str) -> None:
    assert mentions_minor(prose) is True


@pytest.mark.parametrize("prose", cases(GROWN_UPS))
def test_the_usual_grown_up_is_none(prose: str) -> None:
    assert mentions_minor(prose) is False


@given(st.integers(0, 110), st.sampled_from(["I am {} years old", "a {}-year-old baker", "我今年{}岁", "{}岁，爱笑"]))
def test_a_stated_age_decides(age: int, words: str) -> None:
    assert mentions_minor(words.format(age)) is (age < 18)


@given(st.sampled_from(cases(MINORS)), st.text(st.sampled_from("ab c.，。\n"), max_size=20))
def test_a_minor_is_recognised_wherever_it_is_said(prose: str, before: str) -> None:
    assert mentions_minor(f"{before}. {prose}") is True
