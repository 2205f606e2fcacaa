"""A server of an app, and people who use it in a real browser (Debian's chromium, driven by playwright)."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
KEYDOWN = "({key, ...how}) => void document.body.dispatchEvent(new KeyboardEvent('keydown', {key, ...how}))"
TELL = """() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
        this.addEventListener("ended", () => console.log("heard", this.duration.toFixed(1)), { once: true });
        return play.call(this);
    };
}"""
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Server:
    """A command that serves a page on a port of this machine; can be killed and started again."""

    def __init__(self, *command: str) -> None:
        self.port = free_port()
        self.command = [sys.executable, *command, str(self.port)]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"no server: {self.stop()!r}")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> bytes:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=20)[1]

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


def review(path: Path, events: Path, *more: str) -> Server:
    words = ["seeds", "review", str(path), "--events", str(events), "--no-browser", *more, "--port"]
    return Server("-m", "persona_forge.cli", *words)


@contextmanager
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no chromium here")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


class Person:
    """Somebody at a page of their own: presses keys, looks, and waits until things are as they should be."""

    def __init__(self, browser: Any, url: str, who: str = "", locale: str = "en-GB") -> None:
        self.page = browser.new_context(viewport={"width": 1280, "height": 800}, locale=locale).new_page()
        self.page.set_default_timeout(30_000)  # of a machine that has other things to do
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)
        if who:
            self.enter(who)

    def enter(self, who: str) -> None:
        """Gives a name: where the page asks for one, or where somebody else is at work."""
        if self.page.locator("#who").count():
            self.page.click("#who")
        self.page.fill("#name", who)
        self.press("Enter")
        self.sees("#who", who)
        self.sees_no("dialog")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def press_composing(self, key: str) -> None:
        """A key as the page hears it while an input method composes; older ones tell by its number alone."""
        for how in ({"isComposing": True}, {"keyCode": 229}):
            self.page.evaluate(KEYDOWN, {"key": key, "bubbles": True, "composed": True, "cancelable": True, **how})

    def compose(self, *shown: str) -> None:
        """Types with an input method: what it shows by and by, the last of which is taken."""
        client = self.page.context.new_cdp_session(self.page)
        for text in shown:
            at = {"selectionStart": len(text), "selectionEnd": len(text)}
            client.send("Input.imeSetComposition", {"text": text, **at})
        client.send("Input.insertText", {"text": shown[-1]})

    def hears(self, key: str) -> str:
        """The length of the sound that a key plays, told when it has ended."""
        with self.page.expect_event("console", lambda line: line.text.startswith("heard"), timeout=5000) as said:
            self.page.evaluate(TELL)
            self.press(key)
        return str(said.value.text)

    def leave(self) -> None:
        """A page left open would come back to a server that is started again."""
        self.page.context.close()

    def text(self, where: str) -> str:
        return str(self.page.locator(where).first.inner_text())

    def sees(self, where: str, text: str) -> None:
        self.page.locator(where).filter(has_text=text).first.wait_for()

    def sees_no(self, where: str) -> None:
        self.page.locator(where).first.wait_for(state="detached")


def events(folder: Path, who: str) -> list[tuple[str, str]]:
    """(verdict, on) of each line in an annotator's file."""
    path = folder / f"review.{who}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(event["verdict"], event["on"]) for event in map(json.loads, lines)]
