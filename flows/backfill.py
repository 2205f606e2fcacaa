"""Makes named shards of one stage anew: those that a disk lost, or that a verify found broken.

What is made from them is made again only where their rows have changed.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.forge import forge
from persona_forge.dataset.folder import Folder
from persona_forge.pipeline import PIPELINE, stage


@flow(name="persona-forge-backfill", persist_result=False)
def backfill(root: str, stage_name: str, shards: list[str]) -> dict[str, int]:
    """Takes the seals of these shards back and runs the pipeline from their stage on."""
    folder, first = Folder(Path(root)), stage(stage_name)
    for shard in shards:
        if folder.seal(first.writes, shard).exists():
            folder.unseal(first.writes, shard)
    return forge(root, stages=[s.name for s in PIPELINE[PIPELINE.index(first) :]])
