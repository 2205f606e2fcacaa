from __future__ import annotations

import numpy as np
import pytest

from persona_forge.space.philox import block, fill

PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
ONES = (0xFFFFFFFF,) * 6


@pytest.mark.parametrize(
    ("counter_and_key", "answer"),
    [  # Random123's kat_vectors, philox4x32 with 10 rounds
        ((0,) * 6, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (ONES, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (PI, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_the_published_known_answers_come_out(counter_and_key: tuple[int, ...], answer: tuple[int, ...]) -> None:
    assert block(*counter_and_key) == answer


def test_a_filled_tile_is_the_blocks_of_its_rows() -> None:
    words = np.zeros((4, 8), np.uint32)
    key, first = (7 << 32) | 5, (3 << 32) - 2  # the row number passes from one word of the counter into the next
    fill(words, first, 4, 11, 2, np.uint64(key))
    for i in range(4):
        row = first + i
        assert tuple(words[:, i]) == block(row & 0xFFFFFFFF, row >> 32, 11, 2, 5, 7)
    assert not words[:, 4:].any()
