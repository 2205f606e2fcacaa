"""What a persona is called: 16 bytes made from its seed and its visible traits.

Two 64-bit lanes. Each is the sum of a constant of the seed and one of every "dimension=value", then mixed; so it does
not depend on the order of dimensions, costs two additions a trait, and `persona_id` makes the same in plain Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from persona_forge.space.compile import Space

Ids = npt.NDArray[np.uint64]
Begins = npt.NDArray[np.int64]


def lanes(text: str) -> tuple[int, int]:
    """The two constants of a seed or of "dimension=value"."""
    raw = hashlib.blake2b(text.encode(), digest_size=16, person=b"persona-forge-id").digest()
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")


def persona_id(seed_id: str, traits: Mapping[str, str]) -> bytes:
    """The 16 bytes that name a persona: its seed, and its visible traits in any order."""
    pairs = [lanes(f"seed {seed_id}"), *(lanes(f"{name}={value}") for name, value in traits.items())]
    a, b = (sum(lane) % 2**64 for lane in zip(*pairs, strict=True))
    first = _mixed(a)
    return first.to_bytes(8, "little") + _mixed(b ^ first).to_bytes(8, "little")


def _mixed(x: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@njit(cache=True, inline="always")
def mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def constants_of(space: Space) -> tuple[Ids, Begins]:
    """The constants of all values, [begin of dimension + code, lane], and where each dimension begins."""
    if space.id_constants is None:
        pairs = [lanes(f"{name}={value}") for name in space.names for value in space.values[name]]
        sizes = [len(space.values[name]) for name in space.names]
        space.id_constants = np.array(pairs, np.uint64), np.cumsum([0, *sizes[:-1]]).astype(np.int64)
    return space.id_constants


@njit(cache=True)
def sign_rows(codes: Any, ids: Any, first: int, count: int, shown: Any, constants: Any, begins: Any, base: Any) -> None:
    """Writes the ids of rows first … first + count - 1, from `base` and the constants of what the rows `shown` hold."""
    a, b = np.full(count, base[0], np.uint64), np.full(count, base[1], np.uint64)
    for d in shown:
        row, own = codes[d, first : first + count], constants[begins[d] :]
        for i in range(count):
            code = np.uint64(row[i])
            a[i] += own[code, 0]
            b[i] += own[code, 1]
    out = ids[first : first + count]
    for i in range(count):
        out[i, 0] = mix(a[i])
        out[i, 1] = mix(b[i] ^ out[i, 0])


def seed_lanes(seed_id: str) -> Ids:
    return np.array(lanes(f"seed {seed_id}"), np.uint64)
