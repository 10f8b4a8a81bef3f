"""`--resilience-baseline`: what a user sees of it, from the first run to a regression and its acceptance."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pytest_resilience.measure.regression import Figure
from pytest_resilience.report.baseline.book import Book, PastRun, write

SCENARIO = """
    import pytest
    from pytest_resilience import timeline

    @pytest.mark.chaos
    def test_steady():
        timeline.current().measure("recovery", "recovery", 4.0)
        timeline.current().measure("breaking point", "capacity", 400.0)

    def test_ordinary():
        pass
"""
LOADED = """
    def test_steady(load):
        with load(lambda: None, rate=100) as run:
            run.hold(0.5)
"""
TEST = "test_it.py::test_steady"
WHERE = "process, quick"


@pytest.fixture(autouse=True)
def _scenario(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process\nresilience_progress = off")
    pytester.makepyfile(test_it=SCENARIO)


def earlier(path: Path, recovery: float) -> None:
    """Write a file in which the recovery took so many seconds in five runs."""
    book = Book()
    for day in range(5):
        figures = {"recovery": Figure("recovery", recovery)}
        book.add(TEST, WHERE, PastRun(f"2025-01-0{day + 1}T00:00:00Z", "9 × an abacus", day, figures))
    write(path, book)


def kept(path: Path) -> list[dict[str, object]]:
    runs: list[dict[str, object]] = json.loads(path.read_text())["scenarios"][TEST][WHERE]
    return runs


def test_the_first_run_writes_it_and_the_next_adds_to_it(pytester: pytest.Pytester) -> None:
    path = pytester.path / "b.json"
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([
        "*resilience baseline b.json*",
        "figures: none compared; scenarios: 1 new, 1 added to the file",
        f"{TEST}: 2 figures of {WHERE}, the first",
    ])  # fmt: skip
    assert len(kept(path)) == 1
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json")
    result.stdout.fnmatch_lines([f"{TEST}: collecting, 1 of 5 earlier runs: nothing is claimed"])
    assert len(kept(path)) == 2


def test_runs_of_load_have_figures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=LOADED)
    result = pytester.runpytest_subprocess("--resilience-baseline=b.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"{TEST}: * figures of {WHERE}, the first"])  # none where a busy machine limited it


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "with workers"])
def test_a_regression_fails_the_test_and_is_not_added(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    path = pytester.path / "b.json"
    earlier(path, 0.5)
    before = path.read_bytes()
    result = pytester.runpytest_subprocess(
        "--resilience-baseline=b.json", "--resilience-report=out", "--junitxml=junit.xml", *workers
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([
        f"worse than in b.json ({WHERE}):",
        "  recovery 4 s after 500 ms on average of 5 earlier runs (*; up to 1.25 s to be expected): 3.33 times (*)",
        "  (this machine is another one: *; earlier runs were on 9 × an abacus)",
        "if that is meant, accept it and begin these figures anew: --resilience-baseline-update=all",
        "figures: 1 regressed, 1 cannot be told; scenarios: 0 new, 0 added to the file",
    ])  # fmt: skip
    assert path.read_bytes() == before
    failures = [one.get("message", "") for one in ET.parse("junit.xml").iter("failure")]
    assert len(failures) == 1 and "worse than in b.json" in failures[0]
    (test,) = json.loads((pytester.path / "out" / "report.json").read_text())["tests"]
    judged = {one["promise"]: one["outcome"] for one in test["judged"]}
    assert judged["no worse than in b.json: recovery"] == "missed"


def test_a_regression_that_is_meant_is_accepted_and_begins_anew(pytester: pytest.Pytester) -> None:
    path = pytester.path / "b.json"
    earlier(path, 0.5)
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json", "--resilience-baseline-update=all")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["figures: 1 accepted, 1 cannot be told; scenarios: 0 new, 1 added to the file"])
    (run,) = kept(path)
    assert run["figures"]["recovery"] == ["recovery", 4.0, None, None]  # type: ignore[index]


def test_what_is_no_worse_is_added_unless_the_file_is_only_to_be_read(pytester: pytest.Pytester) -> None:
    path = pytester.path / "b.json"
    earlier(path, 5.0)
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json", "--resilience-baseline-update=none")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["figures: 1 no worse, 1 cannot be told; scenarios: 0 new, 0 added to the file"])
    assert len(kept(path)) == 5
    pytester.makeini("[pytest]\nresilience_backend = process\nresilience_baseline = b.json")
    pytester.runpytest_inprocess("-k", "steady")
    assert len(kept(path)) == 6


def test_a_test_that_fails_by_itself_is_neither_compared_nor_added(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SCENARIO.replace("def test_ordinary():\n        pass", "    assert not timeline"))
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["figures: none compared; scenarios: 0 new, 0 added to the file"])
    assert not (pytester.path / "b.json").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("folder", "*folder: is a folder; name a file in it, such as */folder/baseline.json"),
        ("nowhere/b.json", "*there is no folder */nowhere; make it first"),
        ("other.json", "*other.json: the file is no baseline * and is left as it is"),
        ("newer.json", "*newer.json: the file has version 2, and 1 is read here: update pytest-resilience"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_usage_error(pytester: pytest.Pytester, option: str, said: str) -> None:
    (pytester.path / "folder").mkdir()
    (pytester.path / "other.json").write_text('{"machine_info": {}, "benchmarks": []}')
    (pytester.path / "newer.json").write_text('{"schema": "pytest-resilience-baseline", "version": 2}')
    result = pytester.runpytest_inprocess(f"--resilience-baseline={option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --resilience-baseline={said}"])


def test_to_compare_with_nothing_is_a_usage_error(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json", "--resilience-baseline-update=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *there is no such file, so nothing would be compared*"])


def test_a_file_that_can_no_longer_be_written_fails_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SCENARIO.replace("pass", "import pathlib; pathlib.Path('b.json').mkdir()"))
    result = pytester.runpytest_inprocess("--resilience-baseline=b.json")
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT WRITTEN: *b.json*"])
