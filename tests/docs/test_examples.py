"""Every example of the documentation runs, as its reader would run it, on the embedded backend."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import ROOT, SURROUNDINGS, Block, python_blocks

HERE = Path(__file__).parent
BLOCKS = python_blocks()
FIRST, *OTHERS = BLOCKS
UNRUN = [block for block in BLOCKS if block.unrun]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--resilience-backend=process", *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("block", [block for block in OTHERS if not block.unrun], ids=str)
def test_the_example_passes(block: Block, tmp_path: Path) -> None:
    program = block.program()
    (tmp_path / "test_example.py").write_text(program)
    if block.where:  # it speaks of the clinic, as the project's own scenarios do
        shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
        shutil.copy(ROOT / "tests" / "harness.py", tmp_path)
        (tmp_path / "app").symlink_to(ROOT / "tests" / "app")
    if '"shop"' in program:
        shutil.copy(HERE / "shop.py", tmp_path)
    done = run(tmp_path, "test_example.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"=+ \d+ passed in", done.stdout), done.stdout


def test_the_first_scenario_is_run_by_the_command_that_the_readme_names(tmp_path: Path) -> None:
    assert FIRST.page == "README.md" and FIRST.program() == FIRST.text
    (tmp_path / "test_first.py").write_text(FIRST.text)
    done = run(tmp_path, "-m", "chaos")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert re.search(r"PASSED test_first\.py::test_\w+: service\.killed", done.stdout)
    done = run(tmp_path, "-m", "chaos", "--collect-only", "-q", "--strict-markers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["test_first.py"]


def test_nearly_every_example_is_run() -> None:
    assert len(BLOCKS) > 10
    assert len(UNRUN) <= 0.1 * len(BLOCKS), [f"{block}: {block.unrun}" for block in UNRUN]


def test_every_surrounding_is_used() -> None:
    there = {path.name.removesuffix(".py.in") for path in SURROUNDINGS.iterdir()}
    assert there == {block.where for block in BLOCKS} - {""}


def test_what_is_not_run_is_python_at_least_and_imports_what_is_there() -> None:
    for block in UNRUN:
        tree = ast.parse(block.text, str(block))
        taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        for node in taken:
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), block
