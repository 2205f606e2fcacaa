"""One persona and a few turns of one dialogue, as Markdown: what a run looks like from inside."""

from __future__ import annotations

import polars as pl

from persona_forge.core.tables.act1 import PERSONAS_FIXED, PERSONAS_LAST
from persona_forge.dataset.folder import Folder

SHOWN_TRAITS = 14
SHOWN_TURNS = 4
LONGEST_PROSE = 280


def sample(folder: Folder) -> str:
    parts = [_persona(folder), _dialogue(folder)]
    return "\n\n".join(p for p in parts if p) or "There is nothing to show yet."


def _persona(folder: Folder) -> str:
    """The persona of the first dialogue, else the first of all."""
    scenes = folder.scan("scenes").head(1).collect()
    personas = folder.scan("personas", folder.names("personas")[:1])
    if scenes.height:
        scene = scenes.row(0, named=True)
        traits = {t["dimension"]: t["value"] for t in scene["traits"]}
        persona_id, seed_id = scene["persona_id"], scene["seed_id"]
    elif (first := personas.head(1).collect()).height:
        row = first.row(0, named=True)
        fixed = {c.name for c in (*PERSONAS_FIXED, *PERSONAS_LAST)}
        traits = {k: v for k, v in row.items() if k not in fixed and v is not None}
        persona_id, seed_id = row["persona_id"].hex(), row["seed_id"]
    else:
        return ""
    seed = folder.scan("seeds").filter(pl.col("seed_id") == seed_id).collect().row(0, named=True)
    prose = seed["prose"] if len(seed["prose"]) <= LONGEST_PROSE else seed["prose"][:LONGEST_PROSE] + " …"
    shown = ", ".join(f"{k} {v}" for k, v in list(traits.items())[:SHOWN_TRAITS])
    more = f", and {len(traits) - SHOWN_TRAITS} more" if len(traits) > SHOWN_TRAITS else ""
    who = f"**{seed['name'] or seed_id}** ({seed['language']}, persona {persona_id[:8]}…, seed {seed_id})"
    return f"{who}\n{prose}\n{shown}{more}"


def _dialogue(folder: Folder) -> str:
    scripts = folder.scan("scripts").head(1).collect()
    if not scripts.height:
        return ""
    script = scripts.row(0, named=True)
    scene = folder.scan("scenes").filter(pl.col("scene_id") == script["scene_id"]).collect().row(0, named=True)
    pressure = f", under pressure: {scene['attack']}" if scene["attack"] else ""
    lines = [f"**{scene['domain']}, {scene['tone']}** (the partner is a {scene['relationship']}{pressure})"]
    lines += [f"- {turn['role']}: {turn['text_tagged']}" for turn in script["turns"][:SHOWN_TURNS]]
    return "\n".join(lines)
