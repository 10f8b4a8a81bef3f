"""What a search has found is in the failure report, whole, as a test to paste."""

from __future__ import annotations

import pytest


def test_the_report_has_the_least_schedule_as_a_test_to_paste(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")
    pytester.makepyfile(
        """
        from pytest_resilience import search

        def check(schedule):
            names = {strike.fault for strike in schedule.strikes}
            assert not {"cache.killed", "database.slowed"} <= names

        def test_it(seed):
            menu = {"cache": "killed paused", "database": {"slowed": (0.1, 0.5), "severed": ()}}
            found = search(check, menu, within=5, seed=seed)
            assert not found
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"-+ resilience timeline -+",
            r" .* s  search: <Found 2 strikes, .*: failed 10 of 10, passes without faults 6 of 6: Assertion.*",
            r"from pytest_resilience import Schedule, Strike",
            r"def test_check_survives\(\):",
            r"    schedule = Schedule\(",
            r"    check\(schedule\)",
        ]
    )
