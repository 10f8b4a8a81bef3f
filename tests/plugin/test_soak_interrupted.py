"""A soak that is killed goes on where it was, and reports as one; and soaks are run when they are asked for."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from deaths import Start

from pytest_resilience.waiting import wait_until

SOAK = """
    import math, sys
    import pytest
    from pytest_resilience import Get, SLO

    @pytest.mark.soak
    def test_it(service, load, monkey, soak):
        site = service(sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", ready="/")
        prank = monkey(site.paused, gap=(0.5, 1), lasting=0.1)
        found = soak(lambda: load(Get(site.url), rate=60), site, faults=prank, grace=0.2, checkpoint=0.75)
        assert SLO(p95=1, error_rate=0.05).met_by(found.calm)
        count = len(found.calm) + len(found.struck)
        assert count == pytest.approx(60 * found.duration, abs=found.rounds + 5)
        assert not found.calm.errors
        assert found.strikes["service.paused"] >= 2
        print(f"<told: {found!r}, {found.duration:.2f} s, segments {len(found.gaps) + 1}, {count} calls>")
"""


def rounds(state: Path) -> list[Path]:
    return sorted(state.glob("*/round-*.json.gz"))


def test_a_soak_that_is_killed_goes_on_and_reports_as_one(start: Start, tmp_path: Path) -> None:
    state = tmp_path / "state"
    asked = ("--resilience-duration=5s", "--resilience-seed=7", f"--resilience-soak-state={state}")
    first = start(SOAK, *asked)
    wait_until(lambda: len(rounds(state)) >= 2 or first.process.poll() is not None, within=60)
    first.end(signal.SIGKILL)
    kept = rounds(state)
    assert 2 <= len(kept) < 7, first.said

    second = start(SOAK, *asked)
    assert second.ends() == pytest.ExitCode.OK, second.said
    assert "5.00 s, segments 2," in second.said
    assert "note: test_inner.py::test_it: <Soak of 5 s in 7 rounds, resumed once, after gaps of" in second.said
    assert rounds(state)[: len(kept)] == kept


SOAKS = """
    import pytest

    @pytest.mark.soak
    def test_soak():
        pass

    def test_other():
        pass
"""


@pytest.mark.parametrize(
    ("words", "passed", "deselected"),
    [
        ((), 1, 1),
        (("-m", "soak"), 1, 1),
        (("--resilience-duration=1s",), 2, 0),
        (("test_soaks.py::test_soak",), 1, 0),
    ],
)
def test_soaks_are_run_when_they_are_asked_for(
    pytester: pytest.Pytester, words: tuple[str, ...], passed: int, deselected: int
) -> None:
    pytester.makepyfile(test_soaks=SOAKS)
    result = pytester.runpytest("--resilience-backend=process", *words)
    result.assert_outcomes(passed=passed, deselected=deselected)
    assert ("note: 1 soak left out" in result.stdout.str()) is (not words)
