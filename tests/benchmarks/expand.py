"""Expanding 10,000 seeds of 4-8 pins each: trait values a CPU second, compile apart, peak memory, two workers; rivals.

    python tests/benchmarks/expand.py [--rows 10_000_000] [--dims 24,41] [--memory] [--workers] [--rivals PYTHON]

Seeds are made by a fixed rule from valid vectors of the bundled ontology, half of them in each language; one in four
withholds up to two dimensions. 24 dimensions are those that relations name most often. Quotas go through the stage's
function and the writer to sealed shards, each deleted once it is written: ids, seed column and uniqueness included.
A trait value is one that is shown: nulls do not count. CPU seconds are those of the process, all threads. "compile" is
the law, room and tables of each seed on a space of its own; the rate is of all the rest. Every figure is the median of
three processes. `--memory` adds one run each at 10 and at 100 million rows. `--workers` sets two threads against one by
the clock, with polars held to one thread in both. Rivals are in `expand_rivals.py`; PYTHON is an interpreter that has
data-designer==0.9.6, distilabel==1.5.3, polars and duckdb (one that is not installed is skipped, and said so).
To reach: 100 million values a CPU second, compile in 20, 500 MB (477 MiB), 1.8 with two workers.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from persona_forge.core.tables import COVER, QUOTAS, SEEDS, WEIGHTS, personas
from persona_forge.dataset.shards import write_table
from persona_forge.personas.evidence import given
from persona_forge.personas.expand import expand
from persona_forge.space.compile import Law, Space, compile_space
from persona_forge.space.ontology import LANGUAGE, LANGUAGES, Ontology, read_ontology
from persona_forge.space.sample import draw, traits_of
from persona_forge.space.tiles import drawing

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
    empty = {"opinions": [], "catchphrases": [], "emotional_limits": [], "extras": "{}"}
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


def compiled(dims: int, rows: int, workers: int) -> dict[str, float]:
    space = space_of(dims)
    seeds, each = seeds_of(space), rows // SEEDS_ASKED
    warm(space, seeds)
    space, began = space_of(dims), time.process_time()
    for seed in seeds.select("seed_id", "language", "pins", "withheld").iter_rows(named=True):
        law = given(space, seed)
        assert isinstance(law, Law)
        law.room(each)
        law.at_least(4 * each)
        drawing(law)
    return {"cpu": time.process_time() - began}


def expanded(dims: int, rows: int, workers: int) -> dict[str, float]:
    space = space_of(dims)
    seeds = seeds_of(space)
    table = personas({d.name: d.names for d in space.ontology.dimensions})
    warm(space, seeds)
    space, parts = space_of(dims), shards_of(seeds, rows)

    theirs = [seeds.filter(pl.col("seed_id").is_in(quotas["seed_id"].implode())) for quotas in parts]

    def shard(quotas: pl.DataFrame, mine: pl.DataFrame) -> tuple[int, int, int]:
        made = expand(quotas, mine, WEIGHTS.empty(), COVER.empty(), space=space, key="benchmark")
        path = Path(folder) / f"{quotas['shard'][0]}.parquet"
        size, _ = write_table(path, table, made.rows)
        path.unlink()
        nulls = sum(made.rows.null_count().row(0))
        return made.rows.height, made.rows.height * dims - nulls, size

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        cpu, wall = time.process_time(), time.perf_counter()
        done = list(pool.map(shard, parts, theirs))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    rows, values, size = (sum(column) for column in zip(*done, strict=True))
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return {"rows": rows, "values": values, "bytes": size, "cpu": cpu, "wall": wall, "rss": rss}


def warm(space: Space, seeds: pl.DataFrame) -> None:
    """The compiled loops are compiled, or read from their cache, before the clock starts."""
    expand(shards_of(seeds, SEEDS_ASKED)[0][:2], seeds, WEIGHTS.empty(), COVER.empty(), space=space, key="warm")


# The tables -----------------------------------------------------------------------------------------------------------


def apart(kind: str, dims: int, rows: int, workers: int = 1, **environment: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--inside", kind, "--dims", str(dims), "--rows", str(rows)]
    command += ["--threads", str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **environment})
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def ours(dims: int, rows: int, times: int = 3) -> float:
    """Prints one line; returns rows a CPU second, compile included."""
    compiles = median(apart("compile", dims, rows)["cpu"] for _ in range(times))
    runs = sorted((apart("expand", dims, rows) for _ in range(times)), key=lambda run: run["cpu"])
    run = runs[times // 2]
    rest = run["cpu"] - compiles
    print(
        f"{run['rows']:>12,.0f} {dims:>4} {compiles:>9.1f} {rest:>7.1f} {run['rows'] / rest / 1e6:>8.2f} "
        f"{run['values'] / rest / 1e6:>9.1f} {run['bytes'] / run['rows']:>7.1f} {run['rss']:>8.0f}",
        flush=True,
    )
    return run["rows"] / run["cpu"]


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
            median(apart("expand", sizes[0], options.rows, n, POLARS_MAX_THREADS="1")["wall"] for _ in range(3))
            for n in (1, 2)
        ]
        print(f"one worker {walls[0]:.1f} s, two {walls[1]:.1f} s: {walls[0] / walls[1]:.2f}x")
    if options.rivals:
        beside(options.rivals, sizes[0], rates[sizes[0]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Expanding seeds, and rivals beside.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--dims", default="24,41", help="numbers of dimensions; rivals get the first")
    parser.add_argument("--memory", action="store_true", help="also 10 and 100 million rows")
    parser.add_argument("--workers", action="store_true", help="also two threads against one")
    parser.add_argument("--rivals", metavar="PYTHON", help="an interpreter that has the rivals")
    parser.add_argument("--inside", choices=("compile", "expand"), help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.inside:
        inside = compiled if chosen.inside == "compile" else expanded
        print(json.dumps(inside(int(chosen.dims), chosen.rows, chosen.threads)))
    else:
        main(chosen)
