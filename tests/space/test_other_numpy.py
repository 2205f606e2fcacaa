"""The same rows under another numpy: OTHER_PYTHON names an interpreter with numba, polars and a numpy of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import hashlib, sys
import numpy as np
from persona_forge.space.compile import compile_space
from persona_forge.space.ontology import read_ontology
from persona_forge.space.sample import draw, traits_of
space = compile_space(read_ontology(open("seeds/traits.toml", encoding="utf-8").read(), "seeds/traits.toml"))
made = hashlib.sha256()
for language in ("en", "zh"):
    codes, _ = draw(whole := space.given({}, (), language), 1, "pins", 0, 40)
    for row in range(codes.shape[1]):
        traits = traits_of(whole, codes, row)
        some, most = dict(list(traits.items())[row % 9 :: 9]), dict(list(traits.items())[2:])
        for pins, withheld in ((some, ["pet"] if "pet" not in some else []), (most, [])):  # one draws, one lists
            law = space.given(pins, withheld, language)
            for array in draw(law, 7, f"seed {row}", 0, 2000):
                made.update(np.ascontiguousarray(array).tobytes())
print(np.__version__, made.hexdigest())
"""


def said(python: str) -> tuple[str, str]:
    """The version of numpy that an interpreter has, and a digest of the rows and ids that it draws."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([python, "-c", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    version, digest = done.stdout.split()
    return version, digest


@pytest.mark.skipif("OTHER_PYTHON" not in os.environ, reason="OTHER_PYTHON names no interpreter with another numpy")
def test_rows_and_ids_are_the_same_under_another_numpy() -> None:
    (ours, rows), (theirs, same) = said(sys.executable), said(os.environ["OTHER_PYTHON"])
    assert ours != theirs
    assert rows == same
