"""`--resilience-monkey` over ordinary tests of the clinic: they pass, for the clinic keeps what it promises."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pytest_resilience.faults.visit import plan
from pytest_resilience.options import Options

TESTS = Path(__file__).parents[1]
SEED = 12
SUITE = """
    import time
    import httpx, pytest
    from pytest_resilience import wait_until

    def answer(method, url, **request):
        # As a client of the clinic is to do it: what is refused for now, or got no answer, is asked again.
        def asked():
            got = httpx.request(method, url, timeout=5, **request)
            return None if got.status_code == 503 else got
        return wait_until(asked, within=30, every=0.05, on=(httpx.TransportError,))

    def book(app, slot):
        booking = {"slot": slot, "patient": f"patient {slot}"}
        return answer("POST", f"{app.url}/bookings", json=booking, headers={"Idempotency-Key": f"key {slot}"})

    def test_what_was_booked_can_be_looked_up(app):
        ends, slot = time.monotonic() + 1.3, 0
        while time.monotonic() < ends:
            slot += 1
            booked = book(app, slot)
            assert booked.status_code in {200, 201}
            assert answer("GET", f"{app.url}/bookings/{booked.json()['id']}").json() == booked.json()

    def test_a_slot_is_given_once(app):
        ends, slot = time.monotonic() + 1.3, 0
        while time.monotonic() < ends:
            slot += 1
            assert book(app, slot).status_code in {200, 201}
            other = answer("POST", f"{app.url}/bookings", json={"slot": slot, "patient": "another"})
            assert other.status_code == 409

    @pytest.mark.parametrize("n", range(4))
    def test_the_cache_holds_what_it_was_given(redis_server, n):
        redis_server.command("SET", "n", n)
        assert redis_server.command("GET", "n") == str(n)
"""


@pytest.fixture(autouse=True)
def _clinic(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")
    shutil.copy(TESTS / "conftest.py", pytester.path)
    shutil.copy(TESTS / "harness.py", pytester.path)
    (pytester.path / "app").symlink_to(TESTS / "app")
    pytester.makepyfile(test_clinic=SUITE)


def test_ordinary_tests_of_a_service_that_is_built_for_it_pass_though_all_of_it_is_struck(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_subprocess("--resilience-monkey=redis,postgres,clinic:1", "-k", "booked or given_once")
    result.assert_outcomes(passed=2, deselected=4)
    # Each of the three is struck in each of the two; what was struck while another held it down may touch nothing.
    lines = [line for line in result.outlines if line.startswith("PASSED test_clinic.py::")]
    assert len(lines) == 2
    assert all(re.search(rf"\b{name}[ .]", line) for name in ("redis", "postgres", "clinic") for line in lines)
    result.stdout.re_match_lines([r"monkey redis:1,postgres:1,clinic:1: struck 2 of 2 tests that use redis or .*"])


def test_with_a_probability_it_strikes_whom_the_seed_draws(pytester: pytest.Pytester) -> None:
    options = ("--resilience-monkey=redis:0.4", f"--resilience-seed={SEED}", "-k", "cache")
    result = pytester.runpytest_subprocess(*options, "-v")
    drawn = {
        number
        for number in range(4)
        if plan(
            Options(seed=SEED).seed_for(f"test_clinic.py::test_the_cache_holds_what_it_was_given[{number}]"),
            "redis",
            0.4,
        )
    }
    assert 0 < len(drawn) < 4
    # Tests of milliseconds: each that was drawn was struck, and may have failed by that, or was over before it.
    told = {
        int(number)
        for number in re.findall(r"^[A-Z]+ test_clinic.py::\w+\[(\d)\]: redis", result.stdout.str(), re.MULTILINE)
    }
    assert told == drawn
    result.stdout.re_match_lines([r"monkey redis:0\.4: .* of 4 tests that use redis"])
