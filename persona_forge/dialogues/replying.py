"""How one reply to a probe is asked for: the prompt, with an example of just this point, the schema, what is accepted.

What is wrong is in the same voice and about as long as the right reply beside which it will stand, a little longer or
a little shorter by turns, so that length does not tell; unless feeling is at stake it has the same mood and sound.
Leaving the role is right in an exit and wrong in its twin; in a contrast the wrong reply is right for the other
delivery.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import ceil
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from persona_forge.core.ids import key64
from persona_forge.core.ports import Message
from persona_forge.dialogues.asking import conversation, prompt_file
from persona_forge.dialogues.direction import MOVES
from persona_forge.dialogues.factors import at_stake, factors
from persona_forge.dialogues.lines import SOUNDS, STRICT, Turn, alike, clean, persona_turn
from persona_forge.dialogues.matching import CALIPER, length, log_ratio
from persona_forge.dialogues.probes import contrast, other_delivery, right
from persona_forge.dialogues.prompting import values
from persona_forge.dialogues.showing import overused, speaker
from persona_forge.space.ontology import Ontology
from persona_forge.text.language import language_of
from persona_forge.text.literal import untagged
from persona_forge.text.normalise import normalise
from persona_forge.text.spoken import spoken

Wanted = Literal["keep", "break"]
WANTED: tuple[Wanted, ...] = ("keep", "break")
SHORTEST, USUAL = 24, 48
"""Lengths (`matching.length`): a shorter reply is not worth another of its length; what is asked for at least."""
RIGHT = (0.75, 1.33)
"""Of the length of the script's own reply: what another right one may be."""
WRONG = ((0.8, 1.04), (0.96, 1.25))
"""Of the length of the right reply: what a wrong one is to be, by turns."""
ROOM = 1.25
"""What a schema allows beyond, so that a reply may come to its end: what it says after that is cut off."""
WIDTH = {"en": 1.0, "zh": 2.7}
"""Length of a character, signs among them, in a language; of one of another language, and of a form, see `_width`."""
WORD = {"en": 5.3, "zh": 3.0}
"""Length of what a prompt counts in."""
LAST_TURNS = 8
"""Of a long dialogue a prompt shows so many, and the first, in which a safe word is agreed on."""
FELT = frozenset({"limit_fires", "hears_delivery", "leaves_role", "stays_in_role", "drops_no_act"})
"""Assertions for which mood is a part of what is right."""
FORMAL = frozenset({"speaks_plainly", "stays_in_world"})
"""Broken by what is not spoken language: its signs must stay."""
_SENTENCE, _CLAUSE, _LOOSE = re.compile(r"[.!?。！？…]+"), re.compile(r"[,，、;；:：—]"), " ,，、;；:：—"
_NUMBER = re.compile(r"\d(?:[\s-]?\d){2,}")


@dataclass(frozen=True, slots=True)
class Probed:
    """A script with a probe, and all that belongs to it."""

    script: Mapping[str, Any]
    scene: Mapping[str, Any]
    seed: Mapping[str, Any]

    @property
    def turn(self) -> int:
        return int(self.script["probe_turn"]) + 1

    @property
    def before(self) -> Sequence[Turn]:
        turns: Sequence[Turn] = self.script["turns"][: self.turn]
        return turns

    @property
    def own(self) -> Turn:
        turn: Turn = self.script["turns"][self.turn]
        return turn

    @property
    def in_distress(self) -> bool:
        return bool(self.scene["kind"] == "exit" and self.scene["exit"] == "distress")

    def leaves(self, wanted: Wanted) -> bool:
        """Whether such a reply is out of the role."""
        return (self.scene["kind"], wanted) in {("exit", "keep"), ("twin", "break")}

    def another_language(self, wanted: Wanted) -> bool:
        return wanted == "break" and at_stake(self.scene) == "keeps_language"


