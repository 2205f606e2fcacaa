"""What a check finds in a reply, and all that it may look at.

A finding is `unclear` where code cannot tell; it is never a guess. `said` is how the checks read: words count only
where the speaker says them for itself, not where it quotes, asks, denies, or lays them into another's mouth. The words
to look for stand in checks.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from persona_forge.text.lexicon import one_of
from persona_forge.text.words import chinese, english

Verdict = Literal["held", "broken", "unclear"]


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    evidence: str | None
    """Words of the reply, as they stand there."""
    why: str


def held(why: str, evidence: str | None = None) -> Finding:
    return Finding("held", evidence, why)


def broken(evidence: str, why: str) -> Finding:
    return Finding("broken", evidence, why)


def unclear(why: str, evidence: str | None = None) -> Finding:
    return Finding("unclear", evidence, why)


@dataclass(frozen=True, slots=True)
class Context:
    """Whose reply it is, in what scene, and after which turns."""

    scene: Mapping[str, Any]
    seed: Mapping[str, Any]
    before: Sequence[Mapping[str, Any]] = ()

    @property
    def language(self) -> str:
        return str(self.scene["language"])

    @property
    def traits(self) -> dict[str, str]:
        """What its card says: pins among them, and nothing that the seed withholds."""
        return {t["dimension"]: t["value"] for t in self.scene["traits"]}

    @property
    def heard(self) -> str:
        """What the reply answers."""
        return str(self.before[-1]["text"] if self.before else self.scene["probe"] or "")

    @property
    def own_turns(self) -> list[str]:
        return [t["text"] for t in self.before if t["role"] == "persona"]


_QUOTED = re.compile(
    r'"[^"\n]*"|“[^“”\n]*”|「[^「」\n]*」|『[^『』\n]*』|《[^《》\n]*》|(?<!\w)[\'‘][^\'‘’\n]{2,}[\'’](?!\w)'
)
_CLAUSE = re.compile(r"[.!?;:,。！？；：，、—…\n]")
_SENTENCE = re.compile(r"[.!?。！？…\n]")
_ASKED = re.compile(r"\s*(?:吗|么|吧|呢|啊|呀)?\s*[?？]")
_TAG = re.compile(
    r"\W*(?:am I|are we|is that so|is it|eh|huh|so you say|you say|says you|apparently|or so you|"
    r"是吧|对吧|真的假的|亏你|你信吗|你信么|听听|瞧你)",
    re.IGNORECASE,
)
_TURNED = re.compile(
    r"\b(?:not|never|no|nor|isn't|don't|doesn't|can't|hardly|who|why|whether|than|like|as if|as though|neither)\b"
    r"|\b(?:you|they|he|she|people|folk|everyone|somebody|someone) (?:\w+ )?(?:think|thinks|thought|say|says|said|call"
    r"|calls|called|want|wants|believe|reckon|reckons|take|treat|decide|decided|swear|claim|insist|tell|told|suppose)\b"
    r"|\b(?:say|saying|prove|pretend|call me|calling me|treat me|take me|convinced|suggesting|claim|accus\w+)\b"
    r"|(?<!我)(?<!跟你)(?<!老实)(?<!实话)(?<!明)说(?!白|到底|真)|以为|觉得|认为|当成|当作|骂|讲我|怀疑|证明|相信|难道|莫非"
    r"|不(?!过|瞒|好意思)|没(?!错)|别|凭什么|哪(?!怕)|怎么|谁|像|好像|好比|比",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|suppose|as you (?:say|put it|call it))\b|要是|如果|假如|就算|哪怕|即使|万一", re.IGNORECASE
)


def unquoted(text: str) -> str:
    """The text with its quotations blanked out, sign for sign, and straight apostrophes."""
    bare = text if _QUOTED.fullmatch(text.strip()) else _QUOTED.sub(lambda m: "\u00b7" * len(m.group()), text)
    return bare.replace("’", "'").replace("‘", "'")


def all_said(text: str, looked_for: re.Pattern[str]) -> Iterator[re.Match[str]]:
    """Matches of a pattern that the speaker says for itself; their places are those in `text`."""
    bare = unquoted(text)
    for match in looked_for.finditer(bare):
        clause = bare[_last(_CLAUSE, bare, match.start()) : match.start()]
        sentence = bare[_last(_SENTENCE, bare, match.start()) : match.start()]
        after = bare[match.end() :]
        if _TURNED.search(clause) or _SUPPOSED.search(sentence) or _ASKED.match(after) or _TAG.match(after):
            continue
        yield match


def said(text: str, phrases: str) -> str | None:
    """The first words of a list of phrases that the speaker says for itself."""
    return next((text[m.start() : m.end()] for m in all_said(text, pattern(phrases))), None)


def found(text: str, phrases: str) -> str | None:
    """The first words of a list of phrases, whoever says them, outside of quotations."""
    match = pattern(phrases).search(unquoted(text))
    return text[match.start() : match.end()] if match else None


@cache
def pattern(phrases: str) -> re.Pattern[str]:
    """A list of checks.toml."""
    parts, lines = {**lists()["parts"], **_numbers()}, lists()["lists"][phrases]
    while "@" in lines:
        lines = re.sub(r"@(\w+)@", lambda m: parts[m[1]], lines)
    return one_of(lines)


def _numbers() -> dict[str, str]:
    """The numbers from 5 to 99 in words, the longest first."""
    spelt = {"en_number": english, "zh_number": chinese}
    found = {name: sorted(map(spell, range(5, 100)), key=len, reverse=True) for name, spell in spelt.items()}
    return {name: f"(?:{'|'.join(some).replace(' ', '[- ]')})" for name, some in found.items()}


@cache
def lists() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("persona_forge.dialogues") / "checks.toml").read_text(encoding="utf-8"))


def _last(border: re.Pattern[str], text: str, before: int) -> int:
    return max((m.end() for m in border.finditer(text, 0, before)), default=0)
