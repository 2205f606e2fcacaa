"""Engines apart: whatever one does, it costs the turn that it was at; the processes are real, and so are the kills."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_voices import Bad, Unmakeable

from persona_forge.core.errors import ForgeError, Misuse, Permanent, Stopped, Transient
from persona_forge.core.ports import Delivery, Spoken, Voice
from persona_forge.engines import contract_voice
from persona_forge.engines.apart import Apart
from persona_forge.engines.espeak import Espeak
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.tone import Tone

made: list[Apart] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while made:
        made.pop().close()


def apart(make: Callable[..., Voice], keywords: dict[str, Any] | None = None, **options: Any) -> Apart:
    made.append(Apart(make, keywords, **{"processes": 1, **options}))
    return made[-1]


def say(voice: Voice, text: str, name: str = "male0", delivery: Delivery | None = None) -> Spoken:
    return voice.speak(text, voice=name, language="en", delivery=delivery or Delivery())


def refusal(voice: Voice, text: str) -> ForgeError:
    with pytest.raises(ForgeError) as error:
        say(voice, text)
    return error.value


def pids(note: Path) -> dict[str, int]:
    """By the word that it was last at."""
    lines = note.read_text().splitlines() if note.exists() else []
    return {word: int(pid) for pid, word in (line.split(" ", 1) for line in lines)}


def soon(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


SHARED = Apart(Espeak, processes=2)


@pytest.mark.parametrize("rule", contract_voice.RULES, ids=lambda rule: rule.__name__)
def test_an_engine_apart_keeps_the_contract(rule: Callable[[Voice], None]) -> None:
    rule(SHARED)
    if rule is contract_voice.RULES[-1]:
        SHARED.close()


def test_what_a_voice_is_and_has_is_told_without_a_process() -> None:
    kokoro = apart(Kokoro, {"threads": 1}, processes=3)
    assert (kokoro.engine, kokoro.blends, kokoro.at_once, len(kokoro.voices("zh"))) == ("kokoro", True, 3, 8)
    assert [booth._process for booth in kokoro._booths] == [None, None, None]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("leave", "the bad process died in mid-turn (exit code 3)"),
        ("fault", "the bad process died in mid-turn (signal SIGSEGV)"),
        ("raise", "bad broke down: ZeroDivisionError: one over none"),
        ("quit", "bad broke down: SystemExit: 0"),
        ("secret", "the bad process died in mid-turn (exit code 1)"),
        ("nan", "bad returned samples that are no numbers"),
        ("silence", "bad returned silence"),
        ("nothing", "bad returned silence"),
        ("clip", "bad returned samples that are cut off at full scale"),
        ("rate", "bad gave 16000 samples a second"),
    ],
)
def test_what_an_engine_should_not_do_costs_one_turn(word: str, reason: str) -> None:
    voice = apart(Bad)
    before = say(voice, "good").samples
    error = refusal(voice, word)
    assert type(error) is Permanent
    assert error.what == reason
    assert np.array_equal(say(voice, "good").samples, before)


@pytest.mark.parametrize("word", ["hang", "spin"])
def test_a_hang_costs_its_time_and_one_turn(word: str) -> None:
    voice = apart(Bad, timeout_s=0.5)
    say(voice, "good")
    began = time.monotonic()
    assert refusal(voice, word).what == "bad took longer than 0.5 s for a turn"
    assert time.monotonic() - began < 20
    assert say(voice, "good").rate == 24_000


def test_an_engines_own_errors_pass_as_they_are_and_its_process_stays(tmp_path: Path) -> None:
    note = tmp_path / "note"
    voice = apart(Bad, {"note": str(note)})
    assert type(refusal(voice, "busy")) is Transient
    assert type(refusal(voice, "…")) is Permanent
    with pytest.raises(Misuse, match="nobody"):
        say(voice, "good", name="nobody")
    assert len(set(pids(note).values())) == 1


def test_an_engine_that_cannot_be_made_costs_its_turns_and_says_why() -> None:
    voice = apart(Unmakeable)
    for _ in range(2):
        assert refusal(voice, "good").what == "unmakeable broke down: RuntimeError: no model file"


def test_a_process_killed_in_mid_turn_costs_that_turn_and_no_other(tmp_path: Path) -> None:
    note = tmp_path / "note"
    voice = apart(Bad, {"note": str(note)}, processes=2)
    with ThreadPoolExecutor(2) as pool:
        hung = pool.submit(refusal, voice, "hang")
        assert soon(lambda: "hang" in pids(note))
        others = [pool.submit(say, voice, f"word {n}") for n in range(20)]
        assert {len(f.result().samples) for f in others} == {len(say(Tone(), f"word {n}").samples) for n in range(20)}
        os.kill(pids(note)["hang"], signal.SIGKILL)
        assert hung.result().what == "the bad process died in mid-turn (signal SIGKILL)"
    words = pids(note)
    assert words["hang"] not in {words[f"word {n}"] for n in range(20)}
    assert say(voice, "good").rate == 24_000


def test_turns_are_shared_and_each_gets_its_own_answer() -> None:
    voice = apart(Espeak, processes=2)
    texts = [f"There are {n} of them." for n in range(24)]
    with ThreadPoolExecutor(6) as pool:
        spoken = list(pool.map(lambda text: say(voice, text, "en-us+m1").samples, texts))
    alone = Espeak()
    assert all(np.array_equal(a, say(alone, t, "en-us+m1").samples) for a, t in zip(spoken, texts, strict=True))


def test_closing_stops_the_turns_and_leaves_no_process(tmp_path: Path) -> None:
    note = tmp_path / "note"
    voice = apart(Bad, {"note": str(note)}, processes=2)
    errors: list[ForgeError] = []
    thread = threading.Thread(target=lambda: errors.append(refusal(voice, "hang")))
    thread.start()
    assert soon(lambda: "hang" in pids(note))
    voice.close()
    thread.join(5)
    assert [type(e) for e in errors] == [Stopped]
    assert not alive(pids(note)["hang"])
    with pytest.raises(Stopped):
        say(voice, "good")


PARENT = """
import sys
from threading import Thread
from bad_voices import Bad
from persona_forge.core.ports import Delivery
from persona_forge.engines.apart import Apart
voice = Apart(Bad, {"note": sys.argv[1]}, processes=2)
say = lambda text: voice.speak(text, voice="male0", language="en", delivery=Delivery())
Thread(target=say, args=("hang",), daemon=True).start()
say("spin")
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_when_the_parent_ends_its_processes_end_at_once(blow: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "note"
    path = os.pathsep.join((str(Path(__file__).parent), *(p for p in sys.path if p)))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(note)], stderr=subprocess.DEVNULL,
                              env={**os.environ, "PYTHONPATH": path}, process_group=0)  # fmt: skip
    assert soon(lambda: {"hang", "spin"} <= set(pids(note)), 60)
    os.killpg(parent.pid, blow)  # as a terminal does: to the whole group, and the engines are in none of it
    parent.wait(10)
    assert soon(lambda: not any(map(alive, pids(note).values())), 10)


def test_memory_stays_flat(tmp_path: Path) -> None:
    note = tmp_path / "note"
    voice = apart(Bad, {"note": str(note)})

    def used() -> int:
        """Of this process and of the engine's, in MiB."""
        for _ in range(30):
            say(voice, "many", delivery=Delivery(rate=100.0))
        return (
            sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in (os.getpid(), pids(note)["many"])) // 256
        )

    first = used()
    assert max(used() for _ in range(3)) - first < 8


@pytest.mark.real
def test_kokoro_apart_speaks_the_same_samples_in_one_thread() -> None:
    here, there = Kokoro(threads=1), apart(Kokoro, {"threads": 1}, start_s=300)
    for text, name, language in (("Good morning.", "af_sky+bm_lewis:0.3", "en"), ("早上好。", "zf_xiaoni", "zh")):
        samples = [v.speak(text, voice=name, language=language, delivery=Delivery(f0_range=1.5)).samples
                   for v in (here, there)]  # fmt: skip
        assert len({hashlib.sha256(s.tobytes()).hexdigest() for s in samples}) == 1
