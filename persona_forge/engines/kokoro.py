"""Kokoro-82M: a small neural voice, English and Mandarin, on CPU (ONNX, int8).

Its graph takes phonemes, a style and a speed, predicts an F0 curve in Hz and hands that to the decoder. An edit of the
graph puts three inputs between the two: voiced frames are spread around `f0_center` by `f0_range`, then scaled by
`f0_scale`; and the curve becomes an output, from which a voice's own centre is read, once, on a fixed sentence. Speed
becomes one number for each token, so that the silence at both ends keeps its length: a longer one begins with a vowel
that nobody wrote, a shorter one eats the first consonant. The edited graph is cached beside the weights.

English phonemes come from espeak (GPL-3, through kokoro-onnx), Mandarin ones from misaki. Han runs and Latin runs of a
mixed text each go to their own side, because misaki takes Latin letters for phonemes and espeak spells Han out. What
neither can read (kana, rare Han) is left out and named in `parameters["unspoken"]`. Text past the 510 phonemes of the
model is cut at a sentence's end. The graph has no random nodes: the same input gives the same bits on the same kind of
CPU, whatever the threads. A voice "a+b:0.4" is the styles of two, mixed in a straight line; it has the accent of the
nearer one. It leaves out: breath, events, emotion.
"""

from __future__ import annotations

import functools
import os
import re
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from persona_forge.core.errors import EngineError, Misuse, Permanent
from persona_forge.core.ports import Delivery, Samples, Spoken, VoiceCard
from persona_forge.engines import weights
from persona_forge.engines.spoken_text import readable, runs, speakable, split
from persona_forge.engines.waveform import amplified, checked, with_pauses

RATE = 24_000
LIMIT = 510
"""Phonemes at once."""
LEVEL_DB = -7.0
"""Brings the loudest voices, which pass full scale by 2 dB, under it, with room for a gain."""
SPEEDS, SCALES, RANGES = (0.5, 2.0), (0.5, 2.0), (0.0, 3.0)
"""What still sounds like speech. A request outside comes back as not obeyed: a speed moved to the border, pitch left
alone, for whoever can move it."""
CREAKY = frozenset({"bm_lewis"})
"""Voices that the decoder lets creak at a pitch of its own, whatever the curve: in four frames of ten, where others
follow it in nine. Their pitch is left alone, too."""
VOICED_HZ = 50.0
"""Lower frames of the curve are slopes into unvoiced sounds; they stay, and no spread frame falls among them."""
F0 = "/encoder/F0_proj/Conv_output_0"
GRAPH = "kokoro.prosody-2.onnx"
"""Another number for another edit."""
DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
"""Long numbers are read digit by digit, as telephone numbers are; misaki would count in hundred millions."""
NEUTRAL = {"en": "The train leaves at nine and arrives before noon.", "zh": "火车九点出发，中午以前到达。"}
ENGLISH = {
    "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
    "am": "adam echo eric fenrir liam michael onyx puck santa",
    "bf": "alice emma isabella lily",
    "bm": "daniel fable george lewis",
}
MANDARIN = {"zf": "xiaobei xiaoni xiaoxiao xiaoyi", "zm": "yunjian yunxi yunxia yunyang"}
"""Names by their maker: accent and gender, then a name. The other 18 voices speak languages not offered here."""


AGES = {"yunxia": "child"}
"""Their maker says no age: all pass for young adults, but for a boy (male at 280 Hz)."""


ACCENTS = {"a": "american", "b": "british"}


def _cards(language: str, families: dict[str, str], lacks: str) -> tuple[VoiceCard, ...]:
    return tuple(
        VoiceCard(
            f"{family}_{name}",
            language,
            "female" if family[1] == "f" else "male",
            AGES.get(name, "young_adult"),
            "Apache-2.0",
            lacks,
            ACCENTS.get(family[0], ""),
        )
        for family, names in families.items()
        for name in names.split()
    )


CARDS = {
    "en": _cards("en", ENGLISH, ""),
    "zh": _cards("zh", MANDARIN, "little Mandarin was in its training"),
}


