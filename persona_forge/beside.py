"""Where flows, seeds, schemas and notebooks are: beside the package in a clone, inside it in a wheel."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from persona_forge.core.errors import StorageError


def beside(*parts: str) -> Path:
    """A file or folder that belongs to the project and not to the package, e.g. beside("seeds", "traits.toml")."""
    package = Path(__file__).resolve().parent
    for root in (package / "_beside", package.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise StorageError(f"{'/'.join(parts)} is missing from this installation", todo="install persona-forge again")


def flow(module: str) -> ModuleType:
    """A module of flows/, wherever that is."""
    if "flows" not in sys.modules:
        folder = beside("flows")
        spec = importlib.util.spec_from_file_location(
            "flows", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        assert spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules["flows"] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"flows.{module}")
