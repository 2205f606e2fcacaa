"""The commands that look seeds over: what cannot be used, what a person should see, and what is crowded or rare."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from persona_forge.cli.words import Json

Seeds = Annotated[list[Path], typer.Argument(help="Files or folders of seeds.", metavar="PATH…", show_default=False)]


def seeds_check(paths: Seeds, json: Json = False) -> None:
    """Read seeds as a run would; exit code 1 if a record cannot be used, each named with its line, as is each flag."""
    from persona_forge import show
    from persona_forge.report import look_over

    found = look_over(paths)
    counts = Counter(kind for _, kind, _, _ in found.flags)
    if json:
        flags = [dict(zip(("where", "kind", "evidence", "detail"), flag, strict=True)) for flag in found.flags]
        rejects = [{"reason": r.reason, "detail": r.detail} for r in found.rejects]
        show.as_json({"seeds": found.seeds.height, "rejects": rejects, "flagged": counts, "flags": flags})
    else:
        for r in found.rejects:
            show.out.print(f"{r.reason}: {r.detail}", markup=False)
        for where, kind, evidence, detail in found.flags:
            show.out.print(f"flag {kind}: {where}: {evidence!r}: {detail}", markup=False)
        if counts:
            show.out.print("flags: " + ", ".join(f"{kind} {n}" for kind, n in counts.most_common()), markup=False)
        show.out.print(f"{found.seeds.height} seeds can be used, {len(found.rejects)} records cannot")
    if found.rejects:
        raise typer.Exit(1)


def seeds_topics(paths: Seeds, json: Json = False) -> None:
    """What the seeds are about: topics, crowded or rare; how diverse they are; and which traits no seed has yet."""
    from persona_forge import show
    from persona_forge.personas.topics import gaps_of, topics_of
    from persona_forge.report import look_over

    found = look_over(paths)
    report, gaps = topics_of(found.seeds), gaps_of(found.seeds, found.ontology)
    if json:
        show.as_json({**report.as_json(), "gaps": [asdict(gap) for gap in gaps]})
        return
    show.table(
        ("language", "seeds", "share", "", "words"),
        [(t.language, t.seeds, f"{t.share:.0%}", t.stands, " ".join(t.words)) for t in report.topics],
    )
    for language, d in report.diversity.items():
        show.out.print(f"{language}: {d.seeds} seeds; {d.looked_at} of them are as diverse as {d.vendi:.0f} that share "
                       f"no word (Vendi score); topics are even to {d.evenness:.2f}")  # fmt: skip
    for gap in gaps:
        most = ", ".join(f"{value} {n}" for value, n in gap.commonest)
        missing = f"; none yet: {', '.join(gap.missing)}" if gap.missing else ""
        show.out.print(f"{gap.dimension}: {gap.pinned} seeds say it, most often {most}{missing}", markup=False)
