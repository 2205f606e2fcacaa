"""Declares the deployments and serves them: `python -m flows.deploy`, with PREFECT_API_URL naming the server.

From then on a run is started from the server's page, by `prefect deployment run`, or by a schedule.
"""

from __future__ import annotations

from prefect import serve

from flows.backfill import backfill
from flows.forge import forge


def main() -> None:
    serve(
        forge.to_deployment(
            name="forge", description="go on with a run: parameter root is its folder", concurrency_limit=1
        ),
        backfill.to_deployment(name="backfill", description="make named shards of a stage anew", concurrency_limit=1),
    )


if __name__ == "__main__":
    main()
