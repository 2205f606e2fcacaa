"""The command that sends dialogues and pairs out to trainers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer

from persona_forge.cli.words import Dir, Json

SHOWN = 20
"""How many rows that are left out are named one by one."""


def export(
    folder: Dir,
    to: Annotated[
        Literal["trl-dpo", "trl-dpo-implicit", "trl-kto", "trl-reward", "sft", "openai", "openai-dpo"],
        typer.Option("--to", help="Whose format: of TRL's trainers, or of OpenAI's fine-tuning."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file: .jsonl, or .parquet for TRL.", metavar="PATH")],
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option("--split", help="This split alone.", show_default=False),
    ] = None,
    tags: Annotated[
        Literal["none", "internal"],
        typer.Option("--tags", help="Bare words, or words with this project's inline tags of delivery."),
    ] = "none",
    force: Annotated[bool, typer.Option("--force", help="Replace PATH if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write a run's pairs (DPO, KTO, reward) or dialogues (SFT) in the columns that a trainer reads as they are."""
    from persona_forge import show
    from persona_forge.dataset.exports import export as write
    from persona_forge.dataset.folder import Folder

    made = write(Folder(folder), to, out, split=split, tags=tags, force=force)
    if json:
        left_out = [{"id": row_id, "reason": why} for row_id, why in made.left_out]
        show.as_json({"to": to, "out": str(out), "rows": dict(made.rows), "left_out": left_out})
        return
    splits = ", ".join(f"{name} {n:,}" for name, n in sorted(made.rows.items()))
    show.out.print(f"{made.rows.total():,} rows are in {out} ({splits})", markup=False)
    for why, n in Counter(why for _, why in made.left_out).most_common():
        show.out.print(f"left out: {n:,}, {why}", markup=False)
    for row_id, why in made.left_out[:SHOWN]:
        show.out.print(f"  {row_id}: {why}", markup=False)
    if len(made.left_out) > SHOWN:
        show.out.print(f"  and {len(made.left_out) - SHOWN:,} more; --json names all", markup=False)