class Kokoro:
    engine, model, licence = "kokoro", "kokoro-82m-v1.0-int8", "Apache-2.0"
    controls, blends = frozenset({"rate", "f0_scale", "f0_range", "gain_db", "pauses"}), True

    def __init__(self, *, threads: int = 2, say: weights.Say = lambda line: None) -> None:
        """Loads on the first word; `say` hears about weights that must be fetched."""
        self.threads, self.say = threads, say
        self._lock = threading.Lock()
        self._model: _Model | None = None
        self._centres: dict[tuple[Mix, str], float] = {}

    def voices(self, language: str) -> tuple[VoiceCard, ...]:
        return CARDS.get(language, ())

    def speak(self, text: str, *, voice: str, language: str, delivery: Delivery) -> Spoken:
        mix = blend(voice, [card.name for card in self.voices(language)], language)
        if not speakable(text):
            raise Permanent(f"there is nothing to say in {text!r}")
        model = self._loaded()
        controls, lost = self._controls(model, mix, language, delivery)
        unspoken: set[str] = set()

        def speak(piece: str) -> Samples:
            phonemes, left_out = model.phonemes(piece, language, british=mix.british)
            unspoken.update(left_out)
            parts = [model.run(part, mix, controls)[0] for part in split(phonemes, LIMIT)]
            return np.concatenate(parts) if parts else np.zeros(0, np.float32)

        raw = checked(with_pauses(text, delivery.pauses, RATE, speakable, speak), "kokoro")
        samples, obeyed = amplified(raw, LEVEL_DB + delivery.gain_db)
        if not obeyed:
            lost |= {"gain_db"}
        parameters: dict[str, Any] = {**controls.as_json(), "gain_db": delivery.gain_db}
        if unspoken:
            parameters["unspoken"] = "".join(sorted(unspoken))
        return Spoken(samples, RATE, frozenset(lost), (), parameters)

    def _loaded(self) -> _Model:
        with self._lock:
            if self._model is None:
                self._model = _Model(self.threads, self.say)
            return self._model

    def _controls(self, model: _Model, voice: Mix, language: str, delivery: Delivery) -> tuple[_Controls, set[str]]:
        """What goes into the graph, and what of the delivery does not."""
        speed = min(max(delivery.rate, SPEEDS[0]), SPEEDS[1])
        moved = {voice.first, voice.second}.isdisjoint(CREAKY)
        scale = delivery.f0_scale if moved and SCALES[0] <= delivery.f0_scale <= SCALES[1] else 1.0
        spread = delivery.f0_range if moved and RANGES[0] <= delivery.f0_range <= RANGES[1] else 1.0
        kept = (("rate", speed), ("f0_scale", scale), ("f0_range", spread))
        lost = {name for name, value in kept if value != getattr(delivery, name)}
        center = 0.0 if spread == 1.0 else self._centre(model, voice, language)
        return _Controls(speed, scale, spread, center), lost | (delivery.asks() - self.controls)

    def _centre(self, model: _Model, voice: Mix, language: str) -> float:
        """Median F0 of the voice in Hz on one fixed sentence, so that it depends on nothing said before."""
        if (voice, language) not in self._centres:
            phonemes, _ = model.phonemes(NEUTRAL[language], language, british=voice.british)
            _, f0 = model.run(phonemes, voice, _Controls())
            self._centres[voice, language] = round(float(np.median(f0[f0 > VOICED_HZ])), 1)
        return self._centres[voice, language]


@dataclass(frozen=True, slots=True)
class Mix:
    """A voice, or the way from one to another."""

    first: str
    second: str
    share: float
    """Of the second, 0 to 1."""

    @property
    def british(self) -> bool:
        return (self.first if self.share <= 0.5 else self.second)[0] == "b"


def blend(voice: str, names: Sequence[str], language: str) -> Mix:
    """From a name, or from "a+b:0.4". Raises Misuse where one of the two is no voice of this language."""
    match = re.fullmatch(r"([^+:]+)(?:\+([^+:]+):(0(?:\.\d+)?|1(?:\.0+)?))?", voice)
    if match is None or not {match[1], match[2] or match[1]} <= set(names):
        raise Misuse(f"kokoro has no voice {voice!r} for {language!r}",
                     allowed=f"{', '.join(names)}; or two of them, as in {names[0]}+{names[-1]}:0.4"
                     if names else "en, zh")  # fmt: skip
    return Mix(match[1], match[2] or match[1], float(match[3] or 0))


@dataclass(frozen=True, slots=True)
class _Controls:
    speed: float = 1.0
    f0_scale: float = 1.0
    f0_range: float = 1.0
    f0_center: float = 0.0
    """Hz; at a range of 1 it changes nothing."""

    def as_json(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in ("speed", "f0_scale", "f0_range", "f0_center")}


