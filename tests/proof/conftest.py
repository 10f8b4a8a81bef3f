"""The proof is run when it is asked for, and ends with the matrix of what was caught."""

from __future__ import annotations

from pathlib import Path

import pytest
from clinic.bugs import BUGS
from matrix import matrix

HERE = Path(__file__).parent
LONG = "test_scenarios_catch_bugs.py"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what takes minutes, unless it or this directory was named on the command line."""
    if collection_path.name != LONG:
        return None
    named = (config.invocation_params.dir / arg.partition("::")[0] for arg in config.args)
    return None if any(path.resolve() in (HERE, HERE / LONG) for path in named) else True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix."""
    reports = [report for each in ("passed", "failed", "skipped") for report in terminalreporter.getreports(each)]
    said = [value for report in reports for name, value in report.user_properties if name == "proof"]
    if said:
        terminalreporter.section("the proof: scenarios x bugs")
        for line in matrix({(scenario, bug): word for scenario, bug, word in said}, BUGS):
            terminalreporter.line(line)
