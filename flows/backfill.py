"""Makes named shards of one stage anew: those that a disk lost, or that a verify found broken.

What is made from them is made again only where their rows have changed.
"""

from __future__ import annotations

from prefect import flow

from flows.forge import forge
from persona_forge.core.errors import Misuse
from persona_forge.pipeline import PIPELINE
from persona_forge.run import downstream
from persona_forge.start import load


@flow(name="persona-forge-backfill", persist_result=False)
def backfill(root: str, stage_name: str, shards: list[str]) -> dict[str, int]:
    """Takes the seals of these shards back and runs the pipeline from their stage on."""
    stage = next((s for s in PIPELINE if s.name == stage_name), None)
    maps = ", ".join(s.name for s in PIPELINE if s.shape == "map")
    if stage is None:
        raise Misuse(f"unknown stage {stage_name!r}", allowed=maps)
    if stage.shape != "map":
        raise Misuse(f"{stage.name} is a {stage.shape}: its parts cannot be made anew one by one", allowed=maps)
    run = load(root)
    planned = run.shards(stage)
    if unknown := sorted(set(shards).difference(planned)):
        raise Misuse(f"{stage.name} has no shard {unknown[0]!r}", allowed=", ".join(planned))
    for shard in shards:
        if run.folder.seal(stage.writes, shard).exists():
            run.folder.unseal(stage.writes, shard)
    return forge(root, stages=[s.name for s in downstream((stage,))])
