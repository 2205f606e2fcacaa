"""Voice engines in processes of their own: several side by side, and none that can take the run with it.

Each process loads its engine once and computes in one thread, so that samples do not depend on how many there are. A
turn goes to a process that is free, the one that was free last first; processes start when they are first needed. An
engine that crashes, raises what it should not, or takes longer than `timeout_s` costs the turn that it was at
(Permanent, with the reason) and starts anew; samples that nobody can use cost their turn alone. An engine's own errors
pass through as they are.

A process is a group of its own and knows no Ctrl-C; it ends in an instant with this one, however this one ends, or when
`close` is called. A turn is then Stopped, for it can be made again. Left out: a process that hangs in a library which
keeps Python's lock ends with `timeout_s` or `close`, but not with a parent that was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import LifoQueue
from threading import Event, Lock, Timer
from typing import Any

from persona_forge.core.errors import ForgeError, Permanent, Stopped
from persona_forge.core.ports import Delivery, Spoken, Voice, VoiceCard
from persona_forge.engines.waveform import usable

BOOTH = "persona_forge.engines.booth"
START_S = 180.0
"""An engine may take so much longer for its first turn: it is loaded then."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Apart:
    """The voice that `make(**keywords)` gives, spoken by `processes` of it; `speak` may be called from many threads.

    `make` is importable by name. It is called here as well, for what the voice is and which voices it has, so it must
    load nothing heavy before its first word.
    """

    def __init__(
        self,
        make: Callable[..., Voice],
        keywords: Mapping[str, Any] | None = None,
        *,
        processes: int = 2,
        timeout_s: float = 120.0,
        start_s: float = START_S,
    ) -> None:
        self._front = front = make(**(keywords or {}))
        self.engine, self.model, self.licence = front.engine, front.model, front.licence
        self.controls, self.blends = front.controls, front.blends
        self.at_once = processes
        self._booths = [_Booth((make, dict(keywords or {})), timeout_s, start_s) for _ in range(processes)]
        self._free: LifoQueue[_Booth] = LifoQueue()
        for booth in self._booths:
            self._free.put(booth)

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        return self._front.voices(language)

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        booth = self._free.get()
        try:
            spoken = booth.speak(self.engine, text, {"voice": voice, "language": language, "delivery": delivery})
        finally:
            self._free.put(booth)
        return usable(spoken, self.engine)

    def close(self) -> None:
        """Ends every process at once; a turn that one is at is Stopped, and so is any that is asked for later."""
        for booth in self._booths:
            booth.close()


class _Booth:
    """One process, started when it is needed; one turn at a time."""

    def __init__(self, recipe: tuple[Callable[..., Voice], dict[str, Any]], timeout_s: float, start_s: float) -> None:
        self._recipe, self._timeout_s, self._start_s = recipe, timeout_s, start_s
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._lock, self._loaded, self._closed = Lock(), False, False

    def speak(self, engine: str, text: str, how: dict[str, Any]) -> Spoken:
        process, line = self._running()
        seconds = self._timeout_s + (0 if self._loaded else self._start_s)
        late = Event()

        def ring() -> None:
            late.set()
            process.kill()

        clock = Timer(seconds, ring)
        clock.daemon = True
        clock.start()
        try:
            line.send((*self._recipe, text, how))
            kind, answer = line.recv()
        except (EOFError, OSError) as error:
            ended = self._end()
            if self._closed:
                raise Stopped("the voice was closed while it spoke", todo="the same command goes on") from error
            raise Permanent(f"{engine} took longer than {seconds:g} s for a turn" if late.is_set()
                            else f"the {engine} process died in mid-turn ({_how(ended)})") from error  # fmt: skip
        except BaseException:  # a Ctrl-C here: what the process answers later must not meet another turn
            self._end()
            raise
        finally:
            clock.cancel()
        if kind == "spoken":
            spoken: Spoken = answer
            self._loaded = True
            return spoken
        if kind == "refused":
            refusal: ForgeError = answer
            raise refusal
        self._end()
        raise Permanent(f"{engine} broke down: {answer}")

    def close(self) -> None:
        self._closed = True
        with self._lock:
            if self._process is not None:
                self._process.kill()  # whoever waits for it hears that it ended
                self._process.wait()

    def _running(self) -> tuple[subprocess.Popen[bytes], Connection]:
        with self._lock:
            if self._closed:
                raise Stopped("the voice was closed", todo="the same command goes on")
            if self._process is not None and self._line is not None and self._process.poll() is None:
                return self._process, self._line
            if self._line is not None:
                self._line.close()
            self._line, theirs = Pipe()
            self._loaded = False
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", BOOTH, str(theirs.fileno())], pass_fds=[theirs.fileno()], process_group=0,
                    env={**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            return self._process, self._line

    def _end(self) -> int:
        """The exit code of a process that is not wanted any more."""
        with self._lock:
            assert self._process is not None
            assert self._line is not None
            self._process.kill()
            code = self._process.wait()
            self._line.close()
            self._process = self._line = None
            return code


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
