"""What a clone has beside the package, a wheel has inside it: flows, seeds, schemas and notebooks.

Only a real wheel gets the copies. In an editable install they would go stale, and the clone is there anyway.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BESIDE = ("flows", "seeds", "schemas", "notebooks")


class BesideThePackage(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            folders = {str(Path(self.root, name)): f"persona_forge/_beside/{name}" for name in BESIDE}
            build_data["force_include"].update({k: v for k, v in folders.items() if Path(k).is_dir()})
