"""The command that writes a run's data card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from persona_forge.cli.words import Dir, Json
from persona_forge.core.errors import Misuse

if TYPE_CHECKING:
    from persona_forge.dataset.card import Card
    from persona_forge.dataset.folder import Folder


def card(
    folder: Dir,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder for both files; none: DIR.", metavar="PATH", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Write what a run is, where it comes from, how it was made and what is wrong with it: card.md and card.html."""
    from persona_forge import show
    from persona_forge.dataset.opening import open_folder
    from persona_forge.dataset.remote import RemoteFolder

    run = open_folder(folder)
    if out is None and isinstance(run, RemoteFolder):
        raise Misuse(f"the card of {run.where} needs a folder of this disk", todo="name one with --out")
    paths = card_of(run).write(out or run.root)
    if json:
        show.as_json({"files": [str(path) for path in paths]})
        return
    for path in paths:
        show.out.print(f"{path} is written", markup=False)


def card_of(run: Folder) -> Card:
    """The card, with what the other parts of the project know of the run."""
    from persona_forge import report
    from persona_forge.dataset.card import card as gather
    from persona_forge.dialogues.matching import length_auc
    from persona_forge.hands import spent

    run.read_card()
    run.sync(run.root / "replies")
    usage = spent(run.root / "replies")
    pairs = run.scan("pairs").select("chosen", "rejected", "language").collect()
    return gather(
        run,
        certificate=report.certificate(run, 2) if run.names("personas") else None,
        spent={"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens, "cost": usage.cost},
        length_auc=length_auc(pairs) if pairs.height else None,
    )
