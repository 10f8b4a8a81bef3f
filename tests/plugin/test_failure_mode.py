"""The marker `failure_mode`, from the command line to the runbook."""

from __future__ import annotations

import json

import pytest

MARKED = """
    import pytest
    from pytest_resilience import Breakage, Receipt, fault

    pytestmark = pytest.mark.failure_mode("It breaks", symptom="a", detection="b", mitigation=["c", "d"])

    @fault
    def broken() -> Breakage:
        yield Receipt(parts=1)

    @pytest.mark.chaos
    def test_broken(load):
        with load(lambda: 1, rate=100) as run:
            run.hold(0.2)
            with broken():
                run.hold(0.2)
"""
MUTE = """
    import pytest

    @pytest.mark.failure_mode("It breaks", symptom="a")
    def test_mute():
        pass
"""


@pytest.fixture(autouse=True)
def _process(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "with a worker"])
def test_a_marked_scenario_gets_its_runbook(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    pytester.makepyfile(MARKED)
    pytester.runpytest_subprocess("--resilience-report=out", "--strict-markers", *workers).assert_outcomes(passed=1)
    (test,) = json.loads((pytester.path / "out" / "report.json").read_text())["tests"]
    assert [(mode["title"], mode["mitigation"]) for mode in test["modes"]] == [("It breaks", ["c", "d"])]
    (impact,) = test["impacts"]
    assert (impact["fault"], impact["noticed"]) == ("broken", None)
    assert impact["during"]["outcomes"].keys() == {"ok"}
    text = (pytester.path / "out" / "runbooks" / "it-breaks.md").read_text()
    assert "noticed: not at all" in text
    assert "1. c" in text


@pytest.mark.parametrize("options", [(), ("--collect-only",), ("--resilience-report=out",)], ids=str)
def test_a_marker_that_is_not_understood_ends_the_collection(
    pytester: pytest.Pytester, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(MUTE)
    result = pytester.runpytest_subprocess(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *::test_mute: failure_mode('It breaks', *detection= is missing*"])


def test_two_meanings_of_one_runbook_are_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=MARKED, test_b=MARKED.replace('"a"', '"another"'))
    result = pytester.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: test_b.py::test_broken: failure_mode('It breaks') says something else *"])


def test_the_marker_is_among_those_that_pytest_lists(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.failure_mode(title, symptom=*"])
