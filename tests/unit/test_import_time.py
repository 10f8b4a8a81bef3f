"""What the plugin adds to the start of every pytest, also of those that use none of it."""

from __future__ import annotations

import re
import subprocess
import sys

RUNS = 3
CODE = "import sys, pytest; before = set(sys.modules); import pytest_resilience.plugin; print(*{*sys.modules} - before)"
OURS = "pytest_resilience"
# pytest's own import takes 0.1 s and more, so that this is far below the 50 ms that it is to stay under.
SHARE = 0.25


def one_start() -> tuple[float, float, set[str]]:
    """Return what pytest's import took and what the plugin's added, in seconds, and the modules that it added."""
    argv = [sys.executable, "-X", "importtime", "-c", CODE]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    took = {name: int(us) / 1e6 for us, name in re.findall(r"\| +(\d+) \| ([\w.]+)$", done.stderr, re.MULTILINE)}
    return took["pytest"], took[f"{OURS}.plugin"], set(done.stdout.split())


def test_it_adds_little_to_the_import_of_pytest() -> None:
    # Both are taken in the same process, so that a slow machine is slow in both; the least of a few is what
    # the code costs, and the others what else the machine did.
    starts = [one_start() for _ in range(RUNS)]
    assert min(plugin / pytest for pytest, plugin, _ in starts) < SHARE, starts


def test_it_loads_a_score_of_modules_of_its_own_and_nobody_elses() -> None:
    _, _, added = one_start()
    ours = {name for name in added if name.partition(".")[0] == OURS}
    assert len(ours) <= 20, sorted(ours)
    # `pytest_resilience.links` and the like would come with all they need.
    assert not {name.partition(".")[0] for name in added - ours} - set(sys.stdlib_module_names)
