"""The command that sends seeds out as Character Cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from persona_forge.cli.words import Json


def seeds_export(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders of seeds.", metavar="PATH…", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", help="The folder for the cards.", metavar="DIR")],
    spec: Annotated[Literal["v2", "v3"], typer.Option("--spec", help="The version of Character Card.")] = "v3",
    form: Annotated[
        Literal["json", "png", "charx"], typer.Option("--as", help="What a card is: text, picture or archive.")
    ] = "json",
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Where the cards' own pictures and archives are, if elsewhere.", metavar="DIR"),
    ] = None,
    json: Json = False,
) -> None:
    """Write each seed as a Character Card; exit code 1 if a record cannot be used."""
    from persona_forge import show, traits
    from persona_forge.personas.card_export import write_cards
    from persona_forge.personas.curate import curate
    from persona_forge.personas.readers import read, seed_files

    files, ontology = seed_files(paths), traits.open_traits(None)
    made = curate(records=read(files), ontology=ontology, hold=())
    elsewhere = sorted(p for p in pictures.rglob("*") if p.is_file()) if pictures else []
    written, bare = write_cards(made.rows.to_dicts(), ontology, to, spec, form, [*files, *elsewhere])
    if json:
        rejects = [{"reason": r.reason, "detail": r.detail} for r in made.rejects]
        show.as_json({"cards": [str(p) for p in written], "bare": bare, "rejects": rejects})
    else:
        for r in made.rejects:
            show.out.print(f"{r.reason}: {r.detail}", markup=False)
        for seed_id in bare:
            show.out.print(f"{seed_id}: without the picture or assets that it came with", markup=False)
        show.out.print(f"{len(written)} cards are in {to}, {len(made.rejects)} records cannot be used", markup=False)
    if made.rejects:
        raise typer.Exit(1)
