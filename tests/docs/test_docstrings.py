"""The examples in docstrings say what the code answers."""

from __future__ import annotations

import doctest
import importlib

import pytest
from blocks import ROOT

SOURCE = ROOT / "src"
MODULES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_module_hold(name: str) -> None:
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted and not done.failed


def test_there_are_examples() -> None:
    assert {"pytest_resilience.timeline", "pytest_resilience.load.profile"} <= {*MODULES}
