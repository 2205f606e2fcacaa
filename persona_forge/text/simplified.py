"""Chinese in simplified characters, by OpenCC, which goes by words: 乾 in 乾燥 is 干, in 乾坤 it stays."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, which is no text for OpenCC."""


def simplified(text: str) -> str:
    """Letter for letter, so that every place stays the same; half a character becomes U+FFFD."""
    text = _HALF.sub("\ufffd", text)
    plain: str = _opencc().convert(text)
    return plain if len(plain) == len(text) else "".join(map(_opencc().convert, text))


@cache
def _opencc() -> Any:
    import opencc

    return opencc.OpenCC("t2s")
