"""One spelling for what looks the same: NFC, half-width letters and digits, single spaces, no invisible characters.

Chinese punctuation keeps its width: it is right as it stands. Radicals that stand for a character, as copying out of a
PDF leaves them, become that character. A joiner within an emoji is lost too: the emoji falls into its parts.
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f]")
_HIDDEN = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    r"\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
"""Marks of direction (override and isolate among them), zero width, fillers, tags; and half a character."""
_SYMBOLS = "＃＄％＆＊＋－／＜＝＞＠＼＾＿｜"
_WIDTH = {
    **{c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))},
    **{ord(c): ord(c) - 0xFEE0 for c in _SYMBOLS},
    **{c: unicodedata.normalize("NFKC", chr(c)) for c in range(0x2F00, 0x2FD6)},
}
_SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u205f\u3000]+")
_LINES = re.compile(r"\s*\n\s*")


def normalise(text: str) -> str:
    """Also drops control characters and direction overrides; idempotent."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = unicodedata.normalize("NFC", _HIDDEN.sub("", _CONTROL.sub("", text)).translate(_WIDTH))
    return _LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def hidden(text: str) -> list[str]:
    """The characters of a text that nobody sees and that can change what is read, by their code points."""
    return sorted({f"U+{ord(c):04X}" for c in _HIDDEN.findall(text)})
