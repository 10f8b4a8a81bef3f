"""Scenarios: the test functions of tests/chaos, tests/load and tests/stress, and the bugs that each says it catches.

They are read, not imported: which pairs there are is known in milliseconds, in every process of a run alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDERS = ("chaos", "load", "stress")


@dataclass(frozen=True)
class Pair:
    """A scenario, a bug, and the assertion that is to find it.

    :ivar scenario: such as `chaos/test_cache_hung.py::test_a_hung_cache_does_not_hang_its_readers`.
    :ivar words: of which some must be in the assertion that fails.
    :ivar case: of a parametrised scenario, the one that finds it; empty where each may.
    """

    scenario: str
    bug: str
    words: tuple[str, ...]
    case: str = ""

    @property
    def node(self) -> str:
        """What pytest is told to run, from the root of the project."""
        return f"tests/{self.scenario}" + (f"[{self.case}]" if self.case else "")

    @property
    def id(self) -> str:
        """The pair in a word, with the bug first."""
        file, _, name = self.scenario.partition("::")
        return f"{self.bug}@{Path(file).stem}-{name}"


@dataclass(frozen=True)
class Scenario:
    """A test function and its pairs, in the order of its marks."""

    name: str
    pairs: tuple[Pair, ...]


def scenarios(root: Path = TESTS) -> list[Scenario]:
    """Return all of them, by file and line."""
    paths = (path for folder in FOLDERS for path in sorted((root / folder).glob("test_*.py")))
    return [each for path in paths for each in read(path.read_text(), path.relative_to(root).as_posix())]


def read(source: str, file: str) -> Iterator[Scenario]:
    """Yield the scenarios of one file."""
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            name = f"{file}::{node.name}"
            yield Scenario(name, tuple(pair for mark in node.decorator_list for pair in _pairs(mark, name)))


def _pairs(mark: ast.expr, scenario: str) -> Iterator[Pair]:
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.catches":
        return
    said = {each.arg: ast.literal_eval(each.value) for each in mark.keywords}
    words = said["by"]
    for bug in mark.args:
        yield Pair(
            scenario,
            ast.literal_eval(bug),
            words=(words,) if isinstance(words, str) else tuple(words),
            case=said.get("case", ""),
        )


def unproven(found: list[Scenario]) -> list[str]:
    """Return the names of the scenarios that say of no bug that they catch it."""
    return [scenario.name for scenario in found if not scenario.pairs]
