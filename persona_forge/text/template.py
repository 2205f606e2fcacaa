"""Jinja in a sandbox: what a template may see is data, and data is never a template.

Persona prose that carries template syntax stays as it is; a template can reach neither attributes of Python's objects
nor files; an unknown variable is an error and not a blank.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from persona_forge.core.errors import ForgeError


@lru_cache(maxsize=64)
def _template(source: str) -> Template:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    ).from_string(source)


def fill(source: str, values: Mapping[str, Any]) -> str:
    """The template with its values; raises ForgeError if it is broken or asks for what it may not have."""
    try:
        return _template(source).render(values).strip()
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:  # jinja lets some of Python's own through
        raise ForgeError(f"a template cannot be filled: {error}", allowed=", ".join(sorted(values))) from error
