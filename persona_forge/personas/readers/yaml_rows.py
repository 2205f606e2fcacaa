"""YAML: documents that are rows or lists of rows. It is read whole, and slowly; JSON lines are better for many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persona_forge.personas.readers.lines import not_utf8
from persona_forge.personas.readers.record import Record, row_record, unread

LARGEST = 16 << 20
"""Bytes."""
MOST_NODES = 100_000
"""Values in one document: each takes a kilobyte while it is read."""


def yaml_rows(path: Path) -> Iterator[Record]:
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """Without aliases: a short one may stand for gigabytes."""

        nodes = 0

        def compose_document(self) -> Any:
            self.nodes = 0
            return super().compose_document()

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError(f"{self.peek_event().start_mark}: aliases are not read, write the text out")
            self.nodes += 1
            if self.nodes > MOST_NODES:
                raise yaml.YAMLError(f"a document of more than {MOST_NODES} values is not read, write JSON lines")
            return super().compose_node(parent, index)

    number = 0
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"a YAML file of {size} bytes is not read, write it as JSON lines")
        for document in yaml.load_all(path.read_text(encoding="utf-8-sig"), Plain):
            for row in document if isinstance(document, list) else [document]:
                if row is not None:
                    number += 1
                    yield row_record(path, f"{path.name}#{number}", row)
    except UnicodeDecodeError as error:
        yield unread(path, path.name, not_utf8(error))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield unread(path, f"{path.name}#{number + 1}", " ".join(str(error).split()))
