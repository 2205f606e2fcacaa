"""What the annotators' apps share: a widget that is the whole page, and answers its front end's calls.

The front end (desk*.js, then <app>.*.js, then <app>.js, as one module) has the keyboard, the wording in both languages
and who is at work; what it asks, Python answers, one call at a time. An app hands in `enter`: from an annotator's name
to the calls that this annotator may make. The wording stands in desk.toml and <app>.toml, a phrase a line, English and
Chinese.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from persona_forge.core.errors import ForgeError
from persona_forge.dataset.events import annotator

HERE = Path(__file__).resolve().parent

Calls = Mapping[str, Callable[..., Any]]


def beside(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def words(app: str) -> dict[str, dict[str, str]]:
    """Phrase → language → its wording; an app's own stand before the desk's."""
    return tomllib.loads(beside("desk.toml")) | tomllib.loads(beside(f"{app}.toml"))


class Desk(anywidget.AnyWidget):
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    start = traitlets.Dict().tag(sync=True)

    def __init__(self, app: str, enter: Callable[[str], Calls], given: Mapping[str, Any]) -> None:
        """`given` is what the command line said: `events`, the folder of decisions; and perhaps `who` and `language`,
        for which the page else asks, and takes the browser's."""
        events = Path(str(given["events"]))
        known = sorted({path.name.split(".", 1)[1].removesuffix(".jsonl") for path in events.glob("*.*.jsonl")})
        self._enter = enter
        self._calls: Calls = {"enter": self._come_in}
        super().__init__(
            _esm="".join(beside(path.name) for part in ("desk", app) for path in sorted(HERE.glob(f"{part}*.js"))),
            _css=beside("desk.css") + beside(f"{app}.css"),
            start={"known": known, "words": words(app), **{k: str(given.get(k) or "") for k in ("who", "language")}},
        )
        self.on_msg(self._answer)

    def _come_in(self, who: str) -> Any:
        name = annotator(who)
        calls = self._enter(name)
        self._calls = {"enter": self._come_in, **calls}
        return {"who": name, **calls["start"]()}

    def _answer(self, _: Any, asked: dict[str, Any], __: Any) -> None:
        self.send({"id": asked["id"], "heard": True})
        try:
            self.send({"id": asked["id"], "answer": self._calls[asked["call"]](**asked["with"])})
        except Exception as error:
            self.send({"id": asked["id"], "error": str(error) or type(error).__name__})
            if not isinstance(error, ForgeError):
                raise  # for the server's own log
