"""The review app over ten thousand seeds that need no reading."""

import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import sys
    import tempfile
    from pathlib import Path

    import marimo as mo

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "notebooks"))

    from desk import Desk

    from persona_forge.dataset.events import EventLog
    from persona_forge.personas.review_desk import ReviewDesk, Shelf

    def seed(n):
        flags = [{"kind": "minor", "evidence": "school", "detail": ""}] if n % 100 == 0 else []
        prose = f"I am number {n}. " + "I went to school by the river and never came back to it. " * 6
        lists = {k: [] for k in ("opinions", "catchphrases", "emotional_limits", "withheld", "pins")}
        texts = {"style": "", "voice": "", "source": "", "licence": "", "author_kind": "human", "extras": "{}"}
        named = {"seed_id": f"m{n}", "name": f"Somebody {n}", "language": "en", "prose": prose}
        return {**named, **lists, **texts, "flags": flags, "review": "new"}

    shelf = Shelf([seed(n) for n in range(10_000)])
    events = Path(tempfile.mkdtemp())

    def enter(who):
        desk = ReviewDesk(shelf, EventLog(events, "review"), who)
        calls = {f.__name__: f for f in (desk.find, desk.show, desk.decide, desk.undo, desk.agreement)}
        return {"start": lambda: {"dimensions": [], **desk.start()}, **calls}

    mo.ui.anywidget(Desk("review_seeds", enter, {"events": events}))


if __name__ == "__main__":
    app.run()
