"""PersonaChat's own text: numbered lines, "1 your persona: i like to ski.", and then the dialogue.

Each speaker's sentences make a record of their own; the dialogue that follows them is no persona, and passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from persona_forge.personas.readers.lines import lines, text_of
from persona_forge.personas.readers.record import Record, row_record, unread

LINE = re.compile(r"(\d+) (your|partner's) persona: (.*)")
MOST_SENTENCES = 100
"""In one persona."""


def personachat(path: Path) -> Iterator[Record]:
    sentences: list[str] = []
    where, before = "", (0, "")
    for place, (line, size) in enumerate(lines(path), 1):
        try:
            found = LINE.match(text_of(line, size))
        except ValueError as error:
            yield unread(path, f"{path.name}:{place}", str(error), line)
            continue
        number, speaker = (int(found[1][:9]), found[2]) if found else (0, "")
        if sentences and (speaker != before[1] or number <= before[0] or len(sentences) == MOST_SENTENCES):
            yield row_record(path, where, {"sentences": sentences})
            sentences = []
        if found:
            where = where if sentences else f"{path.name}:{place}"
            sentences.append(found[3].strip())
        before = number, speaker
    if sentences:
        yield row_record(path, where, {"sentences": sentences})
