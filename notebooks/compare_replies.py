"""The annotators' comparison of replies: `persona-forge app compare DIR|FILE` opens it in a browser."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="persona_forge: compare")


@app.cell
def _():
    from functools import partial
    from pathlib import Path

    import marimo as mo
    from desk import Desk

    from persona_forge.desks import compare_desk

    given = mo.cli_args()
    enter = partial(compare_desk, Path(str(given["pairs"])), Path(str(given["events"])))
    mo.ui.anywidget(Desk("compare_replies", enter, given))


if __name__ == "__main__":
    app.run()
