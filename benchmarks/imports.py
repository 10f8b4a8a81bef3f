"""What the plugin costs a pytest that uses none of it, in milliseconds.

    python benchmarks/imports.py [times]

Prints the median and the slowest of each.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

TIMES: dict[str, list[float]] = defaultdict(list)
IMPORT = "import pytest, pytest_resilience.plugin"


def measure_imports() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", IMPORT], capture_output=True, text=True, check=True
    )
    lines = re.findall(r"\| +(\d+) \| ([\w.]+)$", done.stderr, re.MULTILINE)
    took = {name: int(us) / 1000 for us, name in lines}
    for name in ("pytest", "pytest_resilience.plugin"):
        TIMES[f"import of {name}"].append(took[name])


def measure_run(folder: Path, what: str, *options: str) -> None:
    began = time.perf_counter()
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    subprocess.run(argv, cwd=folder, capture_output=True, check=True)
    TIMES[f"a run of one empty test, {what}"].append((time.perf_counter() - began) * 1000)


def main(times: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text("def test_nothing(): pass\n")
        for _ in range(times):
            measure_imports()
            measure_run(folder, "without the plugin", "-p", "no:resilience")
            measure_run(folder, "backend=process", "--resilience-backend=process")
            measure_run(folder, "backend=auto")
    for what, took in TIMES.items():
        print(f"{what:46} {statistics.median(took):7.1f} ms, slowest {max(took):7.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
