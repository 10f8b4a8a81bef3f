"""What a report tells of the services of a test: what they used, which errors they wrote, and which are new."""

from __future__ import annotations

import json

import pytest

SCENARIO = """
    import re, sys
    import pytest
    from pytest_resilience import wait_until
    from pytest_resilience.fixtures import STORY

    PROGRAM = "import sys, time; print('ERROR job 17 was lost', file=sys.stderr, flush=True); time.sleep(60)"

    @pytest.mark.chaos
    def test_it(service, request):
        one = service(sys.executable, "-c", PROGRAM, port=False, ready=re.compile("ERROR"))
        witness = request.node.stash[STORY].witness
        wait_until(lambda: any(use.memory for used in witness.used for use in used.uses), within=30)
        with one.killed():
            pass
"""


def test_it_tells_of_usage_and_errors_and_points_new_ones_out(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")
    pytester.makepyfile(SCENARIO)
    result = pytester.runpytest_subprocess("--resilience-report=out")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*new kinds of errors*")
    (test,) = json.loads((pytester.path / "out" / "report.json").read_text())["tests"]
    (used,) = test["used"]
    assert used["name"] == "service"
    assert max(use["memory"] or 0 for use in used["uses"]) > 1_000_000
    (group,) = test["groups"]
    assert (group["source"], group["text"], group["example"]) == ("service", "ERROR job <n> was lost",
                                                                  "ERROR job 17 was lost")  # fmt: skip
    assert group["when"] == {"before": 1, "during service.killed": 1}  # the second is written as it is started again
    assert group["new"] is None

    pytester.makepyfile(SCENARIO.replace("ERROR job 17", "FATAL: job 18").replace('"ERROR"', '"FATAL"'))
    result = pytester.runpytest_subprocess("--resilience-report=out")
    result.stdout.fnmatch_lines(["resilience report: new kinds of errors of services: 1"])
    (test,) = json.loads((pytester.path / "out" / "report.json").read_text())["tests"]
    assert [(one["text"], one["new"]) for one in test["groups"]] == [("FATAL: job <n> was lost", True)]
