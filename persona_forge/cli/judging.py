"""Commands that ask how good the judges are: do they agree, and what should people look at first?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from persona_forge.cli.words import Dir, Json


def judges(folder: Dir, json: Json = False) -> None:
    """How far each judge agrees with itself over its looks, and code, model and classifier with each other."""
    from persona_forge import show
    from persona_forge.dataset.opening import existing
    from persona_forge.dialogues.consistency import accord, consistency

    judgements = existing(folder).scan("judgements").collect()
    found = {"consistency": consistency(judgements).to_dicts(), "accord": accord(judgements).to_dicts()}
    if json:
        show.as_json(found)
        return
    if not judgements.height:
        show.out.print("nothing is judged yet: `persona-forge judge` asks for replies and looks at them", markup=False)
    for rows, nothing in (
        (found["consistency"], "no model has judged: set dialogues.judge_samples"),
        (found["accord"], "no reply was decided by two kinds of judges"),
    ):
        if rows:
            show.table(list(rows[0]), [[_short(v) for v in row.values()] for row in rows])
        else:
            show.out.print(nothing, markup=False)


def triage(
    folder: Dir,
    top: Annotated[int, typer.Option("--top", min=1, help="Replies to name.", show_default=True)] = 20,
    json: Json = False,
) -> None:
    """The replies that people should look at first, by a classifier trained on the pairs so far; and what it is worth.

    It decides nothing. Its figures are taken on seeds that it was not trained on.
    """
    from persona_forge import show
    from persona_forge.dataset.opening import existing
    from persona_forge.dialogues.baseline import train
    from persona_forge.dialogues.baseline import triage as judged

    run = existing(folder)
    pairs, families, candidates = (run.scan(t).collect() for t in ("pairs", "families", "candidates"))
    baseline = train(pairs, families)
    report = baseline.report
    first = judged(candidates, baseline).head(top).join(candidates.select("candidate_id", "text"), on="candidate_id")
    if json:
        bins = [asdict(b) for b in report.bins]
        rows = first.select("candidate_id", "script_id", "assertion", "verdict", "score", "text").to_dicts()
        show.as_json({"judge": baseline.name, "figures": report.rows(), "calibration": bins, "first": rows})
        return
    show.out.print(f"{baseline.name}: {report.pairs:,} pairs of {report.groups:,} seeds or families", markup=False)
    show.table(["figure", "value"], [[r["figure"], _short(r["value"])] for r in report.rows()[2:]])
    show.table(
        ["it said held", "replies", "mean", "truly held"],
        [[f"{b.low:.1f}–{b.high:.1f}", b.replies, _short(b.said), _short(b.true)] for b in report.bins if b.replies],
    )
    show.table(
        ["candidate", "assertion", "held, of 100", "reply"],
        [[r["candidate_id"][:8], r["assertion"], _short(r["score"]), r["text"]] for r in first.iter_rows(named=True)],
    )


def _short(value: Any) -> str:
    return "–" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
