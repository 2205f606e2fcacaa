"""Text that is read as it stands: without anything in it that looks like a tag of ours."""

from __future__ import annotations

import re

from persona_forge.text.tags import NAMES

_TAG = re.compile(rf"\{{(?:{'|'.join(sorted(NAMES))})(?::\d+(?:\.\d+)?(?:e-?\d+)?)?\}}")


def untagged(text: str) -> str:
    """The text without internal tags, also none that taking one out would leave; other braces stay."""
    found = 1
    while found:
        text, found = _TAG.subn("", text)
    return text
