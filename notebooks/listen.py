"""The listeners' verdicts on clips: `persona-forge app listen DIR` opens it in a browser."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="persona_forge: listen")


@app.cell
def _():
    from functools import partial
    from pathlib import Path

    import marimo as mo
    from desk import Desk

    from persona_forge.desks import listen_desk

    given = mo.cli_args()
    enter = partial(listen_desk, Path(str(given["run"])), Path(str(given["events"])))
    mo.ui.anywidget(Desk("listen", enter, given))


if __name__ == "__main__":
    app.run()
