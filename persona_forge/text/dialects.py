"""The internal tag set compiled to what engines understand: one pure function a dialect.

    (words, cues, delivery, language) -> what to send as the text, what to send beside it, and what could not be said

A delivery is a turn's own (emotion, intensity, speed, pitch, volume), with the scene-level `instruction` and the
persona's `accent` where they are known. Cues of mood, rate or volume at the head of a turn are direction for the whole
of it, so they replace the delivery's. Emphasis is words of direction to OpenAI and StepFun 2.5, <strong> around the
word to CosyVoice, and dropped elsewhere. What a dialect has no means for is dropped and named, once for each time.

Brackets of the words that a dialect would take for its own become commas or other brackets, one character for one:
no word is lost, no text can give orders, and no tag of ours is left to be read aloud.

Sources: OpenAI's and StepFun's references of /v1/audio/speech, the tokens of CosyVoice 2 and 3, and the tag table of
Step-Audio-EditX. Whether an engine obeys is another question, for `verify`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from persona_forge.text.tags import EMOTIONS, EMPHASIS, EVENTS, PAUSE, SPEEDS, VOLUMES, Cue, emphasised

LONGEST = 200
"""Characters of an instruction to StepFun; CosyVoice's are held to as many."""
LONGEST_FOR_OPENAI = 4096
_USUAL = {"emotion": "neutral", "speed": "medium", "pitch": "medium", "volume": "normal"}
_ROUND, _SQUARE = str.maketrans("{}", "()"), str.maketrans("{}[]<>", "()()()")
_NONE = str.maketrans("{}()（）", ",,,,，，")  # fmt: skip

_EN = {
    "neutral": "calm", "happy": "happy", "sad": "sad", "angry": "angry", "fearful": "afraid", "disgusted": "disgusted",
    "surprised": "surprised", "slow": "slowly", "medium_slow": "a little slowly", "medium": "at a usual pace",
    "medium_fast": "a little fast", "fast": "fast", "whisper": "in a whisper", "soft": "softly",
    "normal": "at a usual volume", "loud": "loudly", "shout": "shouting", "low": "in a low voice",
    "medium_low": "in a rather low voice", "medium_high": "in a rather high voice", "high": "in a high voice",
    "sigh": "sigh", "laugh": "laugh", "breath": "breathe in", "gasp": "gasp", "cough": "cough",
    "throat_clear": "clear your throat", "emphasis": "stressed",
}  # fmt: skip
_ZH = {
    "neutral": "平静", "happy": "高兴", "sad": "难过", "angry": "生气", "fearful": "害怕", "disgusted": "厌恶",
    "surprised": "吃惊", "slow": "语速慢", "medium_slow": "语速稍慢", "medium": "语速正常", "medium_fast": "语速稍快",
    "fast": "语速快", "whisper": "耳语", "soft": "轻声", "normal": "音量正常", "loud": "大声", "shout": "喊着说",
    "low": "声音低", "medium_low": "声音偏低", "medium_high": "声音偏高", "high": "声音高", "sigh": "叹气",
    "laugh": "笑", "breath": "吸气", "gasp": "倒抽一口气", "cough": "咳嗽", "throat_clear": "清嗓子",
    "emphasis": "重读",
}  # fmt: skip
_SPEED = {"slow": 0.78, "medium_slow": 0.89, "medium": 1.0, "medium_fast": 1.12, "fast": 1.26}
_VOLUME = {"whisper": 0.4, "soft": 0.7, "normal": 1.0, "loud": 1.4, "shout": 1.8}


@dataclass(frozen=True, slots=True)
class Compiled:
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    """Sent beside the text, by the engine's own names."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Names of what this dialect cannot say, and how often it was wanted."""


Dialect = Callable[[str, Sequence[Cue], Mapping[str, Any], str], Compiled]


