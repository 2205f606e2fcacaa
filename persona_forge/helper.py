"""A process that makes shards for another: `python -m persona_forge.helper FOLDER`, told what to make on its input.

It opens the run from its folder, says that it is ready, and then for each line (a stage and a shard) tells what it logs
and last the seal, or the error. It ends when its input does, whatever it is at: what is half made is not sealed.
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
import traceback
from logging.handlers import QueueHandler
from queue import SimpleQueue
from threading import Thread
from typing import IO

from persona_forge.pipeline import stage
from persona_forge.start import load

log = logging.getLogger("persona_forge")


class _Told(QueueHandler):
    def __init__(self, out: IO[bytes]) -> None:
        super().__init__(SimpleQueue())
        self._out = out

    def enqueue(self, record: object) -> None:
        pickle.dump(record, self._out)
        self._out.flush()


def _listen(lines: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def _help(root: str) -> None:
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints does not get between
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(lines,), daemon=True).start()
    run, told = load(root), _Told(out)
    log.setLevel(logging.DEBUG)
    log.addHandler(told)
    told.enqueue("ready")
    while True:
        name, shard = lines.get().split()
        try:
            told.enqueue(run.work(stage(name), shard))
        except Exception as error:
            error.add_note(traceback.format_exc())
            told.enqueue(error)


if __name__ == "__main__":
    _help(sys.argv[1])
