"""persona_forge grows authored persona seeds into training data for voice models that stay in character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from persona_forge.dataset.loader import Rows
    from persona_forge.loading import load, query

__version__ = "0.1.0"
__all__ = ["Rows", "__version__", "load", "query"]


def __getattr__(name: str) -> Any:
    """What is public is imported when it is asked for, so that `import persona_forge` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from persona_forge import loading

    return getattr(loading, name)


def __dir__() -> list[str]:
    return __all__