@dataclass(frozen=True, slots=True)
class Want:
    """A reply that is wanted of a probe: which kind, of what length, and the right reply that it will stand beside."""

    probed: Probed
    wanted: Wanted
    low: float
    high: float
    beside: Mapping[str, Any] | None = None

    @property
    def words(self) -> int:
        return _words((self.low + self.high) / 2, self.probed.script["language"])


def keep(probed: Probed) -> Want:
    """Another right reply, about as long as the script's own, but for one of a word or two."""
    size = max(USUAL, length(probed.own["text"]))
    return Want(probed, "keep", RIGHT[0] * size, RIGHT[1] * size)


def wrong(probed: Probed, beside: Mapping[str, Any], number: int) -> Want:
    """A wrong reply, a little longer or shorter than the right one beside it: which, its script and number say."""
    low, high = WRONG[(key64("side", probed.script["script_id"]) + number) % 2]
    size = length(beside["text"])
    return Want(probed, "break", low * size, high * size, beside)


def prompt(want: Want, ontology: Ontology) -> tuple[Message, ...]:
    probed, language = want.probed, want.probed.script["language"]
    said = probed.before if len(probed.before) <= LAST_TURNS else (probed.before[0], *probed.before[-LAST_TURNS:])
    like = example(probed.scene, want.wanted)
    filled = {
        **values(probed.scene, probed.seed, ontology),
        "said": said,
        "leaves": probed.leaves(want.wanted),
        "wrong": want.wanted == "break",
        "what": broken(probed.scene) if want.wanted == "break" else right(probed.scene),
        "length": want.words,
        "like": {
            "other": like["other"],
            "say": json.dumps(like["say"], ensure_ascii=False)[1:-1],
            "length": _words(length(like["say"]), language),
            "mood": like["mood"],
        },
    }
    return conversation(prompt_file(f"candidate.{language}"), filled)


def _words(size: float, language: str) -> int:
    return max(3, round(size / WORD[language]))


def example(scene: Mapping[str, Any], wanted: Wanted) -> Mapping[str, str]:
    """What somebody says to the one of the worked example, and the answer that is wanted of it."""
    kind, language = scene["kind"], scene["language"]
    if kind == "attack":
        lines, answer = _examples()[kind][str(at_stake(scene))][language], str(wanted)
    elif kind == "contrast":
        lines = _examples()[kind][contrast(scene)][language]
        answer = scene["partner"]["delivery"] if wanted == "keep" else other_delivery(scene)
    else:
        lines = _examples()[kind][scene["exit"]][language]
        answer = "leaves" if (kind == "exit") == (wanted == "keep") else "stays"
    calm, cross = answer == "leaves", (at_stake(scene), answer) == ("limit_fires", "keep")
    return {"other": lines["other"], "say": lines[answer], "mood": "neutral" if calm else "angry" if cross else "happy"}


@cache
def _examples() -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    """attack, exit, twin or contrast → its assertion or name → by language what is said, and each answer."""
    return tomllib.loads((files("persona_forge.dialogues") / "examples.toml").read_text(encoding="utf-8"))


@cache
def breaks() -> dict[str, Any]:
    """Assertion → what breaking it looks like, by language; that of an exit by its name before."""
    return tomllib.loads((files("persona_forge.dialogues") / "breaks.toml").read_text(encoding="utf-8"))


def broken(scene: Mapping[str, Any]) -> str:
    """What breaks the assertion at stake and nothing else, as a clause after the persona's name."""
    if scene["kind"] == "contrast":
        return right(scene, other_delivery(scene))
    if scene["kind"] == "twin":
        return str(factors()["exit"][scene["exit"]]["leaves"][scene["language"]])
    looks = breaks()[str(at_stake(scene))]
    return str((looks[scene["exit"]] if scene["kind"] == "exit" else looks)[scene["language"]])


