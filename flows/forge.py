"""The whole pipeline as a Prefect flow: a task a plan, a task a shard (or a batch of them when there are many).

Tasks are given names and open the run's folder themselves, so any worker that sees the folder can do them. What is
sealed is not done again; Prefect's own cache is left out, because its key holds the flow run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from prefect import Flow, flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.futures import as_completed
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import APILogHandler
from prefect.task_runners import ThreadPoolTaskRunner

from flows.cluster import Cluster
from persona_forge.config import RunConfig
from persona_forge.core.errors import Misuse, Transient
from persona_forge.core.stage import Stage
from persona_forge.dataset.folder import Folder
from persona_forge.dataset.funnel import funnel
from persona_forge.dataset.sample import sample
from persona_forge.pipeline import PIPELINE, stage
from persona_forge.start import load

MOST_TASKS = 200
"""A stage with more shards than this has them in batches: a task costs milliseconds and a row in Prefect's database."""
RETRIES = 3


def listen() -> None:
    """Sets up Prefect's logging now, since that closes the handlers that are there; our ticks stay off its server."""
    setup_logging()
    for handler in logging.getLogger("persona_forge").handlers:
        if isinstance(handler, APILogHandler):
            handler.setLevel(logging.INFO)


def _threads(workers: int) -> Any:  # Prefect's own types do not agree on what a thread's future is
    return ThreadPoolTaskRunner(max_workers=workers)


def with_runner(settings: RunConfig) -> Flow[..., dict[str, int]]:
    """The flow with so many tasks at once; how many shards a Ray cluster makes at once is up to its size."""
    return forge.with_options(task_runner=_threads(settings.workers))


def _transient(task: object, run: object, state: object) -> bool:
    """Whether a failed task is worth another try."""
    try:
        state.result()  # type: ignore[attr-defined]
    except Transient:
        return True
    except Exception:
        return False
    return False


@task(name="plan", retries=RETRIES, retry_delay_seconds=[2, 10, 60], retry_condition_fn=_transient,
      task_run_name="{stage_name}: plan", persist_result=False)  # fmt: skip
def prepare(root: str, stage_name: str) -> list[str]:
    """Brings a source or a plan up to date; the shards that a map still has to do."""
    return load(root).prepare(stage(stage_name))


@task(name="work", retries=RETRIES, retry_delay_seconds=[2, 10, 60], retry_condition_fn=_transient,
      task_run_name="{stage_name}: {shards[0]}", persist_result=False)  # fmt: skip
def work(root: str, stage_name: str, shards: Sequence[str]) -> list[str]:
    """Makes and seals these shards."""
    run = load(root)
    return [run.workers.work(stage(stage_name), shard).shard for shard in shards]


@flow(name="persona-forge", flow_run_name="{root}", task_runner=_threads(2), persist_result=False)
def forge(root: str, stages: list[str] | None = None, shards: list[str] | None = None) -> dict[str, int]:
    """Runs stages (all, if none are named) of the run in `root`; only these shards of them, if some are named.

    Returns the number of shards done by stage. The run itself is made by `persona-forge run`, or by `start.start`.
    """
    done: dict[str, int] = {}
    there: set[str] = set()
    settings = load(root).config.run
    with Cluster(root, settings) if settings.runner == "ray" else nullcontext() as cluster:
        for each in (s for s in PIPELINE if stages is None or s.name in stages):
            names = [n for n in prepare(root, each.name) if shards is None or n in shards]
            there.update(load(root).shards(each) if each.shape == "map" else ())
            done[each.name] = sum(len(batch) for batch in _work(root, each, names, cluster))
    if unknown := set(shards or ()) - there:
        raise Misuse(f"no stage that was run has a shard {min(unknown)!r}", allowed=", ".join(sorted(there)))
    folder = load(root).folder
    folder.refresh()
    _artifacts(folder)
    return done


def _work(root: str, each: Stage, names: list[str], cluster: Cluster | None) -> Iterator[list[str]]:
    """Shards that compute go side by side; those that share an engine go one after the other, which uses it whole.

    On Ray every worker has a voice and an ear of its own; language models are asked from here, where the budget is.
    """
    size = -(-len(names) // MOST_TASKS) or 1
    batches = [names[i : i + size] for i in range(0, len(names), size)]
    run = load(root)
    if cluster and "chat" not in each.ports:
        several = run.workers.elsewhere(cluster, each, names)
    elif each.one_at_a_time:
        with run.hands.lent():
            for batch in batches:
                yield work(root, each.name, batch)
        return
    else:
        several = run.workers.several(min(run.config.run.workers, len(batches)))
    with several:
        futures = [work.submit(root, each.name, batch) for batch in batches]
        yield from (f.result() for f in as_completed(futures))


def _artifacts(folder: Folder) -> None:
    create_table_artifact([s.as_json() for s in funnel(folder)], key="funnel", description="what went in and came out")
    create_markdown_artifact(sample(folder), key="sample", description="one persona and a few turns of one dialogue")
