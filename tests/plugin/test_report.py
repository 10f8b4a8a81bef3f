"""`--resilience-report`: what a user finds in the folder, however the run went."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from html import escape
from pathlib import Path

import pytest
from deaths import Start

from pytest_resilience.waiting import wait_until

SCENARIOS = """
    import pytest
    from pytest_resilience import SLO, Breakage, Receipt, Unsupported, fault

    @fault
    def broken() -> Breakage:
        yield Receipt(parts=1)

    @pytest.mark.chaos
    @pytest.mark.failure_mode("It breaks", symptom="a", detection="`" + 200 * "b" + "`", mitigation=["c", "d"])
    def test_good(load):
        "Something is broken, and nobody minds."
        with load(lambda: 1, rate=500) as run:
            run.hold(0.2)
            with broken():
                run.hold(0.4)
        assert SLO(p95=0.5, confidence=None).met_by(run.samples)

    @pytest.mark.chaos
    def test_bad():
        with broken():
            assert not "good"

    @pytest.mark.chaos
    def test_unable():
        raise Unsupported("no such thing here")

    def test_ordinary():
        pass
"""


@pytest.fixture(autouse=True)
def _scenarios(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")
    pytester.makepyfile(SCENARIOS)


def read(folder: Path) -> dict[str, dict[str, object]]:
    """The tests in the report, by the end of their names."""
    report = json.loads((folder / "report.json").read_text())
    return {test["name"].rpartition("::")[2]: test for test in report["tests"]}


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "with workers"])
def test_the_report_tells_of_every_scenario(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = pytester.runpytest_subprocess("--resilience-report=out", *workers)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["resilience report: *index.html"])
    tests = read(pytester.path / "out")
    assert {name: test["outcome"] for name, test in tests.items()} == {
        "test_good": "passed", "test_bad": "failed", "test_unable": "skipped",
    }  # fmt: skip
    good, bad, unable = tests["test_good"], tests["test_bad"], tests["test_unable"]
    assert good["story"] == "Something is broken, and nobody minds."
    assert [one["outcome"] for one in good["judged"]] == ["met"]  # type: ignore[index, attr-defined]
    (drive,) = good["drives"]  # type: ignore[misc]
    assert drive["samples"] > 200
    assert sum(point["rate"] > 0 for point in drive["points"]) > 3
    assert "assert not" in str(bad["failure"])
    assert "--resilience-seed=" in str(bad["replay"])
    assert unable["failure"] == "no such thing here"
    text = (pytester.path / "out" / "index.html").read_text()
    assert "process backend (asked for)" in text


def test_without_the_option_nothing_is_written(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "job.md"))
    result = pytester.runpytest_subprocess("-k", "good")
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.no_fnmatch_line("*resilience report*")
    assert not list(pytester.path.glob("**/report.json"))
    assert not (pytester.path / "job.md").exists()


def test_the_summary_is_added_to_that_of_the_job(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    job = pytester.path / "job.md"
    job.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    pytester.runpytest_subprocess("-k", "bad", "--resilience-report=out")
    assert job.read_text().startswith("# before\n## Resilience: 1 failed\n")


def test_it_may_be_asked_for_in_the_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process\nresilience_report = here")
    pytester.runpytest_subprocess("-k", "bad")
    assert read(pytester.path / "here").keys() == {"test_bad"}


def test_a_folder_that_cannot_be_is_a_usage_error(pytester: pytest.Pytester) -> None:
    (pytester.path / "file").touch()
    result = pytester.runpytest_subprocess("--resilience-report=file/out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --resilience-report=*file/out: expected a folder*"])


def test_to_collect_is_not_to_report(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--collect-only", "--resilience-report=out")
    assert not (pytester.path / "out").exists()


KILLED = """
    import pathlib, time, pytest
    from pytest_resilience import Breakage, Receipt, fault

    @fault
    def broken() -> Breakage:
        yield Receipt(parts=1)

    def test_first():
        with broken():
            pass

    def test_second():
        pathlib.Path("reached").touch()
        time.sleep(60)
"""


def test_a_run_that_is_killed_leaves_the_report_of_what_finished(start: Start, tmp_path: Path) -> None:
    run = start(KILLED, f"--resilience-report={tmp_path / 'out'}")
    page = tmp_path / "out" / "index.html"  # written last
    wait_until(lambda: page.exists() and "test_first" in page.read_text(), within=60)
    os.kill(run.process.pid, signal.SIGKILL)
    assert read(page.parent).keys() == {"test_first"}


@pytest.mark.skipif(
    not (shutil.which("chromium") or os.environ.get("CI")), reason="needs chromium on PATH (Debian's package chromium)"
)
@pytest.mark.parametrize("width", [360, 1000])
def test_a_browser_shows_it_without_scrolling_sideways(pytester: pytest.Pytester, width: int) -> None:
    pytester.runpytest_subprocess("--resilience-report=out")
    text = (pytester.path / "out" / "index.html").read_text()
    opened = text.replace("<details class=test>", "<details class=test open>")
    assert measured(pytester.path, opened, width) == (0, 4)  # nothing overflows; charts
    too_wide = opened.replace("<h1", "<p style=width:1100px>.<h1", 1)
    assert measured(pytester.path, too_wide, width) > (50, 3)  # it would be noticed
    runbook = (pytester.path / "out" / "runbooks" / "it-breaks.html").read_text()
    assert measured(pytester.path, runbook.replace("test_good", "test_" + 200 * "g"), width) == (0, 0)


def measured(place: Path, page: str, width: int) -> tuple[int, int]:
    """Return how many pixels of the page are beyond a screen of that width, in a browser, and how many charts it has.

    It is in a frame, for the window of a browser without a screen is never narrower than 500 pixels.
    """
    shown = place / "shown.html"
    shown.write_text(
        f'<iframe id=page style="width:{width}px;height:800px;border:0" srcdoc="{escape(page)}"></iframe><script>'
        "page.onload = () => { const seen = page.contentDocument.documentElement; document.title = "
        "[seen.scrollWidth - seen.clientWidth, seen.querySelectorAll('svg').length] }</script>"
    )
    argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800", "--dump-dom"]
    done = subprocess.run([*argv, shown.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<title>(\d+),(\d+)</title>", done.stdout)
    assert found, done.stderr
    return int(found[1]), int(found[2])
