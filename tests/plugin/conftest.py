"""Inner runs: in this process, which know of our plugin and pytest-xdist alone, and processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from deaths import Inner, Start, stop_all


@pytest.fixture(autouse=True)
def _inner_options(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:asyncio -p no:cacheprovider")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a pytest over one file in a process of its own; what a failed test leaves of it is ended."""
    runs: list[Inner] = []

    def begin(source: str, *options: str, needs: tuple[str, ...] = (), **env: str) -> Inner:
        runs.append(Inner(tmp_path / f"run-{len(runs)}", source, *options, needs=needs, **env))
        return runs[-1]

    yield begin
    for run in runs:
        stop_all(run)
