"""Whether speech is as it was wanted: pace, pitch, mood, words and sounds, measured on what an engine really says.

    python tests/benchmarks/obedience.py [--engine kokoro|espeak] [--sentences 8] [--deaf] [--cache DIR] [--plot SVG]

Eight short sentences, two voices, both languages; every clip goes through `perform`, and is kept in the cache.
order    a sentence at five speeds (and five pitches) counts if its five measured rates (median pitches) all rise;
         steps are the pairs of neighbours among them
moods    happy, sad and angry, at the usual intensity, with the steps of pace, pitch and level that they usually bring,
         and neutral: two are different if they lie further apart than 95 % of all pairs of that voice's neutral
         sentences do, in pitch (st), its spread, pace (logarithms) and level (dB), each over its spread among those
words    error rate (WER en, CER zh) of neutral, moods, slow and fast by Whisper base
sounds   three in each sentence, of six kinds in turn: found if what was found and what was made overlap by half of what
         they cover; and how many more are found there and in all clips that have none
tags     verdicts of these clips against their voices' neutral sentences, as `checks` gives them
To reach: order 95 %, moods 90 %, median error 0.05, every sound found. Some 30 CPU minutes on Kokoro the first time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import log, log2, sqrt
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from persona_forge.core.ids import canonical, digest
from persona_forge.core.ports import Spoken, Voice
from persona_forge.core.tables import BASELINES, CASTING
from persona_forge.engines.espeak import Espeak
from persona_forge.engines.kokoro import Kokoro
from persona_forge.engines.whisper import Whisper
from persona_forge.speech.audio import decode, encode
from persona_forge.speech.baseline import PLAIN, baselines
from persona_forge.speech.direct import MOOD, PITCH, SPEED, STEPPED, USUAL_INTENSITY
from persona_forge.speech.measure import measure
from persona_forge.speech.obeyed import verdicts
from persona_forge.speech.perform import perform
from persona_forge.text.tags import EVENTS, Cue, parse, render
from persona_forge.text.words import error_rate

SENTENCES = {
    "en": (
        "If you are hungry, there is soup.",
        "The keys are here, under the mat.",
        "We missed the train, but not by much.",
        "When it gets dark, close the window.",
        "I called him twice, and nobody answered.",
        "Yesterday it snowed, today it is warm.",
        "Take the stairs, the lift is broken.",
        "My sister is a nurse, she works at night.",
    ),
    "zh": (
        "饿了的话，锅里还有汤。",
        "钥匙在这儿，就在垫子下面。",
        "我们没赶上火车，只差一点。",
        "天黑以后，把窗户关上。",
        "我打了两次电话，都没人接。",
        "昨天还下雪，今天就暖和了。",
        "走楼梯吧，电梯坏了。",
        "我妹妹是护士，晚上上班。",
    ),
}
VOICES = {
    "kokoro": {"en": ("af_nova", "bm_lewis"), "zh": ("zf_xiaoxiao", "zm_yunjian")},
    "espeak": {},
}
"""None: the first of each gender."""
MOODS = ("neutral", "happy", "sad", "angry")
CAST = {"f0_scale": 1.0, "formant_scale": 1.0, "breathiness": 0.0, "tremor": 0.0}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Take:
    """One sentence, by one voice, in one manner."""

    voice: str
    language: str
    number: int
    name: str
    tagged: str
    manner: Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=tuple(VOICES), default="kokoro")
    parser.add_argument("--sentences", type=int, default=8)
    parser.add_argument("--deaf", action="store_true", help="leave the words out")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "persona_forge_obedience")
    parser.add_argument("--plot", type=Path, help="obeyed shares with their intervals, as SVG")
    args = parser.parse_args()
    voice: Voice = Kokoro(threads=2) if args.engine == "kokoro" else Espeak()
    args.cache.mkdir(parents=True, exist_ok=True)
    takes = [t for language in SENTENCES for name in _voices(voice, language)
             for n in range(args.sentences) for t in _takes(name, language, n)]  # fmt: skip
    clips = {(t.voice, t.number, t.name): _measured(t, voice, args.cache) for t in takes}
    lines = [*_order(clips), *_moods(clips), *_sounds(clips)]
    if not args.deaf:
        lines += _words(takes, voice, args.cache)
    print(f"{voice.engine}/{voice.model}: {len(clips)} clips of {len({t.voice for t in takes})} voices")
    for says, good, n, reach in lines:
        low, high = wilson(good, n)
        fine = "" if reach is None else "reached" if good >= reach * n else "NOT REACHED"
        print(f"{says:48} {good:4}/{n:<4} {good / n:6.1%}  [{low:.1%}, {high:.1%}]  {fine}")
    shares = _tags(takes, clips, voice, args.cache)
    print(f"\n{'tag, as wanted':34} {'obeyed':>8} {'of':>4}  95 % interval     null")
    for (language, tag, wanted), (good, told, n) in sorted(shares.items()):
        interval = "[{:.0%}, {:.0%}]".format(*wilson(good, told)) if told else ""
        print(f"{language} {tag:16} {wanted:14} {good:8} {told:4}  {interval:14} {n - told:6}/{n}")
    if args.plot:
        _plot(shares, args.plot)
    sys.exit(any(reach is not None and good < reach * n for _, good, n, reach in lines))


def wilson(good: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, JASA 22)."""
    z2 = 1.96**2
    centre, half = good + z2 / 2, 1.96 * sqrt(good * (n - good) / n + z2 / 4)
    return (centre - half) / (n + z2), (centre + half) / (n + z2)


