"""The command that withdraws seeds from a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from persona_forge.cli.words import Dir, Json
from persona_forge.core.errors import Misuse, Uninstalled

if TYPE_CHECKING:
    import polars as pl

    from persona_forge.dataset.withdraw import By, Withdrawal

SHOWN = 10


def remove(
    folder: Dir,
    seed: Annotated[list[str] | None, typer.Option("--seed", help="This seed; may be repeated.", metavar="ID")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="All seeds of this source.", metavar="S")] = None,
    licence: Annotated[
        list[str] | None, typer.Option("--licence", help="All seeds under this licence.", metavar="L")
    ] = None,
    why: Annotated[str, typer.Option("--why", help="For the tombstone; no word of the seed.", metavar="TEXT")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    json: Json = False,
) -> None:
    """Withdraw seeds and all that came of them; a rerun does not bring them back."""
    from persona_forge import report, show
    from persona_forge.dataset.journal import commit, settle
    from persona_forge.dataset.ledger import exports_with, record_in
    from persona_forge.dataset.opening import open_folder
    from persona_forge.dataset.traces import mentions
    from persona_forge.dataset.withdraw import Withdrawal, chosen
    from persona_forge.engines.replies import forget

    by, values = _asked(seed, source, licence)
    if not yes and not sys.stdin.isatty():
        raise Misuse(
            "there is nobody to ask whether to go on", todo="look at what would go on a terminal, or say --yes"
        )
    run = open_folder(folder, to_run=True)
    run.read_card()
    with run.locked():
        run.bring()
        withdrawal = Withdrawal(run, chosen(run, by, values), _inputs, forget)
        certified = record_in(_text(run.root / "certificate.json")).get("t")
        try:
            withdrawal.stage(why or by)
            if not yes:
                _show(withdrawal)
            if yes or typer.confirm("Remove all this?", err=True):
                commit(run.root)
                run.publish()
            else:
                raise typer.Abort
        finally:
            settle(run.root)
    if certified:
        try:
            report.certificate(run, certified)
        except Uninstalled as error:
            show.err.print(f"certificate.json is gone: {error}", markup=False)
    exports, mentioned = exports_with(run.root, withdrawal.seeds), mentions(run.root, withdrawal.seeds)
    if json:
        show.as_json({"seeds": len(withdrawal.seeds), "removed": +withdrawal.counts, "rewritten": withdrawal.rewritten,
                      "exports": exports, "mentioned": list(map(str, mentioned))})  # fmt: skip
        return
    if yes:
        _show(withdrawal)
    show.out.print(f"removed; {len(withdrawal.rewritten)} shards were written anew", markup=False)
    for line in exports:
        show.out.print(f"it is in an export still: {line['out']} ({line['to']}, {line['at']})", markup=False)
    for path in mentioned:
        show.out.print(f"this file is not of the run, and has its words: {path}", markup=False)


def _asked(seed: list[str] | None, source: list[str] | None, licence: list[str] | None) -> tuple[By, list[str]]:
    given: dict[By, list[str] | None] = {"seed": seed, "source": source, "licence": licence}
    named = [(by, values) for by, values in given.items() if values]
    if len(named) != 1:
        raise Misuse(f"{len(named)} ways of naming seeds", allowed="one of --seed ID, --source S, --licence L")
    return named[0]


def _inputs(root: Path, stage_name: str, shard: str) -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    from persona_forge.pipeline import stage
    from persona_forge.start import load

    return load(str(root)).inputs(stage(stage_name), shard)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _show(withdrawal: Withdrawal) -> None:
    from persona_forge import show

    names = sorted(withdrawal.seeds)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    show.out.print(f"to withdraw: {', '.join(names[:SHOWN])}{more}", markup=False)
    show.table(["what", "rows that go"], [[name, f"{n:,}"] for name, n in withdrawal.counts.items() if n])
