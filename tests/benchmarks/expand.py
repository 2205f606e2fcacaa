"""Expanding 10,000 seeds of 4-8 pins each: trait values a CPU second, compile apart, peak memory, two workers; rivals.

    python tests/benchmarks/expand.py [--rows 10_000_000] [--dims 24,41] [--memory] [--workers] [--rivals PYTHON]

Seeds are made by a fixed rule from valid vectors of the bundled ontology, half of them in each language; one in four
withholds up to two dimensions. 24 dimensions are those that relations name most often. Quotas go through the stage's
function and the writer to whole shards, each deleted once it is written: ids, seed column and uniqueness included.
A trait value is one that is shown: nulls do not count. CPU seconds are those of the process, all threads. "compile" is
the law, room and tables of each seed, on a fresh space; the rate is of all the rest. Every figure is the median of
three processes. `--memory` adds one run each at 10 and at 100 million rows. `--workers` makes a run's shards under
`run.workers` = 2 against 1, by the clock, from a sealed plan to sealed shards, over the whole ontology; polars is held
to one thread in both, for else one worker uses both cores. Rivals are in `expand_rivals.py`; PYTHON (or RIVALS_PYTHON
in the environment) is an interpreter that has data-designer==0.9.6, distilabel==1.5.3, polars and duckdb; one that
cannot be had is named. To reach: 100 million values a CPU second, compile in 20 s, 477 MiB, two workers 1.8 times one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from persona_forge.config import make_config
from persona_forge.core.ids import digest
from persona_forge.core.stage import Made
from persona_forge.core.tables import COVER, QUOTAS, SEEDS, WEIGHTS, personas
from persona_forge.dataset.shards import write_table, write_text
from persona_forge.personas import expand as stage_of_rows
from persona_forge.personas.expand import expand
from persona_forge.pipeline import PIPELINE, stage
from persona_forge.run import Run, go
from persona_forge.space import tiles
from persona_forge.space.compile import Law, Space, compile_space
from persona_forge.space.ontology import LANGUAGE, LANGUAGES, Ontology, read_ontology
from persona_forge.space.sample import draw, traits_of

ROOT = Path(__file__).parents[2]
SEEDS_ASKED, ROWS_PER_SHARD = 10_000, 250_000
RIVALS = {"DataDesigner": 10_000, "distilabel": 10_000, "plain Python": 2_000, "polars": 200_000, "DuckDB": 200_000}
"""Rows that each is asked for: about what it makes in a few CPU seconds."""


def space_of(dims: int) -> Space:
    whole = read_ontology((ROOT / "seeds" / "traits.toml").read_text(), "seeds/traits.toml")
    named = Counter(name for r in whole.relations for choice in r.forbids for name in choice)
    names = sorted((d.name for d in whole.dimensions), key=lambda name: (-named[name], name))
    return compile_space(cut(whole, {LANGUAGE, *names[:dims]}))


def cut(whole: Ontology, kept: set[str]) -> Ontology:
    """What the ontology says of these dimensions alone."""
    relations = [replace(r, forbids=tuple(c for c in r.forbids if set(c) <= kept)) for r in whole.relations]
    return replace(
        whole,
        dimensions=tuple(d for d in whole.dimensions if d.name in kept),
        relations=tuple(r for r in relations if r.forbids),
        weights=tuple(w for w in whole.weights if {w.of, *w.given} <= kept),
    )


def seeds_of(space: Space) -> pl.DataFrame:
    return SEEDS.frame([seed for language in LANGUAGES for seed in _seeds(space, language, SEEDS_ASKED // 2)])


def _seeds(space: Space, language: str, number: int) -> Iterator[dict[str, Any]]:
    law = space.given({}, (), language)
    assert isinstance(law, Law)
    codes, _ = draw(law, 0, "benchmark", 0, number)
    empty = {"opinions": [], "catchphrases": [], "emotional_limits": [], "flags": [], "extras": "{}"}
    texts = dict.fromkeys(("name", "prose", "style", "voice", "author_kind", "source", "licence", "review"), "")
    for row in range(number):
        chance, traits = random.Random(f"{language} {row}"), traits_of(law, codes, row)
        pinned = chance.sample(sorted(traits), chance.randint(4, 8))
        pins = [{"dimension": d, "value": traits[d], "evidence": "", "by": "author"} for d in pinned]
        withheld = sorted(set(chance.sample(sorted(traits), 2)) - set(pinned)) if row % 4 == 0 else []
        named = {"seed_id": f"{language}-{row:05d}", "language": language, "pins": pins, "withheld": withheld}
        yield {**named, **empty, **texts}


def shards_of(seeds: pl.DataFrame, rows: int) -> list[pl.DataFrame]:
    """Quotas of each shard: as many rows for each seed."""
    each = rows // seeds.height
    together = max(1, ROWS_PER_SHARD // each)
    quotas = [
        {"seed_id": s, "language": lang, "split": "train", "first": 0, "stop": each, "shard": f"{i // together:04d}"}
        for i, (s, lang) in enumerate(seeds.select("seed_id", "language").iter_rows())
    ]
    return QUOTAS.frame(quotas).partition_by("shard")


# In a process of its own ----------------------------------------------------------------------------------------------


class Clock:
    """CPU seconds spent in the functions that it is wrapped around, counted once where one calls another."""

    def __init__(self, *functions: tuple[Any, str]) -> None:
        self.spent, self._inside = 0.0, False
        for where, name in functions:
            setattr(where, name, self._timed(getattr(where, name)))

    def _timed(self, function: Any) -> Any:
        def timed(*given: Any) -> Any:
            if self._inside:
                return function(*given)
            self._inside, began = True, time.process_time()
            try:
                return function(*given)
            finally:
                self._inside, self.spent = False, self.spent + time.process_time() - began

        return timed


def expanded(dims: int, rows: int) -> dict[str, float]:
    space = space_of(dims)
    seeds = seeds_of(space)
    table = personas({d.name: d.names for d in space.ontology.dimensions})
    warm(space, seeds)
    space, parts = space_of(dims), shards_of(seeds, rows)
    compiling = Clock((stage_of_rows, "given"), (Law, "room"), (Law, "at_least"), (tiles, "drawing"))
    theirs = [seeds.filter(pl.col("seed_id").is_in(quotas["seed_id"].implode())) for quotas in parts]

    def shard(quotas: pl.DataFrame, mine: pl.DataFrame) -> tuple[int, int, int]:
        made = expand(quotas, mine, WEIGHTS.empty(), COVER.empty(), space=space, key="benchmark")
        path = Path(folder) / f"{quotas['shard'][0]}.parquet"
        size, _ = write_table(path, table, made.rows)
        path.unlink()
        nulls = sum(made.rows.null_count().row(0))
        return made.rows.height, made.rows.height * dims - nulls, size

    with tempfile.TemporaryDirectory() as folder:
        cpu = time.process_time()
        done = list(map(shard, parts, theirs))
        cpu = time.process_time() - cpu - compiling.spent
    rows, values, size = (sum(column) for column in zip(*done, strict=True))
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"rows": rows, "values": values, "bytes": size, "compile": compiling.spent, "cpu": cpu,
            "rss": rss}  # fmt: skip


def worked(workers: int, rows: int) -> dict[str, float]:
    """The shards of a run whose plan is sealed, made as `persona-forge expand` makes them."""
    text = (ROOT / "seeds" / "traits.toml").read_text()
    seeds = seeds_of(compile_space(read_ontology(text, "seeds/traits.toml")))
    quotas = pl.concat(shards_of(seeds, rows)).with_columns(pl.format("g000-{}", "shard").alias("shard"))
    with tempfile.TemporaryDirectory() as root:
        config = make_config({"run": {"workers": workers}}, where="the benchmark")
        run = Run(Path(root), config, text, "seeds/traits.toml", {})
        plan = {"seeds": seeds, "quotas": quotas, "weights": WEIGHTS.empty(), "cover": COVER.empty()}
        for made in (s for s in PIPELINE if s.writes in plan):
            run.seal(made, "g000", Made(plan[made.writes], 0), 0.0, used="", parents={})
        run.folder.write_card({"config": config.model_dump(mode="json"), "engines": {}, "ingredients": {}, "stages": [],
                               "ontology": digest(text)})  # fmt: skip
        write_text(run.folder.ontology, text)
        warm(run.hands.space, seeds)
        wall = time.perf_counter()
        go(run, (stage("expand"),))
        return {"wall": time.perf_counter() - wall}


INSIDE = {"expand": expanded, "work": worked}


def warm(space: Space, seeds: pl.DataFrame) -> None:
    """The compiled loops are compiled, or read from their cache, before the clock starts."""
    expand(shards_of(seeds, SEEDS_ASKED)[0][:2], seeds, WEIGHTS.empty(), COVER.empty(), space=space, key="warm")


# The tables -----------------------------------------------------------------------------------------------------------


def apart(kind: str, number: int, rows: int, **environment: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--inside", kind, "--dims", str(number), "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def ours(dims: int, rows: int, times: int = 3) -> float:
    """Prints one line; returns rows a CPU second, compile included."""
    runs = sorted((apart("expand", dims, rows) for _ in range(times)), key=lambda run: run["cpu"])
    run = runs[times // 2]
    print(
        f"{run['rows']:>12,.0f} {dims:>4} {run['compile']:>9.1f} {run['cpu']:>7.1f} "
        f"{run['rows'] / run['cpu'] / 1e6:>8.2f} {run['values'] / run['cpu'] / 1e6:>9.1f} "
        f"{run['bytes'] / run['rows']:>7.1f} {run['rss']:>8.0f}",
        flush=True,
    )
    return run["rows"] / (run["cpu"] + run["compile"])


def beside(python: str, dims: int, ours_rate: float) -> None:
    """The rivals, each in its own process, on the same space and seeds."""
    space = space_of(dims)
    seeds = seeds_of(space).select("seed_id", "language", "pins", "withheld")
    ontology = space.ontology
    told = {
        "weights": {d.name: {v.name: float(v.weight) for v in d.values} for d in ontology.dimensions},
        "forbids": [{n: sorted(v) for n, v in c.items()} for r in ontology.relations for c in r.forbids],
        "seeds": seeds.to_dicts(),
    }
    print(f"\n{'':<14} {'rows':>9} {'kept':>5} {'CPU s':>6} {'rows/CPU s':>11} {'ours is':>9} {'MiB':>5}  leaves out")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "space.json"
        path.write_text(json.dumps(told))
        for name, rows in RIVALS.items():
            command = [python, str(Path(__file__).with_name("expand_rivals.py")), name, str(path), str(rows)]
            runs = [subprocess.run(command, capture_output=True, text=True) for _ in range(3)]
            if any(run.returncode for run in runs):
                print(f"{name:<14} skipped: {(runs[0].stderr.strip().splitlines() or ['no output'])[-1][:100]}")
                continue
            run = sorted((json.loads(r.stdout.splitlines()[-1]) for r in runs), key=lambda r: r["rate"])[1]
            print(f"{name:<14} {run['rows']:>9,} {run['kept']:>5.0%} {run['cpu']:>6.1f} {run['rate']:>11,.0f} "
                  f"{ours_rate / run['rate']:>8,.1f}x {run['rss']:>5.0f}  {run['leaves_out']}", flush=True)  # fmt: skip


def main(options: argparse.Namespace) -> None:
    sizes = [int(d) for d in options.dims.split(",")]
    head = f"{'rows':>12} {'dims':>4} {'compile s':>9} {'CPU s':>7} {'Mrows/s':>8} {'Mvalues/s':>9} {'B/row':>7}"
    print(f"{head} {'peak MiB':>8}")
    rates = {dims: ours(dims, options.rows) for dims in sizes}
    if options.memory:
        for rows in (10_000_000, 100_000_000):
            ours(sizes[0], rows, times=1)
    if options.workers:
        walls = [
            median(apart("work", n, options.rows, POLARS_MAX_THREADS="1")["wall"] for _ in range(3)) for n in (1, 2)
        ]
        print(f"one worker {walls[0]:.1f} s, two {walls[1]:.1f} s: {walls[0] / walls[1]:.2f}x")
    if options.rivals:
        beside(options.rivals, sizes[0], rates[sizes[0]])
    else:
        print(f"without --rivals: {', '.join(RIVALS)} are missing")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Expanding seeds, and rivals beside.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dims", default="24,41", help="numbers of dimensions; rivals get the first")
    parser.add_argument("--memory", action="store_true", help="also 10 and 100 million rows")
    parser.add_argument("--workers", action="store_true", help="also two workers against one")
    parser.add_argument("--rivals", metavar="PYTHON", default=os.environ.get("RIVALS_PYTHON"),
                        help="an interpreter that has the rivals")  # fmt: skip
    parser.add_argument("--inside", choices=INSIDE, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        print(json.dumps(INSIDE[chosen.inside](int(chosen.dims), chosen.rows)))
    else:
        main(chosen)