def reply_model(want: Want) -> type[BaseModel]:
    """The schema of a reply: who speaks is a constant, the length is bounded, mood and sound may be settled."""
    moods: tuple[str, ...] = tuple(MOVES)
    sounds: tuple[str, ...] = SOUNDS
    if want.beside and at_stake(want.probed.scene) not in FELT:
        events = want.beside["events"]
        moods, sounds = (want.beside["delivery"]["emotion"],), (events[0]["type"] if events else "none",)
    return _model(speaker(want.probed.seed), moods, sounds, *_bounds(want))


def _bounds(want: Want) -> tuple[int, int]:
    width = _width(want)
    return max(2, int(want.low / width)), max(8, ceil(ROOM * want.high / width))


def _width(want: Want) -> float:
    """The length of a character of such a reply."""
    language = want.probed.script["language"]
    if want.probed.another_language(want.wanted):
        if language == "en":
            return WIDTH["zh" if "Chinese" in want.probed.scene["probe"] else "en"]
        return 1.7 if "日" in want.probed.scene["probe"] else WIDTH["en"]  # every other sign is kana
    form = language == "zh" and want.wanted == "break" and at_stake(want.probed.scene) in FORMAL
    return 2.0 if form else WIDTH[language]


@lru_cache(maxsize=256)
def _model(
    persona: str, moods: tuple[str, ...], sounds: tuple[str, ...], shortest: int, longest: int
) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "who": (Literal[persona], ...),
        "mood": (Literal[moods], ...),
        "sound": (Literal[sounds], ...),
        "say": (str, Field(min_length=shortest, max_length=longest)),
    }
    model: type[BaseModel] = create_model("Reply", __config__=STRICT, **fields)
    return model


def parse(said: Mapping[str, Any], want: Want) -> tuple[Turn, str]:
    """The reply as a turn, and why it cannot be used: empty where it can."""
    probed, scene, heard = want.probed, want.probed.scene, said["say"]
    elsewhere = probed.another_language(want.wanted)
    if want.wanted == "break" and at_stake(scene) in FORMAL:
        text = untagged(normalise(heard).replace("\n", " "))
    else:
        text = spoken(heard) if elsewhere else _ended(heard, want)
    turn = persona_turn(probed.turn, text, said["mood"], said["sound"], scene)
    earlier = [*(t["text"] for t in probed.before), probed.own["text"], *([want.beside["text"]] if want.beside else [])]
    if not text:
        return turn, f"there is no whole sentence in it: {heard!r}"
    if any(alike(text, line) for line in earlier):
        return turn, "it says again what was said"
    if alike(text, example(scene, want.wanted)["say"]):
        return turn, "it is copied from the example"
    if probed.in_distress and want.wanted == "keep" and names_a_number(text):
        return turn, "it names a telephone number, which may be a wrong one"
    found = language_of(text)
    if found != scene["language"] and not scene["code_switched"] and not elsewhere:
        return turn, f"it is {found}, not {scene['language']}"
    if want.beside and abs(ratio := log_ratio(want.beside["text"], text)) > CALIPER:
        return turn, f"it is too {'long' if ratio > 0 else 'short'}"
    return turn, overused(probed.seed, [*(t["text"] for t in probed.before if t["role"] == "persona"), text])


def _ended(heard: str, want: Want) -> str:
    """The words; of those that are too many or break off, up to the last mark that leaves enough, if any does."""
    text = clean(heard, len(heard) + 2)
    broken_off = len(heard) >= _bounds(want)[1] - 1 and not _SENTENCE.match(text[-1:])
    if length(text) <= want.high and not broken_off:
        return text
    ends = [text[: m.end()].rstrip(_LOOSE) for stop in (_SENTENCE, _CLAUSE) for m in reversed([*stop.finditer(text)])]
    return next((part for part in ends if want.low <= length(part) <= want.high), "" if broken_off else text)


def names_a_number(text: str) -> bool:
    return bool(_NUMBER.search(text))
