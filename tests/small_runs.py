"""Small real runs for tests: a dozen seeds, deterministic engines, everything else as users have it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from persona_forge.cli import main
from persona_forge.config import Config, make_config
from persona_forge.core.stage import Stage
from persona_forge.dataset.folder import Folder
from persona_forge.pipeline import PIPELINE
from persona_forge.run import Run, go
from persona_forge.start import start

PROSE = {
    "en-baker": "I bake rye bread in a cellar in Leith and sing while the dough rises.",
    "en-diver": "Every winter I dive for lost anchors and sell them back to their owners.",
    "en-clock": "The town clock is mine to wind; I have never once been late for it.",
    "en-beans": "She grows forty kinds of beans and can tell them apart in the dark.",
    "en-night": "He drives the night tram and knows who is in love and who is not.",
    "en-chess": "I teach chess in the park and let nobody win who has not earned it.",
    "zh-tea": "我在山里种茶，每年清明前都睡不好觉。",
    "zh-kite": "老人做了一辈子风筝，自己从来不放。",
    "zh-bridge": "我给桥做体检，敲一敲就知道哪颗螺丝松了。",
    "zh-noodle": "她凌晨三点起来揉面，天亮前卖完就收摊。",
}
SEEDS = [{"seed_id": k, "language": k[:2], "prose": v, "author_kind": "project"} for k, v in PROSE.items()]


def write_seeds(path: Path, seeds: Iterable[dict[str, Any]] = SEEDS) -> Path:
    path.write_text("".join(json.dumps(s, ensure_ascii=False) + "\n" for s in seeds), encoding="utf-8")
    return path


def settings(seeds: Path, **keys: Any) -> Config:
    """Small settings; a key is written section__name."""
    data: dict[str, dict[str, Any]] = {
        "run": {"workers": 1},  # a helper process takes longer to start than these shards to make
        "seeds": {"paths": (str(seeds),)},
        "personas": {"rows": 1500, "rows_per_shard": 500, "cover_t": 0},
        "dialogues": {
            "engine": "scripted",
            "candidates": 2,
            "count": 4,
            "per_shard": 2,
            "turns": 2,
            "depths": (0,),
            "exit_share": 0.0,
            "contrast_share": 0.0,
        },
        "speech": {"engine": "tone", "ear": "deaf", "count": 4, "per_shard": 2},
    }
    for key, value in keys.items():
        section, _, name = key.partition("__")
        data.setdefault(section, {})[name] = value
    return make_config(data, where="the test")


def config_file(path: Path, config: Config) -> Path:
    """The settings as a TOML file."""
    lines = []
    for section, values in config.model_dump(mode="json").items():
        lines += [f"[{section}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items() if v is not None)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def made(out: Path, config: Config, stages: tuple[Stage, ...] = PIPELINE, *, redo: tuple[Stage, ...] = ()) -> Run:
    """The run in `out` after these stages."""
    with Folder(out).locked():
        run = start(out, config, stages, redo=redo)
        go(run, stages)
    return run


def sealed(out: Path) -> dict[str, bytes]:
    """Every Parquet file and every seal, by its name."""
    files = [*out.rglob("*.parquet"), *(out / "seals").rglob("*.json")]
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(files)}


def rows(out: Path) -> dict[str, bytes]:
    """Every Parquet file, by its name."""
    return {name: data for name, data in sealed(out).items() if name.endswith(".parquet")}


def written(out: Path) -> dict[str, int]:
    """When each Parquet file was written, in nanoseconds."""
    return {str(p.relative_to(out)): p.stat().st_mtime_ns for p in sorted(out.rglob("*.parquet"))}


def counts(out: Path) -> dict[str, int]:
    """Rows of each table that has any, by the seals."""
    folder = Folder(out)
    return {s.writes: n for s in PIPELINE if (n := sum(seal.rows for seal in folder.seals(s.writes)))}


def command(*words: str | Path) -> list[str]:
    """The command line of persona-forge with these words."""
    return [sys.executable, "-m", "persona_forge.cli", *map(str, words)]


@dataclass(frozen=True, slots=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


def child(*words: str | Path, **options: Any) -> Said:
    """What a command says and returns, as a process of its own."""
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=120, **options)
    return Said(done.returncode, done.stdout, done.stderr)


def typed(*words: str | Path) -> Said:
    """What a command says and returns; in this process, which saves a second of imports."""
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    handler = signal.getsignal(signal.SIGTERM)
    sys.argv = ["persona-forge", *map(str, words)]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stop:
            main()
    finally:
        sys.argv = argv
        signal.signal(signal.SIGTERM, handler)
    return Said(int(stop.value.code or 0), out.getvalue(), err.getvalue())
