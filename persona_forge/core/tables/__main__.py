"""Writes schemas/<table>.v<version>.json for every table: `python -m persona_forge.core.tables DIR`.

A file that is there already is never changed: a table that differs from it needs a higher version first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from persona_forge.core.errors import ForgeError, Misuse
from persona_forge.core.tables import TABLES, Table
from persona_forge.core.tables.schema import category


def described(table: Table) -> str:
    """The text of a table's schema file."""
    content: dict[str, Any] = table.json()
    if table.name == "personas":
        content["dimension_columns"] = {
            "type": str(category),
            "nullable": True,
            "description": "Between `language` and `origin`, one for each dimension of the run's ontology, which is "
            "sealed with the run: one of its values; null where the seed withholds it.",
        }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path, tables: Iterable[Table] = tuple(TABLES.values())) -> list[Path]:
    """The files that were new; raises Misuse for a table that has changed under the same version."""
    texts = {folder / f"{t.name}.v{t.version}.json": described(t) for t in tables}
    new = [path for path in texts if not path.exists()]
    if changed := [p.name for p in texts if p not in new and p.read_text(encoding="utf-8") != texts[p]]:
        raise Misuse(f"tables have changed, and their versions have not: {', '.join(changed)}",
                     todo="raise the version of each in persona_forge/core/tables, then run this again")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for path in new:
        path.write_text(texts[path], encoding="utf-8")
    return new


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) != 1:
            raise Misuse(f"{len(arguments)} arguments", allowed="python -m persona_forge.core.tables DIR")
        for path in write(Path(arguments[0])):
            sys.stdout.write(f"{path}\n")
    except ForgeError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
