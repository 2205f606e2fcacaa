"""The command that takes seeds in, from whatever file they come in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from persona_forge.cli.words import Json
from persona_forge.core.errors import Misuse, SeedsError, Stopped

if TYPE_CHECKING:
    from persona_forge.personas.readers.importing import Imported, Wishes

SHOWN = 20
"""How many files are named one by one."""


def seeds_import(
    sources: Annotated[
        list[Path], typer.Argument(help="Files or folders, of any format.", metavar="SOURCE…", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", help="The file of JSON lines to write.", metavar="FILE")],
    format: Annotated[
        Literal["jsonl", "json", "yaml", "csv", "parquet", "personachat", "card"] | None,
        typer.Option("--format", help="What the sources are, where that is not seen.", show_default=False),
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="Which column holds a field; may be repeated, also for one field (the columns are joined). "
            "extras=COLUMN keeps only the named ones of the other columns.",
            metavar="FIELD=COLUMN",
        ),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Of rows that name none.", metavar="L")] = "",
    source: Annotated[str, typer.Option("--source", help="Of rows that name none.", metavar="S")] = "",
    author_kind: Annotated[
        Literal["human", "project", "model", "unknown"] | None,
        typer.Option("--author-kind", help="Who wrote the rows that do not say it.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    json: Json = False,
) -> None:
    """Read seeds of any format into JSON lines; what cannot be read goes to FILE.rejects.jsonl, with its place."""
    from persona_forge import show
    from persona_forge.personas.readers import REJECTS, seed_files
    from persona_forge.personas.readers.fields import mapping_of
    from persona_forge.personas.readers.importing import Wishes, seen

    if to.suffix not in (".jsonl", ".ndjson"):
        raise Misuse(f"--to {to}: JSON lines are written", allowed="a name that ends in .jsonl")
    if to.exists() and not force:
        raise Misuse(f"{to} is there already", todo="choose another --to, or say --force to replace it")
    said = {"licence": licence, "source": source, "author_kind": author_kind}
    wishes = Wishes(mapping_of(map or ()), format or "", {k: v for k, v in said.items() if v})
    files = [f for f in seed_files(sources, wishes.mapping, wishes.format) if f.resolve() != to.resolve()]
    if not files:
        raise SeedsError(f"nothing to import but {to} itself", todo="choose another --to")
    saw = [(str(f), seen(f, wishes)) for f in files[:SHOWN]]
    if not json:
        for path, what in saw:
            show.out.print(f"{path}: {what}", markup=False)
        if len(files) > SHOWN:
            show.out.print(f"and {len(files) - SHOWN:,} files more")
    rejects = to.with_name(to.name + REJECTS)
    try:
        made = _import(files, to, rejects, wishes, json)
    except KeyboardInterrupt:
        raise Stopped("stopped; nothing was written", todo="the same command begins anew") from None
    if json:
        files_seen = [{"path": path, "saw": what} for path, what in saw]
        counts = {"read": made.read, "written": made.written, "rejected": made.rejected}
        show.as_json({**counts, "to": str(to), "rejects": str(rejects) if made.rejected else None, "files": files_seen})
        return
    show.out.print(
        f"\n{made.read:,} read = {made.written:,} written to {to} + {made.rejected:,} rejected", markup=False
    )
    if made.rejected:
        show.out.print(f"rejected, with places and reasons, in {rejects}; the first: {made.first}", markup=False)
    show.out.print(f"what to type next: persona-forge seeds check {to}", markup=False)


def _import(files: list[Path], to: Path, rejects: Path, wishes: Wishes, quiet: bool) -> Imported:
    """Both files whole, the seeds last; or neither."""
    from persona_forge.dataset.shards import write_whole
    from persona_forge.personas.readers.importing import Imported, import_seeds

    made = Imported(0, 0, 0, "")

    def fill(seeds: Path) -> None:
        write_whole(rejects, lambda bad: fill_both(seeds, bad))

    def fill_both(seeds: Path, bad: Path) -> None:
        nonlocal made
        with seeds.open("wb") as good, bad.open("wb") as others, _told(quiet) as heard:
            made = import_seeds(files, good, others, wishes, heard)

    write_whole(to, fill)
    if not made.rejected:
        rejects.unlink()
    return made


@contextmanager
def _told(quiet: bool) -> Iterator[Callable[[int], None]]:
    """What is called with the number of records read; on a terminal it moves, elsewhere it is a line now and then."""
    from persona_forge import show

    last = time.monotonic()

    def heard(total: int) -> None:
        nonlocal last
        if status:
            status.update(f"{total:,} records read")
        elif time.monotonic() - last > show.EVERY_S and not quiet:
            last = time.monotonic()
            show.err.print(f"{total:,} records read")

    with show.err.status("reading") if show.err.is_terminal else nullcontext() as status:
        yield heard