class _Model:
    """The session, the styles and the phonemes."""

    def __init__(self, threads: int, say: weights.Say) -> None:
        try:
            import onnxruntime
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as error:
            raise EngineError("kokoro is not installed", todo='pip install "persona-forge[local]"') from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not burn a shared core
        graph = edited(weights.pull("kokoro", say))
        self.voices = weights.pull("kokoro-voices", say)
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer()
        self.styles = functools.cache(self._styles)

    def _styles(self, voice: str) -> npt.NDArray[np.float32]:
        """Shape (510, 1, 256): a style for each number of phonemes."""
        return np.fromfile(self.voices / f"{voice}.bin", "<f4").reshape(-1, 1, 256)

    def run(self, phonemes: str, voice: Mix, controls: _Controls) -> tuple[Samples, npt.NDArray[np.float32]]:
        """Samples, and the F0 curve in Hz as it was predicted, near 0 where unvoiced."""
        ids = self.tokenizer.tokenize(phonemes, None)
        feeds = {name: np.array([value], np.float32) for name, value in controls.as_json().items()}
        feeds["tokens"] = np.array([[0, *ids, 0]], np.int64)
        feeds["speed"] = np.array([1, *(controls.speed for _ in ids), 1], np.float32)
        number = max(len(ids) - 1, 0)
        style = self.styles(voice.first)[number]
        if voice.share:
            style = style + np.float32(voice.share) * (self.styles(voice.second)[number] - style)
        feeds["style"] = style
        audio, f0 = self.session.run(["audio", "f0"], feeds)
        return audio.ravel(), f0.ravel()

    def phonemes(self, text: str, language: str, *, british: bool) -> tuple[str, set[str]]:
        """Phonemes of the model's own set, and the letters that had none."""
        text, left_out = readable(text)
        out: list[str] = []
        for side, run in runs(text, language):
            if side == "zh":
                digits = re.sub(r"[0-9]{10,}", lambda m: m[0].translate(DIGITS), run)
                raw = _mandarin()(digits)[0].replace("〇", _mandarin()("零")[0])
            else:
                raw = self.tokenizer.phonemize(run, "en-gb" if british else "en-us")
            left_out.update(c for c in raw if c not in self.tokenizer.vocab and c.isalnum())
            out.append(self.tokenizer.known(raw))
        joined = re.sub(r"\s+", " ", " ".join(out))
        return re.sub(r" (?=[,.!?;:…])", "", joined).strip(), left_out


@functools.cache
def _mandarin() -> Any:
    import jieba
    from misaki.zh import ZHG2P

    jieba.setLogLevel("WARNING")  # it talks on stderr while it loads
    return ZHG2P()


# ---- the graph


def edited(source: Path) -> Path:
    """The graph with its pitch inputs, made once; it appears whole or not at all."""
    target = source.with_name(GRAPH)
    if not target.is_file():
        import onnx

        model = onnx.load(source)
        _splice(model)
        with tempfile.TemporaryDirectory(prefix=".graph-", dir=source.parent) as folder:
            made = Path(folder) / GRAPH
            with made.open("wb") as file:
                file.write(model.SerializeToString())
                file.flush()
                os.fsync(file.fileno())
            made.replace(target)
    return target


def _splice(model: Any) -> None:
    """F0 = f0_scale * (raw where unvoiced, else center + range * (raw - center), at least voiced_hz); and a speed a
    token, by which the graph divides their durations."""
    from onnx import TensorProto, helper, numpy_helper

    graph, node, raw = model.graph, helper.make_node, F0 + "_raw"
    graph.initializer.append(numpy_helper.from_array(np.array([VOICED_HZ], np.float32), "voiced_hz"))
    for name in ("f0_scale", "f0_range", "f0_center"):
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]))
    next(i for i in graph.input if i.name == "speed").type.tensor_type.shape.dim[0].dim_param = "tokens"
    at = next(i for i, n in enumerate(graph.node) if F0 in n.output)
    outputs = graph.node[at].output
    outputs[list(outputs).index(F0)] = raw
    steps = (
        node("Greater", [raw, "voiced_hz"], ["f0_voiced"]),
        node("Sub", [raw, "f0_center"], ["f0_deviation"]),
        node("Mul", ["f0_deviation", "f0_range"], ["f0_wider"]),
        node("Add", ["f0_wider", "f0_center"], ["f0_moved"]),
        node("Max", ["f0_moved", "voiced_hz"], ["f0_held"]),
        node("Where", ["f0_voiced", "f0_held", raw], ["f0_spread"]),
        node("Mul", ["f0_spread", "f0_scale"], [F0]),
    )
    for offset, step in enumerate(steps):
        graph.node.insert(at + 1 + offset, step)
    graph.node.append(node("Identity", [raw], ["f0"]))
    graph.output.append(helper.make_tensor_value_info("f0", TensorProto.FLOAT, None))
