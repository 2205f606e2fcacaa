"""The commands that ask a run something, and what this machine can do."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from persona_forge.cli.words import Dir, Json
from persona_forge.core.errors import Uninstalled


def status(folder: Dir, json: Json = False) -> None:
    """Shards done of all, the funnel, cost, rate and time left."""
    from persona_forge import show
    from persona_forge.dataset.opening import existing
    from persona_forge.report import status as status_of

    report = status_of(existing(folder))
    if json:
        show.as_json(report.as_json())
        return
    show.funnel_table(report.steps)
    show.out.print()
    for line in report.lines():
        show.out.print(line, markup=False)


def sql(
    folder: Dir,
    query: Annotated[str, typer.Argument(help="One SELECT statement.", metavar="QUERY", show_default=False)],
    format: Annotated[
        str, typer.Option("--format", help="table, csv, json or parquet (to standard output).")
    ] = "table",
    json: Json = False,
) -> None:
    """Read-only SQL over every table of a run: seeds, personas, scenes, scripts, utterances, rejects …"""
    from persona_forge.dataset.answers import answer
    from persona_forge.dataset.opening import existing

    answer(existing(folder), query, "json" if json else format, sys.stdout)


def verify(
    folder: Dir,
    t: Annotated[
        int, typer.Option("--t", help="Certify combinations of so many values; 0: no certificate.", min=0, max=3)
    ] = 2,
    json: Json = False,
) -> None:
    """Rehash every shard, recheck every invariant, remake the certificate; exit code 1 if something does not hold."""
    from persona_forge import report, show
    from persona_forge.dataset.opening import existing
    from persona_forge.dataset.verify import verify as checks_of

    run, checks = existing(folder), []
    for check in checks_of(run):
        checks.append(check)
        if not json:
            verdict = "holds" if check.ok else f"BROKEN by {check.broken:,}: {check.example}"
            show.out.print(f"{check.name:<12} {check.asks}  {verdict}", markup=False)
    sound = all(c.ok for c in checks)
    certificate = None
    if t and sound and run.names("personas"):
        try:
            certificate = report.certificate(run, t)
        except Uninstalled as error:  # the checks stand without it
            show.err.print(str(error), markup=False)
    if json:
        show.as_json({"checks": list(map(asdict, checks)), "certificate": certificate and certificate.as_json()})
    elif certificate:
        show.out.print()
        show.markdown("\n".join(certificate.markdown()))
    if not sound or (certificate and not certificate.sound):
        raise typer.Exit(1)


def engines(json: Json = False) -> None:
    """Which engines work here, under which licence, and what each lacks."""
    from persona_forge import show
    from persona_forge.engines.catalogue import ENGINES, lacking_weights, missing

    rows = []
    for e in ENGINES:
        why = missing(e)
        lacking = lacking_weights(e) if not why else ()
        state = why or (
            f"ready once its weights are fetched: persona-forge weights pull {' '.join(lacking)}"
            if lacking
            else "ready"
        )
        rows.append(
            {
                "port": e.port,
                "engine": e.name,
                "is": e.says,
                "licence": e.licence,
                "lacks": e.lacks or "–",
                "here": state,
            }
        )
    if json:
        show.as_json(rows)
        return
    show.table(list(rows[0]), [list(r.values()) for r in rows])


def weights_pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Which; all that the default run needs, if none are named.", metavar="[NAME…]", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fetch weights into the cache, each checked by its sha256."""
    from persona_forge import show
    from persona_forge.engines import weights

    for name in names or ():
        weights.pinned(name)
    say = (lambda _: None) if json else (lambda line: show.err.print(line, markup=False))
    chosen = names or ["qwen-1.5b", "kokoro", "kokoro-voices", "whisper-base"]
    paths = {name: str(weights.pull(name, say)) for name in chosen}
    if json:
        show.as_json(paths)
    else:
        show.table(["weights", "where"], list(paths.items()))