def plain(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """Words alone, for an engine that is told everything else in numbers, or nothing."""
    whole, rest = _heard(cues, delivery)
    return Compiled(words.translate(_ROUND), {}, _counted([*_named(whole), *(c.name for c in rest)]))


def openai(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """`instructions` say everything in words, and quote the words before which something happens."""
    whole, rest = _heard(cues, delivery)
    parts = [*_told(whole, language), *((c.name, _where(c, words, language)) for c in rest)]
    instructions, dropped = _fitted(parts, LONGEST_FOR_OPENAI, language)
    fields = {"instructions": instructions} if instructions else {}
    return Compiled(words.translate(_ROUND), fields, _counted([*dropped, *_named(whole, "accent")]))


def stepfun(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """StepAudio 2.5: an `instruction` for the whole, inline direction in round brackets, which are not read aloud."""
    whole, rest = _heard(cues, delivery)
    instruction, dropped = _fitted(_told(whole, language), LONGEST, language)
    fields: dict[str, Any] = {"instruction": instruction} if instruction else {}
    told = [(c, _cue(c, language)) for c in rest]
    text = _inline(words.translate(_NONE), [(c.char_pos, f"({said})") for c, said in told if said])
    dropped += [c.name for c, said in told if not said]
    return Compiled(text, fields, _counted([*dropped, *_named(whole, "accent")]))


def stepfun_label(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """step-tts-2 and -mini: one `voice_label` for all, the mood if it has that, else the style, else the accent; rate
    and volume as numbers beside it. The labels are those of stepfun.com; 悲伤 and 快速 are by analogy, unseen."""
    whole, rest = _heard(cues, delivery)
    labels = [
        ("emotion", "emotion", {"happy": "高兴", "angry": "生气", "sad": "悲伤"}.get(whole["emotion"])),
        ("speed", "style", {"slow": "慢速", "fast": "快速"}.get(whole["speed"])),
        ("accent", "language", {"cantonese": "粤语", "sichuan": "四川话"}.get(whole.get("accent", ""))),
    ]
    chosen = next((label for label in labels if label[2]), None)
    fields: dict[str, Any] = {"voice_label": {chosen[1]: chosen[2]}} if chosen else {}
    said = {"speed", "volume"} | ({chosen[0]} if chosen else set())
    if _SPEED[whole["speed"]] != 1 and (not chosen or chosen[0] != "speed"):
        fields["speed"] = _SPEED[whole["speed"]]
    if _VOLUME[whole["volume"]] != 1:
        fields["volume"] = _VOLUME[whole["volume"]]
    left = [name for name in _named(whole) if name not in said]
    return Compiled(words.translate(_ROUND), fields, _counted([*left, *(c.name for c in rest)]))


def cosyvoice(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """CosyVoice 2 and 3: sounds as tokens, a loud stretch or a stressed word as <strong>, the whole as
    `instruct_text`. Within a loud stretch no word can be stressed."""
    sounds = {"breath": "[breath]", "gasp": "[quick_breath]", "laugh": "[laughter]", "sigh": "[sigh]",
              "cough": "[cough]"}  # fmt: skip
    whole, rest = _heard(cues, delivery)
    instruct, dropped = _fitted(_told(whole, language), LONGEST, language)
    marks: list[tuple[int, str]] = []
    begun, reached = -1, 0  # where a loud stretch began, and the end of the last stress
    for cue in rest:
        if cue.name in sounds:
            marks.append((cue.char_pos, sounds[cue.name]))
        elif cue.name in ("loud", "shout") and begun < 0:
            marks.append((begun := max(cue.char_pos, reached), "<strong>"))
        elif cue.name in VOLUMES and begun >= 0 and cue.name not in ("loud", "shout"):
            marks.append((max(cue.char_pos, begun), "</strong>"))
            begun = -1
        start, end = emphasised(words, cue) if cue.name == EMPHASIS else (0, 0)
        if begun < 0 and reached <= start < end:
            marks += [(start, "<strong>"), (reached := end, "</strong>")]
        elif cue.name not in (*sounds, "normal", "loud", "shout"):
            dropped.append(cue.name)
    text = _inline(words.translate(_SQUARE), sorted(marks, key=lambda m: m[0])) + "</strong>" * (begun >= 0)
    fields: dict[str, Any] = {"instruct_text": instruct} if instruct else {}
    return Compiled(text, fields, _counted([*dropped, *_named(whole, "accent")]))


def editx(words: str, cues: Sequence[Cue], delivery: Mapping[str, Any], language: str) -> Compiled:
    """Step-Audio-EditX: sounds as tags in the text; mood, style and rate are `edits`, each a pass of its own."""
    sounds = {"breath": "[Breathing]", "laugh": "[Laughter]", "sigh": "[Sigh]"}
    speeds = {"slow": "more slower", "medium_slow": "slower", "medium_fast": "faster", "fast": "more faster"}
    moods = {name: name for name in EMOTIONS if name not in ("neutral", "fearful", "other")} | {"fearful": "fear"}
    whole, rest = _heard(cues, delivery)
    known = {"emotion": moods, "volume": {"whisper": "whisper", "shout": "shout"}, "speed": speeds}
    kinds = {"emotion": "emotion", "volume": "style", "speed": "speed"}
    edits = [{kinds[k]: values[whole[k]]} for k, values in known.items() if whole[k] in values]
    left = [name for name in _named(whole) if whole[name] not in known.get(name, {})]
    text = _inline(words.translate(_SQUARE), [(c.char_pos, sounds[c.name]) for c in rest if c.name in sounds])
    fields = {"edits": edits} if edits else {}
    return Compiled(text, fields, _counted([*left, *(c.name for c in rest if c.name not in sounds)]))


DIALECTS: dict[str, Dialect] = {
    "plain": plain,
    "openai": openai,
    "stepfun": stepfun,
    "stepfun_label": stepfun_label,
    "cosyvoice": cosyvoice,
    "editx": editx,
}


def _heard(cues: Sequence[Cue], delivery: Mapping[str, Any]) -> tuple[dict[str, Any], list[Cue]]:
    """Direction for the whole turn, and the cues that are left inside it."""
    whole, rest = {**_USUAL, **delivery}, []
    for cue in sorted(cues, key=lambda c: c.char_pos):
        if cue.char_pos or cue.name in (*EVENTS, PAUSE, EMPHASIS):
            rest.append(cue)
            continue
        whole["emotion" if cue.name in EMOTIONS else "speed" if cue.name in SPEEDS else "volume"] = cue.name
        if cue.value is not None:
            whole["intensity"] = cue.value
    return whole, rest


def _named(whole: Mapping[str, Any], *only: str) -> list[str]:
    """What of the whole is not as usual."""
    names = [name for name, usual in _USUAL.items() if whole[name] != usual]
    names += [name for name in ("instruction", "accent") if whole.get(name)]
    return [name for name in names if not only or name in only]


def _told(whole: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """What is wanted of the whole turn, in words; the narrow first, for what does not fit is dropped from the end."""
    said = _ZH if language == "zh" else _EN
    parts = [("emotion", _mood(whole["emotion"], whole.get("intensity"), language))]
    parts += [(name, said[whole[name]]) for name in ("speed", "volume", "pitch")]
    wanted = [(name, words) for name, words in parts if whole[name] != _USUAL[name]]
    return [*wanted, *([("instruction", whole["instruction"])] if whole.get("instruction") else [])]


def _mood(name: str, intensity: float | None, language: str) -> str:
    if name == "other":
        return ""
    strength = 1 if intensity is None or 0.35 <= intensity <= 0.7 or name == "neutral" else 0 if intensity < 0.35 else 2
    if language == "zh":
        return "语气" + ("有点", "", "非常")[strength] + _ZH[name]
    return "sounding " + ("slightly ", "", "very ")[strength] + _EN[name]


def _cue(cue: Cue, language: str) -> str:
    if cue.name == PAUSE:
        return f"停顿{cue.value:g}秒" if language == "zh" else f"pause for {cue.value:g} s"
    if cue.name in EMOTIONS:
        return _mood(cue.name, cue.value, language)
    return (_ZH if language == "zh" else _EN)[cue.name]


def _where(cue: Cue, words: str, language: str) -> str:
    """A cue, and the words that it stands before."""
    said = _cue(cue, language)
    if not said:
        return ""
    if cue.name == EMPHASIS:
        start, end = emphasised(words, cue)
        if start == end:
            return ""
        return f"“{words[start:end]}”{said}" if language == "zh" else f"“{words[start:end]}” {said}"
    near = words[cue.char_pos : cue.char_pos + 24].translate(_NONE).strip()
    near = near[:6] if language == "zh" else " ".join(near.split()[:3])
    lasting = cue.name not in EVENTS and cue.name != PAUSE
    if not near:
        return f"结尾{said}" if language == "zh" else f"at the end {said}"
    if language == "zh":
        return f"从“{near}”起{said}" if lasting else f"说“{near}”前{said}"
    return f"from “{near}” on {said}" if lasting else f"before “{near}” {said}"


def _fitted(parts: Iterable[tuple[str, str]], longest: int, language: str) -> tuple[str, list[str]]:
    """As many parts as fit, as one line; and the names of the others."""
    line, dropped = "", []
    for name, said in parts:
        said = said.translate(_ROUND).strip()
        joined = line + ("；" if language == "zh" else "; ") * bool(line) + said
        if said and len(joined) <= longest:
            line = joined
        else:
            dropped.append(name)
    return line, dropped


def _inline(words: str, marks: Sequence[tuple[int, str]]) -> str:
    parts, at = [], 0
    for place, mark in marks:
        parts += [words[at:place], mark]
        at = place
    return "".join([*parts, words[at:]])


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
