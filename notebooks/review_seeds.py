"""The annotators' review of seeds: `persona-forge seeds review PATH` opens it in a browser."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="persona_forge: review")


@app.cell
def _():
    from functools import partial
    from pathlib import Path

    import marimo as mo
    from desk import Desk

    from persona_forge.desks import review_desk

    given = mo.cli_args()
    enter = partial(review_desk, Path(str(given["seeds"])), Path(str(given["events"])))
    mo.ui.anywidget(Desk("review_seeds", enter, given))


if __name__ == "__main__":
    app.run()
