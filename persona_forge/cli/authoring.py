"""The commands of those who write traits, and covering arrays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from persona_forge.cli.words import Json

TraitFile = Annotated[
    Path | None,
    typer.Argument(help="A trait file; the bundled one, if none is named.", metavar="[FILE]", show_default=False),
]
Given = Annotated[list[str] | None, typer.Option("--given", help="Fix a trait; may be repeated.", metavar="DIM=VALUE")]


def cover(
    file: TraitFile = None,
    t: Annotated[int, typer.Option("--t", help="Cover combinations of so many values.", min=1, max=6)] = 2,
    out: Annotated[
        Path | None, typer.Option("--out", help="A CSV file; without it, standard output.", metavar="CSV")
    ] = None,
    key: Annotated[str, typer.Option("--key", help="Another key, another array of about the same size.")] = "cover",
    json: Json = False,
) -> None:
    """A constrained covering array, as CSV with a header row: of a trait file, or of a model in PICT's language."""
    from persona_forge import show, traits

    text, report = traits.covered(file, t, key)
    if out:
        out.write_text(text, encoding="utf-8")
    if json:
        show.as_json({"t": report.t, "rows": report.rows, "covered": report.covered, "parts": report.parts})
    elif not out:
        sys.stdout.write(text)
    else:
        show.out.print(
            f"{report.rows:,} rows hold all {report.covered:,} combinations of {t} values; they are in {out}"
        )


def traits_check(file: TraitFile = None, json: Json = False) -> None:
    """Contradictions, dead values, idle relations and duplicate cues; exit code 1 if there is one."""
    from persona_forge import show, traits

    found = traits.problems_of(file)
    if json:
        show.as_json([{"kind": p.kind, "where": p.where, "what": p.what} for p in found])
    else:
        for p in found:
            show.out.print(f"{p.kind}: {p.where}: {p.what}", markup=False)
        show.out.print(f"{len(found)} problems" if found else "no problems")
    if found:
        raise typer.Exit(1)


def traits_show(
    file: TraitFile = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the graph and all marginals as an SVG.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Every dimension with its values and their exact shares, in both languages."""
    from persona_forge import show, traits

    if picture:
        picture.write_text(traits.pictured(file), encoding="utf-8")
        show.out.print(f"the picture is in {picture}", markup=False)
        return
    rows = traits.shown(file)
    if json:
        show.as_json([{"dimension": d, "value": v, "en": en, "zh": zh} for d, v, en, zh in rows])
    else:
        show.table(("dimension", "value", "en", "zh"), [(d, v, f"{en:.2%}", f"{zh:.2%}") for d, v, en, zh in rows])


def traits_count(file: TraitFile = None, given: Given = None, json: Json = False) -> None:
    """The exact number of valid vectors; language=zh or language=en may be given too."""
    from persona_forge import show, traits

    count = traits.count_of(file, given or ())
    if json:
        show.as_json({"count": count})
    else:
        show.out.print(f"{count:,}")


def traits_explain(
    chosen: Annotated[
        list[str], typer.Argument(help="A combination of traits.", metavar="DIM=VALUE…", show_default=False)
    ],
    file: Annotated[
        Path | None, typer.Option("--file", help="A trait file, instead of the bundled one.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Why a combination is impossible, constraint by constraint."""
    from persona_forge import show, traits

    why = traits.explained(chosen, file)
    if json:
        show.as_json({"possible": not why, "why": why})
    else:
        show.out.print("\n".join(why) or "this combination is possible", markup=False)
