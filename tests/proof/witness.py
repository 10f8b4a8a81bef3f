"""Witness: what the inner pytest says of the scenario, loaded there with `-p witness`.

A line of JSON for each test that did not simply pass: how it ended, and, where it failed, the last of its own lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

PLACE = "PROOF_WITNESS"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.passed and report.when != "call":
        return report
    own = [entry for entry in (call.excinfo.traceback if call.excinfo else ()) if Path(entry.path) == item.path]
    said = {
        "test": item.nodeid,
        "when": report.when,
        "outcome": report.outcome,
        "raised": call.excinfo.typename if call.excinfo else "",
        "statement": str(own[-1].statement) if own else "",
        "line": own[-1].lineno + 1 if own else 0,
        "in_scenario": bool(own) and call.excinfo is not None and call.excinfo.traceback[-1] is own[-1],
        "message": str(call.excinfo.value) if call.excinfo else "",
    }
    with Path(os.environ[PLACE]).open("a") as file:
        file.write(json.dumps(said) + "\n")
    return report
