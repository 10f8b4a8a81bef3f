"""The scenarios can be run in each of their sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("size", ["quick", "standard", "full"])
def test_the_scenarios_are_found_in_each_size(size: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/load", "tests/stress", "--collect-only", "-q", "-pno:cacheprovider",
         "--resilience-backend=process", f"--resilience-size={size}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
