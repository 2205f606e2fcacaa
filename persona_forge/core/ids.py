"""Names made from content: the same input has the same id on every machine, in every run, in any order.

blake2b throughout; parts are joined with a length in front, so that ("ab", "c") and ("a", "bc") differ.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any


def _absorb(parts: tuple[str | bytes, ...], size: int) -> bytes:
    h = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        h.update(len(raw).to_bytes(8, "little"))
        h.update(raw)
    return h.digest()


def digest(*parts: str | bytes) -> str:
    """A 128-bit id as 32 hex digits."""
    return _absorb(parts, 16).hex()


def key64(*parts: str | bytes) -> int:
    """An unsigned 64-bit number: the key of a keyed random stream, or a sorting key that mixes well."""
    return int.from_bytes(_absorb(parts, 8), "little")


def unit(*parts: str | bytes) -> float:
    """A number in [0, 1) with 53 random bits, drawn from content."""
    return (key64(*parts) >> 11) / (1 << 53)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare space: equal values have equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
