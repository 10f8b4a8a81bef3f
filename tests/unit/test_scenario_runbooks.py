"""Every scenario that breaks something says which failure it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def scenarios(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Each test of a folder, with its markers."""
    for path in sorted((TESTS / folder).glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{path.name}::{node.name}", [ast.unparse(each) for each in node.decorator_list]


@pytest.mark.parametrize("folder", ["chaos", "stress"])
def test_each_scenario_has_its_failure_mode(folder: str) -> None:
    found = dict(scenarios(folder))
    assert len(found) > 10
    assert not [name for name, marks in found.items() if not any("failure_mode(" in mark for mark in marks)]
