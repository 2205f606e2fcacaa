"""Every record is used, not chosen or rejected, exactly once, whatever a seed file holds."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from small_runs import SEEDS, made, settings

from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import funnel
from persona_forge.dataset.verify import verify
from persona_forge.pipeline import ACTS, PIPELINE

ACT_1 = tuple(s for s in PIPELINE if s.name in ACTS["expand"])
good = st.sampled_from(SEEDS).map(lambda s: json.dumps(s, ensure_ascii=False))
dead = st.sampled_from(SEEDS).map(lambda s: json.dumps({
    **s, "seed_id": f"dead-{s['seed_id']}",
    "pins": [{"dimension": "gender", "value": v, "evidence": s["prose"][:3]} for v in ("female", "male")],
}))  # fmt: skip
bad = st.one_of(
    st.sampled_from(["", "{", "[]", "null", '{"prose": 3}', '{"prose": "short"}', '{"seed_id": "x"}', "\x00", "{}{}"]),
    st.builds(lambda p, d: json.dumps({"prose": p, "withheld": [d]}), st.text(min_size=8), st.text(max_size=5)),
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=30),
)
files = st.lists(st.one_of(good, dead, bad), max_size=25)


def _counted(lines: list[str], rows: int, out: Path) -> dict[str, Any]:
    """The funnel of a run over a file of one good seed and these lines; everything else must hold, too."""
    file = out.parent / "seeds.jsonl"
    file.write_text("\n".join([json.dumps(SEEDS[0]), *lines]) + "\n", encoding="utf-8")
    made(out, settings(file, personas__rows=rows), ACT_1)
    assert [(c.name, c.example) for c in verify(Folder(out)) if not c.ok] == []
    return {s.stage: s for s in funnel(Folder(out))}


@tries(max_examples=5, deadline=None)
@given(files, files, st.integers(1, 200), st.integers(0, 100))
def test_in_is_used_and_not_chosen_and_rejected_also_after_growing(
    lines: list[str], more: list[str], rows: int, more_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        for asked, file in ((rows, lines), (rows + more_rows, [*lines, *more])):
            steps = _counted(file, asked, out)
            records = sum(1 for line in file if line.encode().strip()) + 1
            seeds = steps["seeds"]
            assert (seeds.came_in, seeds.used + seeds.rejected) == (records, records)
            assert seeds.used == steps["allot"].came_in == seeds.rows
            for step in (seeds, steps["allot"], steps["expand"]):
                assert step.came_in == step.used + step.not_chosen + step.rejected + step.waiting
                assert min(step.used, step.not_chosen, step.rejected, step.waiting) >= 0
            assert steps["expand"].rows >= asked
            assert steps["expand"].waiting == 0
            rejects = Folder(out).rejects_of(s.table for s in steps.values())
            assert bool(rejects) == any(s.rejected for s in steps.values())
