"""One spelling for what looks the same: NFC, half-width letters and digits, single spaces, no invisible characters.

Chinese punctuation keeps its width: it is right as it stands.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_FULL_WIDTH = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SPACES = re.compile(r"[ \t\u00a0\u3000]+")
_LINES = re.compile(r"\s*\n\s*")


def normalise(text: str) -> str:
    """Also drops control characters and direction overrides; idempotent."""
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_FULL_WIDTH)
    text = unicodedata.normalize("NFC", text)
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()
