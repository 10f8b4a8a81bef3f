"""The house holds: imports point down, importing costs nothing, and no file grows too large."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pytest_resilience"
FLOORS = {
    "errors": 1, "timeline": 1, "janitor": 1,
    "measure": 2, "consistency": 2, "faults": 2, "option": 2, "options": 2, "replacing": 2, "tail": 2,
    "waiting": 2,
    "load": 3, "report": 3, "links": 3, "hogs": 3, "services": 3, "soak": 3,
    "fixtures": 4, "header": 4, "plugin": 5, "reporting": 5, "comparing": 5, "soaking": 5, "command": 5,
}  # fmt: skip
HEAVY = {
    "testcontainers", "docker", "locust", "gevent", "redis", "psycopg", "psutil", "cloudpickle", "httptools",
    "hypothesis",
}  # fmt: skip


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """All modules that the file imports, with the names it takes from packages."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # a program that may be started by its path has no other way to name its own files
                assert node.level == 1 and "links/server" in path.as_posix(), f"{path}: relative import"
                continue
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
            found.add(node.module or "")
    return found


def rooms_of(path: Path) -> set[str]:
    parts = (name.split(".") for name in imports(path) if name.startswith("pytest_resilience."))
    return {part[1] for part in parts if part[1] in FLOORS}


FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_down(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        return  # re-exports lazily; what it loads is tested below
    here = room(path)
    assert here in FLOORS, f"{here}: give it a floor"
    for other in rooms_of(path) - {here}:
        # The first two floors are each ordered within themselves: errors < timeline < janitor, and so on.
        limit = FLOORS[here] if FLOORS[here] <= 2 else FLOORS[here] - 1
        assert FLOORS[other] <= limit, f"{path} on floor {FLOORS[here]} imports {other} on floor {FLOORS[other]}"


def test_no_two_rooms_import_each_other() -> None:
    edges = {(room(path), other) for path in FILES if path.parent != PACKAGE or path.stem in FLOORS
             for other in rooms_of(path) if other != room(path)}  # fmt: skip
    assert not {(a, b) for a, b in edges if (b, a) in edges}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_each_library_is_imported_where_it_belongs(path: Path) -> None:
    top = {name.split(".")[0] for name in imports(path)}
    name = str(path.relative_to(PACKAGE))
    assert "pytest" not in top or room(path) in {"plugin", "fixtures", "reporting", "comparing", "soaking"}
    assert "testcontainers" not in top or name == "services/container.py"
    assert "locust" not in top or name.startswith("load/driver/locust")
    assert "pytest_resilience" not in top or not name.startswith("links/server")


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.name)
def test_no_test_imports_locust_which_patches_the_whole_process(path: Path) -> None:
    assert not {"locust", "gevent"} & {name.split(".")[0] for name in imports(path)}
    assert not re.search(r"importorskip\(.(locust|gevent)", path.read_text())


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_library_code_never_asserts(path: Path) -> None:
    assert not [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize(
    "path",
    [path for top in ("src", "tests", "benchmarks", ".ci") for path in sorted((ROOT / top).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_file_is_over_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("folder", ["chaos", "stress"])
def test_each_scenario_says_which_failure_it_stands_for(folder: str) -> None:
    found = {
        f"{path.name}::{node.name}": [ast.unparse(each) for each in node.decorator_list]
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    assert len(found) > 10
    mute = [name for name, marks in found.items() if not any("failure_mode(" in mark for mark in marks)]
    assert not mute, "give them @pytest.mark.failure_mode(...), see docs/runbooks.md"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_starts_nothing_and_loads_nothing_heavy() -> None:
    loaded = run(
        "import sys, threading, pytest_resilience, pytest_resilience.plugin, pytest_resilience.fixtures\n"
        "assert threading.active_count() == 1\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    assert not HEAVY & set(loaded.split())


def test_everything_public_can_be_imported_and_is_typed() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    typed = {alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    public = run("import pytest_resilience as p; [getattr(p, name) for name in p.__all__]; print(*p.__all__)").split()
    assert set(public) == typed - {None}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import pytest_resilience

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pytest_resilience.nonsense  # type: ignore[attr-defined]