def _voices(voice: Voice, language: str) -> Sequence[str]:
    if named := VOICES[voice.engine].get(language):
        return named
    cards = voice.voices(language)
    return [next(c.name for c in cards if c.gender == gender) for gender in ("female", "male")]


def _takes(voice: str, language: str, number: int) -> Iterator[Take]:
    text = SENTENCES[language][number]
    changes = {f"speed {s}": {"speed": s} for s in SPEED} | {f"pitch {p}": {"pitch": p} for p in PITCH}
    moods: dict[str, dict[str, Any]] = {}
    for mood in MOODS:
        steps = {name: scale[scale.index(PLAIN[name]) + step]
                 for (name, scale), step in zip(STEPPED, MOOD[mood].steps, strict=True)}  # fmt: skip
        moods[f"mood {mood}"] = {"emotion": mood, "intensity": USUAL_INTENSITY, **steps}
    for name, change in {**changes, **moods}.items():
        yield Take(voice, language, number, name, text, {**PLAIN, **change})
    middle = next(i for i, c in enumerate(text) if c in ",，") + 1
    kinds = [EVENTS[(3 * number + k) % len(EVENTS)] for k in range(3)]
    tagged = render(text, [Cue(at, kind) for at, kind in zip((0, middle, len(text)), kinds, strict=True)])
    yield Take(voice, language, number, "sounds", tagged, PLAIN)


def _spoken(take: Take, voice: Voice, cache: Path) -> tuple[Path, Path]:
    """The clip and what was made of it, from the cache or anew."""
    manner = {k: v for k, v in take.manner.items() if take.manner["emotion"] != "neutral" or k != "intensity"}
    name = digest(voice.engine, voice.model, take.voice, take.language, take.tagged, canonical(manner))
    audio, notes = cache / f"{name}.flac", cache / f"{name}.json"
    if not notes.exists():
        cast = {**CAST, "voice": take.voice, "language": take.language}
        said: Spoken = perform(take.tagged, take.manner, instruction="", voice=voice, cast=cast, language=take.language)
        audio.write_bytes(encode(said.samples, said.rate))
        made = [{"type": k, "start_s": a, "end_s": b} for k, a, b in said.events]
        notes.write_text(json.dumps({"made_events": made, "made_not_obeyed": sorted(said.not_obeyed)}))
    return audio, notes


def _measured(take: Take, voice: Voice, cache: Path) -> Row:
    audio, notes = _spoken(take, voice, cache)
    found = measure(*decode(audio.read_bytes()), parse(take.tagged)[0], take.language)
    return {**json.loads(notes.read_text()), **found.row(), "language": take.language}


def _order(clips: Mapping[tuple[str, int, str], Row]) -> Iterator[tuple[str, int, int, float | None]]:
    for tag, labels, column in (("speed", SPEED, "meas_rate"), ("pitch", PITCH, "meas_f0_median_hz")):
        for language in SENTENCES:
            said = [
                (v, n) for (v, n, name), row in clips.items() if name == f"{tag} medium" and row["language"] == language
            ]
            rows = [[clips[v, n, f"{tag} {label}"][column] for label in labels] for v, n in said]
            steps = [a < b for row in rows for a, b in pairwise(row)]
            whole = sum(all(a < b for a, b in pairwise(row)) for row in rows)
            yield f"{language}: five of {tag} in order", whole, len(rows), 0.95
            yield f"{language}: steps of {tag} in order", sum(steps), len(steps), None


def _moods(clips: Mapping[tuple[str, int, str], Row]) -> Iterator[tuple[str, int, int, float | None]]:
    for language in SENTENCES:
        apart: Counter[tuple[str, str]] = Counter()
        pairs = 0
        for voice in sorted({v for v, n, name in clips if clips[v, n, name]["language"] == language}):
            space = {m: np.array([_point(r) for (v, _, name), r in clips.items() if (v, name) == (voice, f"mood {m}")])
                     for m in MOODS}  # fmt: skip
            spread = space["neutral"].std(axis=0, ddof=1)
            usual = [np.linalg.norm((a - b) / spread) for a, b in combinations(space["neutral"], 2)]
            far = np.quantile(usual, 0.95)
            for one, other in combinations(MOODS, 2):
                apart[one, other] += int((np.linalg.norm((space[one] - space[other]) / spread, axis=1) > far).sum())
            pairs += len(space["neutral"])
        yield f"{language}: moods differ, all pairs", sum(apart.values()), pairs * len(apart), 0.9
        for (one, other), n in sorted(apart.items()):
            yield f"{language}:   {one} and {other}", n, pairs, None


