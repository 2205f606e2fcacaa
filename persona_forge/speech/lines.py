"""Everything of one dialogue that is to be said: its turns, the listener's back-channels, the replies of its pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from persona_forge.core.ids import canonical, digest
from persona_forge.speech.placing import BackChannel

Row = Mapping[str, Any]

HUMMED = {"emotion": "neutral", "intensity": 0.0, "speed": "medium", "pitch": "medium", "volume": "soft"}
OTHER = {"persona": "partner", "partner": "persona"}
EFFECTS = ("f0_scale", "formant_scale", "breathiness", "tremor")


@dataclass(frozen=True, slots=True)
class Line:
    """Words, by whom and how they are to be said."""

    turn: int
    part: str
    """turn, back_channel, chosen or rejected."""
    pair_id: str | None
    role: str
    text: str
    text_tagged: str
    instruction: str
    delivery: Row
    events: Sequence[Row]
    who: Row
    """Of casting."""
    after: float = 0.0
    """Of a back-channel: after which share of the words of the turn that it falls into."""

    @property
    def asked(self) -> str:
        """All that an engine is told: what is asked for twice is spoken once."""
        who = {k: self.who[k] for k in ("language", "voice", *EFFECTS)}
        return canonical([who, self.text_tagged, dict(self.delivery), self.instruction])

    def utterance_id(self, script_id: str) -> str:
        who = canonical({k: self.who[k] for k in ("engine", "voice", *EFFECTS)})
        return digest("utterance", script_id, str(self.turn), self.part, self.pair_id or "", who)


def lines(script: Row, cast: Mapping[str, Row], pairs: Sequence[Row], hums: Sequence[BackChannel]) -> Iterator[Line]:
    """In order: each turn with the back-channel that falls into it, then the replies; `cast` is by role."""
    hummed = {hum.turn: hum for hum in hums}
    for turn in script["turns"]:
        yield _line(turn["turn"], "turn", None, turn["role"], turn, turn["instruction"], cast)
        if hum := hummed.get(turn["turn"]):
            said = {"text": hum.text, "text_tagged": hum.text, "delivery": HUMMED, "events": []}
            line = _line(turn["turn"], "back_channel", None, OTHER[turn["role"]], said, "", cast)
            yield replace(line, after=hum.char_pos / len(turn["text"]))
    for pair in pairs:
        number = len(pair["prompt"])
        for part in ("chosen", "rejected"):
            direction = _direction(script["turns"][number : number + 1], pair[part])
            yield _line(number, part, pair["pair_id"], "persona", pair[part], direction, cast)


def _line(
    turn: int, part: str, pair_id: str | None, role: str, said: Row, instruction: str, cast: Mapping[str, Row]
) -> Line:
    return Line(turn, part, pair_id, role, said["text"], said["text_tagged"], instruction, said["delivery"],
                said["events"], cast[role])  # fmt: skip


def _direction(turn: Sequence[Row], reply: Row) -> str:
    """The words of direction of the turn whose place a reply takes, where they hold for its mood, too."""
    same = [t for t in turn if t["delivery"]["emotion"] == reply["delivery"]["emotion"]]
    return str(same[0]["instruction"]) if same else ""
