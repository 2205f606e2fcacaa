"""Content that must not be multiplied (`unsafe`), and content that a reader should be warned of (`distressing`).

A small lexicon in both languages, for precision: what it names is looked at by a person before it is used, so that each
false alarm costs somebody a minute. What is told in other words, in allusion or in code goes through.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from persona_forge.text.lexicon import one_of
from persona_forge.text.minors import minor_words

_SENTENCE = re.compile(r"[^.!?\n。！？]+")
_GROUP = (
    "(jews|muslims|christians|arabs|blacks|black people|whites|white people|asians|mexicans|immigrants|refugees|gays"
    "|gay people|lesbians|trans people|women|disabled people|gypsies)"
)
_GROUP_ZH = (
    "(犹太人|穆斯林|回民|黑人|白人|日本人|韩国人|美国人|印度人|维吾尔人|藏人|河南人|东北人|同性恋|女人|残疾人|外地人)"
)

_SEXUAL = one_of(r"""
    sex(?! ?ed\b| education)
    sexual(?! health| orientation| abuse| assault| violence)
    sexually(?! abused| assaulted)
    sexy|porn\w*|nudes?|naked|erotic\w*|nsfw|lewd|horny|seduc\w+|fetish\w*|incest\w*|loli(con)?|shota(con)?
    色情|做爱|性爱|性行为|性关系|裸照|裸体|骚话|撩骚|勾引|乱伦|性奴|萝莉控|正太控|涩涩
    """)

UNSAFE = {
    "instructions for violence": one_of(r"""
        how to (make|build|mix|cook) (an? )?(\w+ )?(bombs?|explosives?|grenades?|nerve gas|poison|meth\w*|ghost guns?)
        how to (kill|murder|strangle|kidnap|torture) (an?|some|any|your|my|his|her|people|the)
        (如何|怎么|怎样|教人|教你|教我).{0,4}(制造|制作|自制|做|造|配制|合成).{0,5}(炸弹|炸药|燃烧瓶|毒药|毒气|冰毒|枪支?)
        (如何|怎么|怎样|教人|教你|教我).{0,4}(杀人|投毒|绑架|分尸|下毒)
        """),
    "encourages self-harm": one_of(r"""
        (?<!not )(?<!n't )(?<!never )(just|go|should|please|you|must)( and)? (kill|hang|cut) yourself
        (?<!not )(?<!n't )(?<!never )(just|go|should|please|you|must)( and)? (end your life|commit suicide)
        (encourag|urg|tell|persuad|convinc)\w* (\w+ ){1,4}to (kill|hurt|cut|hang) (them|him|her|your)sel(f|ves)
        kys|pro-?ana
        你(怎么|为什么|咋)(还)?不(去死|自杀)
        你(应该|就该|赶紧|快)去(死|自杀|跳楼)
        (鼓励|怂恿|教唆|诱导)[^，。！？不别]{0,4}(自杀|自残|割腕|跳楼|轻生)
        """),
    "slur": one_of(r"""
        nigg(er|a)s?|fagg?ots?|kikes?|wetbacks?|gooks?|chinks?(?! in)|ragheads?|towelheads?|trann(y|ies)|darkies|pakis
        支那(人|猪|狗)|黑鬼|死基佬|死人妖|高丽棒子|印度阿三|白皮猪
        """),
    "hatred of a group": one_of(rf"""
        (hates?|despises?|kill|gas|exterminate|get rid of) (all |every |the |those )*{_GROUP}(?! (who|that)\b|['’])
        {_GROUP} (should|must|ought to|deserve to) (all )?(die|be (killed|shot|gassed|deported|sterili[sz]ed))
        {_GROUP} are (all )?(animals|vermin|subhuman|parasites|inferior|filth)
        heil hitler|white power|white supremac(y|ist)|master race
        (恨|讨厌|仇视|杀光|灭了|杀尽)(所有|一切|全部|那些|死)?的?{_GROUP_ZH}
        {_GROUP_ZH}(都|全都|全)(该死|去死|应该死|得死|是(畜生|垃圾|劣等|猪|狗|害虫|下等))
        """),
    "tells a model to drop its rules": one_of(r"""
        do anything now|jailbr(eak|oken) (mode|prompt)
        (ignore|forget|disregard) (all )?(of )?(the |your |any |previous |prior )+(instructions|rules|guidelines|limits)
        (no|without( any)?|free of( all)?) ((or|and|moral|ethical|legal|content),? )+(limits?|filters?|restrictions?)
        (忘记|无视|忽略|摆脱|不受).{0,14}(道德|法律|规则|伦理|限制)(和法律)?的?(限制|约束|束缚)
        没有(任何)?(伦理|道德).{0,10}(法律|规则)
        现在就?(可以)?做任何事情
        """),
}  # fmt: skip
DISTRESSING = {
    "suicide or self-harm": one_of(r"""
        suicid\w+|self[- ]?harm\w*
        (kill(ed|ing|s)?|hang(ed|ing|s)?|hung|cut(ting|s)?|harm(ed|ing|s)?) (my|him|her|your|them)sel(f|ves)
        (took|taken|takes|ended|ending) (his|her|my|their) own life
        自杀|轻生|寻短见|割腕|自残|自尽|跳楼|跳江|跳河|上吊|喝农药|不想活|活不下去
        """),
    "abuse": one_of(r"""
        rap(e|ed|ist)|molest\w*|incest\w*|pa?edophil\w*|trafficked|genital mutilation
        (sexual|domestic|child|physical|verbal) (\w+ )?(abuse|assault|violence)
        (sexually|physically) (abused|assaulted)
        abusive (\w+ )?(father|mother|husband|wife|parents?|home|relationship|childhood|marriage|boyfriend|girlfriend)
        abused (\w+ )?(as a (child|kid)|by)
        (beat|beats|hits|beaten|choked) (me|her|him)(?! (at|in|to)\b)
        家暴|强奸|性侵|猥亵|虐待|毒打|家庭暴力|被拐卖|乱伦|囚禁
        """),
    "violent death": one_of(r"""
        (murder(ed|er|s|ing)?|homicide|massacre\w*|genocide|serial killer)(?! myster| novel| she wrote| trial)
        tortured|behead\w*|dismember\w*|mutilat\w*|stabbed|shot (dead|to death)|lynch(ed|ing)|corpses?|decapitat\w*
        gory|school shooting|overdosed|drug overdose
        谋杀|凶杀|杀人|被害|虐杀|屠杀|血肉模糊|尸体|肢解|砍死|捅死|酷刑|吸毒过量|杀害
        """),
}  # fmt: skip


def unsafe(text: str) -> Iterator[tuple[str, str]]:
    """What must not be multiplied: the words, and what they are."""
    yield from _found(text, UNSAFE)
    for sentence in _SENTENCE.findall(text):
        if (sexual := _SEXUAL.search(sentence)) and (minor := minor_words(sentence)):
            yield sexual.group(), f"sexual beside a minor ({minor})"


def distressing(text: str) -> Iterator[tuple[str, str]]:
    """What a reader should be warned of: the words, and what they are."""
    yield from _found(text, DISTRESSING)


def _found(text: str, lexicon: dict[str, re.Pattern[str]]) -> Iterator[tuple[str, str]]:
    return ((match.group(), says) for says, pattern in lexicon.items() if (match := pattern.search(text)))