def _point(row: Row) -> list[float]:
    """A place in the measured space; a clip without pitch lies nowhere."""
    pitch, spread, pace, level = (row[f"meas_{k}"] for k in ("f0_median_hz", "f0_sd_st", "rate", "lufs"))
    return [12 * log2(pitch), log(spread), log(pace), level]


def _sounds(clips: Mapping[tuple[str, int, str], Row]) -> Iterator[tuple[str, int, int, float | None]]:
    made: Counter[str] = Counter()
    found: Counter[str] = Counter()
    extra = plain = 0
    for (_, _, name), row in clips.items():
        if name != "sounds":
            extra, plain = extra + bool(row["meas_events"]), plain + 1
            continue
        for event in row["made_events"]:
            made[event["type"]] += 1
            found[event["type"]] += any(_covers(event, f) > 0.5 for f in row["meas_events"])
    yield "sounds found where they were put", sum(found.values()), sum(made.values()), 1.0
    for kind in EVENTS:
        yield f"  {kind}", found[kind], made[kind], None
    yield "plain clips in which no sound is claimed", plain - extra, plain, None


def _covers(a: Row, b: Row) -> float:
    both = min(a["end_s"], b["end_s"]) - max(a["start_s"], b["start_s"])
    return float(both / (max(a["end_s"], b["end_s"]) - min(a["start_s"], b["start_s"])))


def _words(takes: Sequence[Take], voice: Voice, cache: Path) -> Iterator[tuple[str, int, int, float | None]]:
    ear = Whisper(threads=2)
    errors: dict[tuple[str, str], list[float]] = defaultdict(list)
    for take in takes:
        if not take.name.startswith("mood") and take.name not in ("speed slow", "speed fast"):
            continue
        audio, _ = _spoken(take, voice, cache)
        heard = audio.with_suffix(".txt")
        if not heard.exists():
            heard.write_text(ear.hear(*decode(audio.read_bytes()), language=take.language))
        errors[take.language, take.name].append(error_rate(take.tagged, heard.read_text(), take.language))
    for language in SENTENCES:
        every = [e for (lang, _), row in errors.items() if lang == language for e in row]
        yield f"{language}: clips of error at most 0.05", sum(e <= 0.05 for e in every), len(every), 0.5
        for (lang, name), row in errors.items():
            if lang == language:
                yield f"{language}:   {name} (median {median(row):.2f})", sum(e <= 0.05 for e in row), len(row), None


def _tags(
    takes: Sequence[Take], clips: Mapping[tuple[str, int, str], Row], voice: Voice, cache: Path
) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    """Of each language, tag and wish: how often obeyed, how often told, how often wanted."""
    names = sorted({(t.voice, t.language) for t in takes})
    kept = cache / f"baselines.{voice.engine}.parquet"
    if not kept.exists():
        cast = [dict.fromkeys(CASTING.names, "") | CAST | {"voice": v, "language": lang} for v, lang in names]
        baselines(BASELINES.empty(), CASTING.frame(cast).lazy(), voice=voice).rows.write_parquet(kept)
    neutral = pl.read_parquet(kept).partition_by("voice", as_dict=True)
    counts: dict[tuple[str, str, str], list[bool | None]] = defaultdict(list)
    for take in takes:
        words, cues = parse(take.tagged)
        clip = {**clips[take.voice, take.number, take.name], "text": words, "text_tagged": take.tagged,
                "want_events": [{"type": c.name, "char_pos": c.char_pos} for c in cues],
                "want_gender": None, "want_age_group": None, "want_timbre": None,
                **{f"want_{k}": v for k, v in take.manner.items()}}  # fmt: skip
        for v in verdicts(clip, clip, list(neutral[take.voice,].iter_rows(named=True)), {}):
            counts[take.language, v["tag"], v["wanted"]].append(v["obeyed"])
    return {k: (o.count(True), len(o) - o.count(None), len(o)) for k, o in counts.items()}


def _plot(shares: Mapping[tuple[str, str, str], tuple[int, int, int]], path: Path) -> None:
    import altair

    rows = [{"tag": f"{tag} {wanted}", "language": language, "obeyed": good / told,
             "low": wilson(good, told)[0], "high": wilson(good, told)[1]}
            for (language, tag, wanted), (good, told, _) in sorted(shares.items()) if told]  # fmt: skip
    chart = altair.Chart(pl.DataFrame(rows))
    bars = chart.mark_rule().encode(x=altair.X("low:Q", title="obeyed"), x2="high:Q", y=altair.Y("tag:N", title=""))
    points = chart.mark_point(filled=True).encode(x="obeyed:Q", y="tag:N")
    (bars + points).facet(column="language:N").save(str(path))


if __name__ == "__main__":
    main()
