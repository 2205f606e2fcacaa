"""What speech costs: engine, effects, the rest, measuring and listening; two engine processes against one; memory.

    python tests/benchmarks/speech.py [--engine kokoro|espeak] [--dialogues 4] [--repeats 3] [--clips 1000]

First so many clips by espeak in this process, with its peak memory after a tenth and at the end. Then dialogues of four
directed turns in each language go through the stage `speak` with the voice in this process and one thread: CPU seconds
inside the engine, inside effects and sounds (WORLD), and in all the rest (phrasing, joining, FLAC, placing, rows), then
those of `measures`, and of `checks` with Whisper base where it is there. Last the same dialogues with the engine in one
process and in two (`apart`), by the clock, loaded before; the median of so many repeats. To reach: the rest at most 5 %
of engine and effects, two processes 1.8 times one.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "speech"))
from stage import scene, script, tables, turn

from persona_forge.core.ports import Delivery, Spoken, Voice
from persona_forge.core.tables import BASELINES, CASTING, PAIRS
from persona_forge.engines import weights
from persona_forge.engines.apart import Apart
from persona_forge.engines.dnsmos import DnsMos, installed
from persona_forge.engines.espeak import Espeak
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.whisper import Whisper
from persona_forge.speech import joining, perform
from persona_forge.speech.cast import cast
from persona_forge.speech.speak import speak
from persona_forge.speech.verify import checks, measures

TURNS = {
    "en": (
        ("I told you yesterday that the train would be late again.", {}),
        ("{sigh}Nobody believed me, and now we are all waiting here.", {"emotion": "sad", "intensity": 0.6}),
        ("Stop it, all of you, and get your coats on!", {"emotion": "angry", "speed": "medium_fast", "volume": "loud"}),
        ("Do not wake her, she has only just gone to sleep.", {"volume": "whisper"}),
    ),
    "zh": (
        ("昨天我就跟你说过，火车又要晚点了。", {}),
        ("{sigh}没人信我，现在大家只好在这里等着。", {"emotion": "sad", "intensity": 0.6}),
        ("别闹了，都把外套穿上，我们走！", {"emotion": "angry", "speed": "medium_fast", "volume": "loud"}),
        ("小点声，别吵醒她，她刚刚才睡着。", {"volume": "whisper"}),
    ),
}
ENGINES: dict[str, Callable[..., Voice]] = {"kokoro": Kokoro, "espeak": Espeak}


class Clock:
    """CPU seconds of this process inside what it is wrapped around."""

    def __init__(self) -> None:
        self.spent = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return function(*given, **named)
            finally:
                self.spent += time.process_time() - began

        return timed


class Timed:
    """A voice under a clock."""

    def __init__(self, voice: Voice, clock: Clock) -> None:
        self._voice, self.speak = voice, clock.around(voice.speak)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._voice, name)


def dialogues(number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scenes and scripts: so many of each language."""
    both = []
    for language, said in TURNS.items():
        for n in range(number):
            of = scene(f"{language}{n}", language, f"{language}{n}", turns=len(said))
            lines = [turn(i, text.replace("{sigh}", ""), tagged=text, **how) for i, (text, how) in enumerate(said)]
            both.append((of, script(of, lines)))
    return tables(*both)


def spoken(voice: Any, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Casting and clips."""
    scenes, scripts = dialogues(number)
    voices = cast(CASTING.empty(), scripts.lazy(), scenes.lazy(), voice=voice, count=None, per_shard=99).rows
    made = speak(voices, scripts, scenes, PAIRS.empty(), voice=voice, speak_pairs=True, overlap_share=0.15,
                 back_channel_share=0.1)  # fmt: skip
    return voices, made.rows


def costs(name: str, number: int) -> None:
    make = {"kokoro": lambda: Kokoro(threads=1), "espeak": Espeak}[name]
    engine, effects = Clock(), Clock()
    voice = Timed(make(), engine)
    spoken(voice, 1)  # loads
    kept = perform.applied, joining.sound, joining.speaker
    perform.applied, joining.sound, joining.speaker = map(effects.around, kept)
    engine.spent, began = 0.0, time.process_time()
    voices, clips = spoken(voice, number)
    whole = time.process_time() - began
    perform.applied, joining.sound, joining.speaker = kept
    rest = whole - engine.spent - effects.spent
    began = time.process_time()
    found = measures(clips).rows
    measured = time.process_time() - began
    seconds = float(found["meas_duration_s"].sum())
    print(f"{clips.height} clips, {seconds:.0f} s of speech by {name}; CPU seconds a second of speech, and MB an hour:")
    share = rest / (engine.spent + effects.spent)
    print(f"  engine {engine.spent / seconds:.3f}   effects and sounds {effects.spent / seconds:.3f}   "
          f"the rest {rest / seconds:.4f} ({share:.1%} of both)   measuring {measured / seconds:.3f}")  # fmt: skip
    size = sum(len(audio["bytes"]) for audio in clips["audio"])
    print(f"  FLAC {size / seconds * 3600 / 1e6:.0f} MB an hour")
    if weights.have("whisper-base"):
        ear, critic = Whisper(threads=1), DnsMos() if installed() else None
        settings = {"max_error_rate": 0.35, "min_mos": None, "failing": "keep"}
        some = {"measures": found, "baselines": BASELINES.empty(), "casting": voices, "ear": ear, "critic": critic}
        checks(clips.head(1), measured_share=1.0, **some, **settings)  # type: ignore[arg-type]
        began = time.process_time()
        checks(clips, measured_share=1.0, **some, **settings)  # type: ignore[arg-type]
        print(f"  listening to all (words and opinion score) {(time.process_time() - began) / seconds:.3f}")


def processes(name: str, number: int, repeats: int) -> None:
    walls: dict[int, list[float]] = {1: [], 2: []}
    for n in walls:
        voice = Apart(ENGINES[name], {"threads": 1} if name == "kokoro" else {}, processes=n)
        try:
            spoken(voice, 2)  # loads
            for _ in range(repeats):
                began = time.perf_counter()
                spoken(voice, number)
                walls[n].append(time.perf_counter() - began)
        finally:
            voice.close()
    one, two = (median(walls[n]) for n in (1, 2))
    print(f"one engine process {one:.1f} s, two {two:.1f} s: {one / two:.2f}x")


def memory(name: str, clips: int) -> None:
    voice = ENGINES[name]()
    peaks = {}
    for n in range(1, clips + 1):
        language = ("en", "zh")[n % 2]
        said: Spoken = voice.speak(f"{n}. {TURNS[language][0][0]}", voice=voice.voices(language)[0].name,
                                   language=language, delivery=Delivery())  # fmt: skip
        assert said.samples.size
        if n in (clips // 10, clips):
            peaks[n] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"peak memory of {name}: " + ", ".join(f"{mib:.0f} MiB after {n:,} clips" for n, mib in peaks.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="kokoro")
    parser.add_argument("--dialogues", type=int, default=4, help="of each language")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clips", type=int, default=1000, help="of the run for memory; 0: none")
    options = parser.parse_args()
    if options.clips:
        memory("espeak", options.clips)
    costs(options.engine, options.dialogues)
    processes(options.engine, options.dialogues, options.repeats)


if __name__ == "__main__":
    main()
