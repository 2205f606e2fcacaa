"""Curating 10,000 seeds: near-duplicates beside datasketch on planted edits, then all of it; tables, in CPU seconds.

    python tests/benchmarks/twins.py [--seeds 10000]

Texts are the starter seeds and, where it is there, PersonaChat; what is alike among them is taken out first, by exact
comparison. The rest are bystanders: sentences of five different people, of whom each shares one with some other text.
Each text is then edited in seven ways (see planted.py). Both sides see the same shingles, 126 permutations in 42 bands.
Needs datasketch for the rival, which is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from planted import EDITS, sentences  # noqa: E402

from persona_forge.core.tables import FAMILIES  # noqa: E402
from persona_forge.personas.config import SeedsConfig  # noqa: E402
from persona_forge.personas.curate import curate  # noqa: E402
from persona_forge.personas.families import families  # noqa: E402
from persona_forge.personas.readers import Record  # noqa: E402
from persona_forge.personas.topics import topics_of  # noqa: E402
from persona_forge.space.ontology import read_ontology  # noqa: E402
from persona_forge.text.near import Originals, bar, jaccard, shingles  # noqa: E402

SHARED = Path(os.environ.get("PERSONA_FORGE_SHARED") or ROOT.parent / "shared" / "data")
Text = tuple[str, str, str]
"""Name of the text, language, prose."""
Index = Callable[[Text], str | None]
"""The name of the text that this one repeats; if there is none, it is kept."""


def base() -> Iterator[tuple[Text, str]]:
    """Texts and what their people are called."""
    for language in ("en", "zh"):
        for line in (ROOT / f"seeds/{language}/starter.jsonl").read_text("utf-8").splitlines():
            seed = json.loads(line)
            yield (seed["seed_id"], language, seed["prose"]), seed["name"]
    chat = SHARED / "persona_chat_valid.jsonl"
    for line in chat.read_text("utf-8").splitlines() if chat.exists() else []:
        row = json.loads(line)
        yield (row["id"], "en", " ".join(row["sentences"])), ""


def apart(texts: list[tuple[Text, str]]) -> list[tuple[Text, str]]:
    """Those that share less than 0.3 with every one before them."""
    kept: list[tuple[Text, str]] = []
    sets: list[frozenset[str]] = []
    for text, name in texts:
        mine = shingles(text[2], text[1])
        if all(jaccard(mine, other) < 0.3 for other in sets):
            kept.append((text, name))
            sets.append(mine)
    return kept


def bystanders(texts: list[Text], count: int) -> list[Text]:
    chance = random.Random(0)
    by_language = {wanted: [sentences(t) for _, lang, t in texts if lang == wanted] for wanted in ("en", "zh")}
    made = []
    for n in range(count):
        language = "zh" if n % 4 == 0 else "en"
        people = chance.sample(by_language[language], 5)
        glue = "" if language == "zh" else " "
        made.append((f"bystander {n}", language, glue.join(chance.choice(person) for person in people)))
    return made


def ours() -> Index:
    originals = Originals()

    def index(text: Text) -> str | None:
        twin = originals.twin(text[0], text[2], text[1])
        return twin[0] if twin else None

    return index


def datasketch(verified: bool) -> Index:
    from datasketch import MinHash, MinHashLSH

    lsh, sets = MinHashLSH(threshold=0.5, num_perm=126, params=(42, 3)), {}

    def index(text: Text) -> str | None:
        mine = shingles(text[2], text[1])
        sketch = MinHash(num_perm=126)
        sketch.update_batch([s.encode() for s in mine])
        found = lsh.query(sketch)
        alike = {name: jaccard(mine, sets[name]) for name in found} if verified else dict.fromkeys(found, 1.0)
        best = max(alike, key=lambda name: alike[name], default=None)
        if best is not None and alike[best] >= bar(mine, sets[best]):
            return str(best)
        lsh.insert(text[0], sketch)
        sets[text[0]] = mine
        return None

    return index


def planted(count: int) -> None:
    texts = apart(list(base()))
    others = bystanders([text for text, _ in texts], max(0, count - len(texts) * (1 + len(EDITS))))
    copies = [
        ((f"{text[0]} {edit}", text[1], EDITS[edit](text[2], name, random.Random(text[0]))), text, edit)
        for edit in EDITS
        for text, name in texts
    ]
    copies = [c for c in copies if c[0][2] != c[1][2]]
    print(f"{len(texts)} texts, {len(others)} bystanders, {len(copies)} edited copies")
    print("who                 CPU s  precision  " + "  ".join(f"{e[:9]:>9}" for e in EDITS))
    rivals = {"datasketch": lambda: datasketch(False), "datasketch, verified": lambda: datasketch(True)}
    for who, make in {"ours": ours, **(rivals if find_spec("datasketch") else {})}.items():
        index = make()
        began = time.process_time()
        for text in [*(text for text, _ in texts), *others]:
            index(text)
        wrong, hits = 0, {(lang, edit): [0, 0] for lang in ("en", "zh") for edit in EDITS}
        for copy, original, edit in copies:
            found = index(copy)
            hits[copy[1], edit][1] += 1
            hits[copy[1], edit][0] += found is not None and (
                found == original[0] or found.startswith(original[0] + " ")
            )
            wrong += found is not None and found.split(" ")[0] != original[0]
        seconds = time.process_time() - began
        right = sum(n for n, _ in hits.values())
        for language in ("en", "zh"):
            row = [f"{n / of:9.3f}" if of else "        –" for n, of in (hits[language, e] for e in EDITS)]
            print(f"{who:<20}{seconds:5.2f}  {right / (right + wrong):9.4f}  {'  '.join(row)}  {language}")


def whole(count: int) -> None:
    texts = apart(list(base()))
    rows = [
        {"prose": prose, "id": name, "language": lang} for name, lang, prose in bystanders([t for t, _ in texts], count)
    ]
    records = [Record(f"x:{n}", "x", row, "", "") for n, row in enumerate(rows)]
    path = ROOT / "seeds/traits.toml"
    ontology = read_ontology(path.read_text("utf-8"), path.name)
    steps: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = work()
        steps[name] = time.process_time() - began
        return result

    originals = Originals()
    timed("  of which near-duplicates", lambda: [originals.twin(r["id"], r["prose"], r["language"]) for r in rows])
    made = timed(
        "curate: normalise, language, flags, twins, pins",
        lambda: curate(records=records, ontology=ontology, hold=SeedsConfig().hold).rows,
    )
    found = timed("families", lambda: families(FAMILIES.empty(), made.lazy(), validation=0.05, test=0.05))
    timed("topics", lambda: topics_of(made))
    sizes = found.rows.group_by("family").len()["len"]
    signs = sum(len(r["prose"]) for r in rows) / len(rows)
    print(f"\n{len(rows)} seeds of {signs:.0f} characters on average, {made.height} used; "
          f"{len(sizes)} families, the largest of {sizes.max()}")  # fmt: skip
    for name, seconds in steps.items():
        print(f"{name:<50}{seconds:6.1f} CPU s")
    print(f"{'all':<50}{sum(s for n, s in steps.items() if not n.startswith(' ')):6.1f} CPU s")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=10_000)
    asked = arguments.parse_args()
    planted(asked.seeds)
    whole(asked.seeds)
