"""Declares the deployments and serves them: `python -m flows.deploy`, with PREFECT_API_URL naming the server.

From then on a run is started from the server's page, by `prefect deployment run`, or by a schedule.
"""

from __future__ import annotations

from prefect import serve
from prefect.deployments.runner import RunnerDeployment

from flows.backfill import backfill
from flows.forge import forge


def deployments() -> tuple[RunnerDeployment, RunnerDeployment]:
    """One run at a time of each, because a run's folder has one master."""
    go_on = RunnerDeployment.from_flow(forge, name="forge", concurrency_limit=1,
                                       description="go on with a run: parameter root is its folder")  # fmt: skip
    again = RunnerDeployment.from_flow(backfill, name="backfill", concurrency_limit=1,
                                       description="make named shards of a stage anew")  # fmt: skip
    return go_on, again


if __name__ == "__main__":
    serve(*deployments())
