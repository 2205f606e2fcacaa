"""Pins and withheld dimensions beside the labels of a reader who has not seen the cues.

    python tests/personas/score_pins.py en test      # figures, and those of each dimension
    python tests/personas/score_pins.py zh fresh     # everyday descriptions: all; or "fresh dev", test, later

A label file has, for each row of a part ("dev", "test"), the dimensions that its prose touches: with the value that
it states, or null. A right pin has that value; a wrong one has another, or none was stated. A touched dimension is
covered where it is rightly pinned or withheld; what is withheld and not touched is a false alarm. A row that is
"grown_up" tells that the persona is no child, and of no age: there the age is touched too, and covered as well where no
child can be drawn beside the pins; whether the voice's age is withheld with it counts as neither.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from persona_forge.personas.ages import AGE
from persona_forge.personas.pins import find_pins, lexicon
from persona_forge.space.compile import Dead, Space, compile_space
from persona_forge.space.ontology import read_ontology

ROOT = Path(__file__).parents[2]
PROFILES = ROOT.parent / "shared" / "data" / "persona_chat_valid.jsonl"
Labels = Mapping[str, str | None]


@dataclass(slots=True)
class Score:
    right: int = 0
    wrong: int = 0
    valued: int = 0
    touched: int = 0
    covered: int = 0
    open: int = 0
    needless: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, name) + getattr(other, name) for name in Score.__slots__))

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.valued)

    @property
    def coverage(self) -> float:
        return self.covered / max(1, self.touched)

    @property
    def false_alarms(self) -> float:
        return self.needless / max(1, self.open)

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f} of {self.right + self.wrong} pins,"
            f" recall {self.recall:.3f} of {self.valued} values,"
            f" coverage {self.coverage:.3f} of {self.touched} touched,"
            f" false alarms {self.false_alarms:.3f} of {self.open} open"
        )


def bundled() -> Space:
    return compile_space(read_ontology((ROOT / "seeds" / "traits.toml").read_text(encoding="utf-8"), "traits.toml"))


def labels(language: str) -> dict[str, dict[str, Labels]]:
    """Part → row → its labels; "grown_up" likewise, see `score`; "zh_fresh" has its own rows, and none of these."""
    path = Path(__file__).with_name(f"labels_{language}.json")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def fresh(*parts: str) -> dict[str, Score]:
    """The score of each dimension on everyday Chinese descriptions, of these parts or of all."""
    read = labels("zh_fresh")
    rows = {row: label for part in parts or ("dev", "test", "later") for row, label in read[part].items()}
    lines = Path(__file__).with_name("prose_zh_fresh.jsonl").read_text(encoding="utf-8").splitlines()
    return score(rows, (), {seed["id"]: seed["prose"] for seed in map(json.loads, lines)}, bundled(), "zh")


def prose(language: str) -> dict[str, str]:
    """Row → its prose: of the profiles (en), or of our own seeds (zh)."""
    if language == "en":
        return {row: " ".join(sentences) for row, sentences in profiles().items()}
    folder = ROOT / "seeds" / language
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    seeds = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")]
    return {seed["seed_id"]: seed["prose"] for seed in [*seeds, *map(json.loads, lines)]}


def profiles() -> dict[str, list[str]]:
    with PROFILES.open(encoding="utf-8") as lines:
        return {row["id"]: row["sentences"] for row in map(json.loads, lines)}


def of_others(test: Iterable[str], dev: Iterable[str]) -> list[str]:
    """The rows of a test part whose person stands in no row of dev: persons are linked by sentences that they share."""
    sentences = profiles()
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for row in sentences:
        for sentence in sentences[row]:
            leader[lead(f"said: {sentence.strip().lower()}")] = lead(row)
    known = {lead(row) for row in dev}
    return [row for row in test if lead(row) not in known]


def score(
    rows: Mapping[str, Labels], grown_up: Iterable[str], texts: Mapping[str, str], space: Space, language: str
) -> dict[str, Score]:
    """The score of each dimension."""
    words = lexicon(space.ontology, language)
    of: dict[str, Score] = defaultdict(Score)
    for row, label in rows.items():
        pins, withheld = find_pins(texts[row], words)
        pinned = {p["dimension"]: p["value"] for p in pins}
        for name in space.names:
            right = name in pinned and pinned[name] == label.get(name)
            of[name] += Score(right=right, wrong=name in pinned and not right, valued=bool(label.get(name)))
            if name in label:
                of[name] += Score(touched=1, covered=right or name in withheld)
            elif row in grown_up and name == AGE:
                child = space.given({**pinned, AGE: "child"}, (), language)
                of[name] += Score(touched=1, covered=name in withheld or isinstance(child, Dead))
            elif not (row in grown_up and name == "voice_age"):
                of[name] += Score(open=1, needless=name in withheld)
    return of


def total(of: Mapping[str, Score]) -> Score:
    return sum(of.values(), Score())


def show(of: Mapping[str, Score]) -> None:
    print(total(of))
    for name, one in of.items():
        print(f"{name:24}", one)


def main(language: str, part: str, *parts: str) -> None:
    if part == "fresh":
        show(fresh(*parts))
        return
    read = labels(language)
    show(score(read[part], set(read["grown_up"][part]), prose(language), bundled(), language))
    if language == "en" and part == "test":
        rows = {row: read[part][row] for row in of_others(read["test"], read["dev"])}
        print("persons absent from dev:", len(rows), "rows")
        print(total(score(rows, set(read["grown_up"][part]), prose(language), bundled(), language)))


if __name__ == "__main__":
    main(*sys.argv[1:])
