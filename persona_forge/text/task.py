"""Whether a role prompt is a task: it says what to do with an input, and not who somebody is.

"I want you to act as …" alone is no task: personas are written so too. A task has an order, a first request, a rule for
the replies, or an input that is to come. What is asked for in other words is taken for a persona.
"""

from __future__ import annotations

from persona_forge.text.lexicon import one_of

_GIVE = "(give|provide|type|tell|write|send|describe|input|ask|paste|supply|share|enter|speak)"
_MUST = "(will|should|must|need to|are to|is to)"
_YOU = "(你|您)(会|将|需要|应该|应|只|的(工作|任务|职责|目标))"
_TASK = one_of(rf"""
    my first (\w+ ){{0,2}}(request|command|prompt|query|input|task)
    my first (\w+ ){{0,2}}(question|sentence|word|message|problem|topic|line) (is|will be):? ?["“'‘`]
    I(['’]ll| will| am going to) (\w+ )?{_GIVE} [^.!?\n]{{0,120}}\b(you|your \w+)(['’]ll| {_MUST})
    I (will|am going to) {_GIVE} (you|commands|to you)\b[^.]{{0,80}}\. (You {_MUST}|Your (job|task|role|goal))
    I will be the (candidate|customer|client|patient|user|student)
    (do not|don['’]t|never) (write|provide|give|include|type) (any )?(explanations?|commands)
    (you {_MUST}|I want you to) (only |just )+(reply|respond|answer)
    (reply|respond|answer) only with
    ^only (reply|respond|answer)
    ^(please )?(translate|summari[sz]e|generate|rewrite|classify|proofread|create|draft) (me|the|an?|this|all|\d+)
    第一[个条项步][^，。！？“”\n]{{0,8}}(请求|要求|命令|关键字|提示|表达|陈述)
    第一[个条句份][^，。！？“”\n]{{0,6}}(话|问题|单词|词|建议|想法|工作|挑战|主题|歌)[是，]?[:：]? ?[“‘"'「《{{]
    第一次询问|我的第一步是|最初的要求|请求的信息|开始查询|您的第一个
    我(会|将|将会|要|将要|接下来会?)[^，。]{{0,10}}(提供|输入|键入|发送|描述|告诉|给|写|问|说|要求|交流)[^。]{{0,80}}?[，]?[而\s]?{_YOU}
    (不要|无需|不必)(在回复[上中])?(写|做|附加|给出)(任何)?解释|不要对你?的答案
    [只仅](需|需要|会|要|能|应)*回[复答](?!不)[^，。]{{0,20}}([，。、]|即可|结果|内容|部分|本身)
    ^(请|帮我|请你|请您)?(将|把|根据|总结|翻译|生成|编写|撰写|改写)[^。]{{0,30}}(转换|翻译|生成|写成|产生)
    请(总结|撰写|编写)[^。]{{0,12}}[书文信]
    接下来我会?(发送|输入|发)|等待我(提示|输入)|按照?以下格式|试着向我|开始教我
    (你|您)能(给我|提供|帮我)[^。]{{0,30}}[吗？]
    (^需要|求助于|寻求)[^。！]{{0,20}}(人来|人员|指导|提供)[^。！]{{0,30}}[，来；的]
    希望有足够经验的人|我需要有人可以
    """)  # fmt: skip


def task_words(text: str) -> str:
    """The words by which a text is a task and no persona; empty if it is none."""
    match = _TASK.search(text)
    return match.group().strip() if match else ""
