"""The rivals of `expand.py`: NAME SPACE.json ROWS FOLDER → one line of JSON. Needs none of persona_forge.

Each draws every dimension by the ontology's base weights, as far as it goes sets a seed's pins, drops what a relation
forbids or stands there twice, and writes Parquet. What each leaves out is said beside its figures; none of them has the
shares that depend on other dimensions, withheld dimensions, or an exact number of rows for each seed. The rate is
of the rows that were kept. CPU seconds are those of the process and its children, imports apart.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Space = dict[str, Any]
Job = Callable[[], tuple[int, str]]
"""Makes rows and tells how many it kept, and what it leaves out."""


def plain_python(space: Space, rows: int, folder: Path) -> Job:
    import polars as pl

    weights, seeds = space["weights"], space["seeds"]
    forbids = [[(name, set(values)) for name, values in choice.items()] for choice in space["forbids"]]

    def job() -> tuple[int, str]:
        chance, seen, made = random.Random(0), set(), []
        lists = {name: (list(share), list(share.values())) for name, share in weights.items()}
        for n in range(rows):
            seed = seeds[n % len(seeds)]
            pins = {pin["dimension"]: pin["value"] for pin in seed["pins"]}
            for _ in range(100):
                row = {name: pins.get(name) or chance.choices(*lists[name])[0] for name in weights}
                row["language"] = seed["language"]
                name = hashlib.blake2b(repr((seed["seed_id"], row)).encode(), digest_size=16).digest()
                if name not in seen and not any(all(row[d] in v for d, v in choice) for choice in forbids):
                    seen.add(name)
                    made.append({"persona_id": name, "seed_id": seed["seed_id"], **row})
                    break
        pl.DataFrame(made).write_parquet(folder / "plain.parquet")
        return len(made), "a row after 100 draws"

    return job


def polars(space: Space, rows: int, folder: Path) -> Job:
    import polars as pl

    columns = seeds_frame(space)

    def job() -> tuple[int, str]:
        number = pl.int_range(pl.len(), dtype=pl.UInt64)
        frame = pl.select(place=pl.int_range(rows, dtype=pl.UInt32) % len(space["seeds"])).lazy()
        frame = frame.join(columns.lazy().with_row_index("place"), on="place", maintain_order="left")
        drawn = []
        for i, (name, share) in enumerate(space["weights"].items()):
            u, low, value = number.hash(i).cast(pl.Float64) / 2.0**64 * sum(share.values()), 0.0, None
            for option, weight in share.items():
                low += weight
                case = pl.when(u < low) if value is None else value.when(u < low)
                value = case.then(pl.lit(option))
            last = value.otherwise(pl.lit(option))
            drawn.append(pl.coalesce(pl.col(name), last).cast(pl.Enum(list(share))).alias(name))
        frame = frame.with_columns(drawn).drop("place")
        for choice in space["forbids"]:
            frame = frame.filter(~pl.all_horizontal(pl.col(n).cast(pl.String).is_in(v) for n, v in choice.items()))
        traits = ["seed_id", *space["weights"]]
        made = frame.unique(traits).with_columns(persona_id=pl.struct(traits).hash()).collect()
        made.write_parquet(folder / "polars.parquet")
        return made.height, "drawing again; ids are 8 bytes"

    return job


def duckdb(space: Space, rows: int, folder: Path) -> Job:
    import duckdb as db

    columns = seeds_frame(space)
    drawn = []
    for i, (name, share) in enumerate(space["weights"].items()):
        low, cases = 0.0, ""
        for option, weight in share.items():
            low += weight / sum(share.values())
            cases += f" WHEN u{i} < {low} THEN '{option}'"
        drawn.append(f'coalesce("{name}", CASE{cases} ELSE \'{option}\' END) AS "{name}"')
    uniform = ", ".join(f"random() AS u{i}" for i in range(len(drawn)))
    forbidden = [
        " AND ".join(f'"{n}" IN ({", ".join(repr(v) for v in values)})' for n, values in choice.items())
        for choice in space["forbids"]
    ]
    sql = f"""
        COPY (SELECT DISTINCT md5(to_json(row)::VARCHAR) AS persona_id, row.* FROM (
            SELECT row FROM (
                SELECT seed_id, language, {", ".join(drawn)} FROM (
                    SELECT s.*, {uniform} FROM range({rows}) r JOIN seeds s ON s.place = r.range % {len(columns)})) row
            WHERE NOT ({" OR ".join(f"({f})" for f in forbidden)})))
        TO '{folder / "duck.parquet"}' (FORMAT parquet, COMPRESSION zstd)"""

    def job() -> tuple[int, str]:
        con = db.connect()
        con.execute("SET threads = 2")
        seeds = columns.with_row_index("place").to_arrow()
        con.register("seeds", seeds)
        return con.execute(sql).fetchone()[0], "drawing again; ids are texts"

    return job


def seeds_frame(space: Space) -> Any:
    """A row for each seed: its pins, null where it has none."""
    import polars as pl

    none = dict.fromkeys(space["weights"])
    pinned = [
        {"seed_id": s["seed_id"], "language": s["language"], **none, **{p["dimension"]: p["value"] for p in s["pins"]}}
        for s in space["seeds"]
    ]
    return pl.DataFrame(pinned, schema=dict.fromkeys(["seed_id", "language", *none], pl.String))


def data_designer(space: Space, rows: int, folder: Path) -> Job:
    import data_designer.config as dd
    from data_designer.interface import DataDesigner

    config = dd.DataDesignerConfigBuilder(model_configs=[])
    for name, share in space["weights"].items():
        params = dd.CategorySamplerParams(values=list(share), weights=list(share.values()))
        config.add_column(dd.SamplerColumnConfig(name=name, sampler_type=dd.SamplerType.CATEGORY, params=params))
    config.add_column(dd.SamplerColumnConfig(name="persona_id", sampler_type=dd.SamplerType.UUID, params={}))
    designer = DataDesigner(artifact_path=folder)

    def job() -> tuple[int, str]:
        return len(designer.create(config, num_records=rows).load_dataset()), "relations, seeds, uniqueness"

    return job


def distilabel(space: Space, rows: int, folder: Path) -> Job:
    from distilabel.pipeline import Pipeline
    from distilabel.steps import GeneratorStep

    weights, seeds = space["weights"], space["seeds"]
    lists = {name: (list(share), list(share.values())) for name, share in weights.items()}

    class Sampler(GeneratorStep):
        @property
        def outputs(self) -> list[str]:
            return ["seed_id", *weights]

        def process(self, offset: int = 0) -> Any:
            chance = random.Random(0)
            for first in range(0, rows, 1000):
                last = min(first + 1000, rows)
                picked = [seeds[n % len(seeds)] for n in range(first, last)]
                made = [{"seed_id": s["seed_id"], **{n: chance.choices(*o)[0] for n, o in lists.items()},
                         **{p["dimension"]: p["value"] for p in s["pins"]}} for s in picked]  # fmt: skip
                yield made, last == rows

    Sampler.__qualname__ = "Sampler"  # its worker process looks the class up by name
    globals()["Sampler"] = Sampler

    def job() -> tuple[int, str]:
        with Pipeline(name="expand", cache_dir=folder) as pipeline:
            Sampler(batch_size=1000)
        return len(pipeline.run(use_cache=False)["default"]["train"]), "relations, uniqueness, ids"

    return job


RIVALS = {
    "DataDesigner": data_designer, "distilabel": distilabel, "plain Python": plain_python,
    "polars": polars, "DuckDB": duckdb,
}  # fmt: skip


def spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(name: str, space: Path, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        job = RIVALS[name](json.loads(space.read_text()), rows, Path(folder))
        before = spent()
        kept, leaves_out = job()
        cpu = spent() - before
    # ru_maxrss would begin at what the parent had; this is of the main process alone
    lines = Path("/proc/self/status").read_text().splitlines()
    rss = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10
    print(json.dumps({"rows": rows, "kept": kept / rows, "cpu": cpu, "rate": kept / cpu, "rss": rss,
                      "leaves_out": leaves_out}))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
