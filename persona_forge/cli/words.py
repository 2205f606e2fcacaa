"""What can be typed: the arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Dir = Annotated[
    str, typer.Argument(help="The folder of a run, or its s3:// or gs:// address.", metavar="DIR", show_default=False)
]
Out = Annotated[
    str,
    typer.Option("--out", help="The run's folder, or s3:// or gs:// address: new, or to go on with.", metavar="DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="For machines: JSON on standard output, and no progress.")]
ConfigFile = Annotated[
    Path | None, typer.Argument(help="A TOML file; without one, the defaults.", metavar="[CONFIG]", show_default=False)
]
Seeds = Annotated[
    list[Path] | None,
    typer.Option("--seeds", help="A file or folder of seeds, instead of the configured ones.", metavar="PATH"),
]
Rows = Annotated[int | None, typer.Option("--rows", help="Persona rows in all.", min=1)]
Dialogues = Annotated[int | None, typer.Option("--dialogues", help="Dialogues in all.", min=0)]
Redo = Annotated[
    list[str] | None,
    typer.Option("--redo", help="Make this stage and all that follows anew; may be repeated.", metavar="STAGE"),
]
