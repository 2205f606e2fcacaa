"""The certificate of 1 and 10 million personas of the bundled seeds: CPU seconds and peak memory.

    python tests/benchmarks/certificate.py [ROWS ...]

Each run is expanded into a temporary folder (its time is not counted) and certified in a process of its own, all
modules' import included. To reach: 10 million rows in 30 CPU seconds and 2 GB (1.86 GiB).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

CERTIFY = """
import json, resource, sys
from pathlib import Path
from persona_forge.dataset.certificate import certify
from persona_forge.dataset.folder import Folder

certificate = certify(Folder(Path(sys.argv[1])))
assert certificate.sound
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "cpu": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 2**20,
    "languages": [[c.language, c.combinations, c.witnessed, c.ruled_out, c.unpermitted, len(c.holes)]
                  for c in certificate.coverage],
}))
"""


def main(sizes: list[int]) -> None:
    print(f"{'rows':>12} {'CPU s':>7} {'peak GiB':>8}  language: pairs, in a row, cannot be, not permitted, holes")
    for rows in sizes:
        with tempfile.TemporaryDirectory() as root:
            forge = Path(sys.executable).with_name("persona-forge")
            out = str(Path(root) / "run")
            subprocess.run([forge, "expand", "--rows", str(rows), "--out", out], check=True, capture_output=True)
            done = subprocess.run([sys.executable, "-c", CERTIFY, out], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        said = "; ".join(f"{name}: {', '.join(f'{n:,}' for n in counts)}" for name, *counts in found["languages"])
        print(f"{rows:>12,} {found['cpu']:>7.1f} {found['rss']:>8.2f}  {said}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000_000, 10_000_000])
