"""A process that speaks for another: `python -m persona_forge.engines.booth FD`, told what to say over a socket.

It is told a turn at a time: which voice to make (it makes it once), the text, and how to say it. It answers with what
was spoken, the refusal, or what broke. It ends in an instant when the socket does, whatever it is at. `apart` is the
other side.
"""

from __future__ import annotations

import os
import sys
import traceback
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from persona_forge.core.errors import ForgeError


def _listen(line: Connection, asked: SimpleQueue[Any]) -> None:
    while True:
        try:
            asked.put(line.recv())
        except (EOFError, OSError):
            os._exit(0)
        except Exception as error:  # a voice that cannot be imported
            asked.put(error)


def _serve(line: Connection, asked: SimpleQueue[Any]) -> None:
    voice: Any = None
    while True:
        turn = asked.get()
        try:
            if isinstance(turn, Exception):
                raise turn
            make, keywords, text, how = turn
            voice = voice or make(**keywords)
            answer = ("spoken", voice.speak(text, **how))
        except ForgeError as error:
            answer = ("refused", error)
        except BaseException as error:
            answer = ("broken", "".join(traceback.format_exception_only(error)).strip())
        line.send(answer)


def main(number: str) -> None:
    line = Connection(int(number))
    asked: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_listen, args=(line, asked), daemon=True).start()
    _serve(line, asked)


if __name__ == "__main__":
    main(sys.argv[1])
