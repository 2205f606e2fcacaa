"""Covering arrays beside covertable, allpairspy and PICT: rows, CPU seconds, tuples missed, invalid rows.

    python tests/benchmarks/cover.py [--limit CPU_SECONDS] [--t 2,3] [CASE ...]

Runs what is installed (pip install covertable==3.2.0 allpairspy==2.5.1; a `pict` on the PATH). Each gets the same
parameters and forbidden combinations; a rival that passes the limit is stopped and said so. A tuple is missed if it
stands in a valid row of any of them and in none of one's own. PICT's sample models are taken from the folder in
PERSONA_FORGE_SHARED, or beside the checkout, where there is one; "PICT said" is what PICT itself gave when it was
built from its source. Our compiled loops are compiled, or read from their cache, before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from persona_forge.space.cover import covering_array
from persona_forge.space.pict import read_pict

SHARED = Path(os.environ.get("PERSONA_FORGE_SHARED") or Path(__file__).parents[3] / "shared" / "data")
Boxes = Sequence[Mapping[int, Sequence[int]]]
Rows = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Case:
    name: str
    cards: list[int]
    boxes: Boxes
    pict_said: dict[int, int]


def cases() -> list[Case]:
    exclusions = [{2 * i: [i], 2 * i + 1: [i]} for i in range(4)]
    found = [
        Case("3^13", [3] * 13, [], {2: 19, 3: 74}),
        Case("4^15 3^17 2^29", [4] * 15 + [3] * 17 + [2] * 29, [], {2: 38, 3: 217}),
        Case("10^20", [10] * 20, [], {2: 210}),
        Case("10^20, 4 exclusions", [10] * 20, exclusions, {2: 216, 3: 3422}),
    ]
    for name, said in (("create_volume", {2: 42, 3: 178}), ("word_font", {2: 17, 3: 57}), ("real101", {2: 95, 3: 720})):
        path = SHARED / "pict_models" / f"{name}.txt"
        if path.exists():
            model = read_pict(path.read_text(), name)
            boxes = [{d: list(codes) for d, codes in box.items()} for box in model.boxes]
            found.append(Case(name, [len(p.values) for p in model.parameters], boxes, said))
    return found


def forbidden(row: Mapping[int, int] | Sequence[int], box: Mapping[int, Sequence[int]]) -> bool:
    return all(row[d] in codes for d, codes in box.items())


def ours(case: Case, t: int) -> Rows:
    return covering_array(case.cards, case.boxes, t, 1).rows.tolist()


def covertable(case: Case, t: int, optimise: bool = False) -> Rows:
    from covertable.main import Controller

    constraints = [
        {"operator": "fn", "requires": list(box), "evaluate": lambda row, box=box: not forbidden(row, box)}
        for box in case.boxes
    ]
    made = Controller([list(range(n)) for n in case.cards], strength=t, constraints=constraints)
    rows = made.make()
    return made.optimize(rows) if optimise else rows  # type: ignore[no-any-return]


def allpairspy(case: Case, t: int) -> Rows:
    from allpairspy import AllPairs

    def fine(row: Sequence[int]) -> bool:
        return not any(max(box) < len(row) and forbidden(row, box) for box in case.boxes)

    return [list(row) for row in AllPairs([list(range(n)) for n in case.cards], n=t, filter_func=fine)]


def pict(case: Case, t: int) -> Rows:
    lines = [f"p{d}: {', '.join(map(str, range(n)))}" for d, n in enumerate(case.cards)]
    for box in case.boxes:
        terms = [f"[p{d}] IN {{{', '.join(map(str, codes))}}}" for d, codes in box.items()]
        lines.append(f"NOT ({' AND '.join(terms)});")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.txt"
        path.write_text("\n".join(lines) + "\n")
        said = subprocess.run(["pict", path, f"/o:{t}"], check=True, capture_output=True, text=True).stdout
    return [[int(value) for value in line.split("\t")] for line in said.splitlines()[1:]]


def generators() -> dict[str, Callable[[Case, int], Rows]]:
    found: dict[str, Callable[[Case, int], Rows]] = {"ours": ours}
    if find_spec("covertable"):
        found["covertable"] = covertable
        found["… optimised"] = lambda case, t: covertable(case, t, optimise=True)
    if find_spec("allpairspy"):
        found["allpairspy"] = allpairspy
    if shutil.which("pict"):
        found["pict"] = pict
    return found


def timed(generate: Callable[[Case, int], Rows], case: Case, t: int, limit: float) -> tuple[Rows | None, float]:
    """Rows and CPU seconds, those of a child process among them; no rows where the limit was passed."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGPROF, stop)
    before = time.process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        rows: Rows | None = generate(case, t)
    except TimeoutError:
        rows = None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return rows, time.process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def seen(rows: Rows, case: Case, t: int) -> np.ndarray:
    """One flag for each t-tuple: whether it stands in a valid row."""
    valid = np.array([row for row in rows if not any(forbidden(row, box) for box in case.boxes)], np.int64)
    flags = []
    for dims in combinations(range(len(case.cards)), t):
        flag = np.zeros([case.cards[d] for d in dims], np.bool_)
        flag[tuple(valid[:, d] for d in dims)] = True
        flags.append(flag.ravel())
    return np.concatenate(flags)


def main(names: list[str], strengths: list[int], limit: float) -> None:
    warm = Case("", [3] * 4, [{0: [0], 1: [0]}], {})
    for t in strengths:
        ours(warm, t)
    print(f"{'case':<20} t {'PICT said':>9} {'generator':<12} {'rows':>6} {'CPU s':>7} {'missed':>7} {'invalid':>7}")
    for case in cases():
        for t in strengths:
            if names and case.name not in names:
                continue
            made = {name: timed(generate, case, t, limit) for name, generate in generators().items()}
            flags = {name: seen(rows, case, t) for name, (rows, _) in made.items() if rows}
            whole = np.any(list(flags.values()), axis=0)
            for name, (rows, spent) in made.items():
                head = f"{case.name:<20} {t} {case.pict_said.get(t, ''):>9} {name:<12}"
                if rows is None:
                    print(f"{head}  stopped after {spent:.0f} CPU s")
                    continue
                invalid = sum(any(forbidden(row, box) for box in case.boxes) for row in rows)
                missed = int((whole & ~flags[name]).sum())
                print(f"{head} {len(rows):>6,} {spent:>7.2f} {missed:>7,} {invalid:>7,}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Covering arrays beside their rivals.")
    parser.add_argument("names", nargs="*", metavar="CASE", help="cases to run (all)")
    parser.add_argument("--limit", type=float, default=60.0, help="CPU seconds a rival may take")
    parser.add_argument("--t", default="2,3", help="strengths, such as 2,3")
    chosen = parser.parse_args()
    main(chosen.names, [int(t) for t in chosen.t.split(",")], chosen.limit)
