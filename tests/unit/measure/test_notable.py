"""Which samples show a fault, and when the first and the last of them were over."""

from __future__ import annotations

import pytest

from pytest_resilience.measure.notable import notable, outcomes
from pytest_resilience.measure.sample import IMPATIENT, Sample
from pytest_resilience.measure.samples import Samples


def sample(done: float, status: int | None = 200, error: str | None = None) -> Sample:
    return Sample(done - 0.01, done - 0.01, done, status, error, "GET /")


def test_outcomes_are_statuses_categories_of_failure_and_ok() -> None:
    window = Samples([sample(1), sample(2), sample(3, 503), sample(4, 503, "status 503"), sample(5, None, "refused"),
                      sample(6, None)])  # fmt: skip
    assert outcomes(window) == {"200": 2, "503": 1, "ok": 1, "refused": 1, "status 503": 1}
    assert next(iter(outcomes(window))) == "200"  # the most frequent first


@pytest.mark.parametrize(
    ("told", "by"),
    [
        (sample(2, 503, "status 503"), "status 503"),
        (sample(2, None, "refused"), "refused"),
        (sample(2, 503), "503"),  # as the test expected, and a failure of the service all the same
        (sample(2, 409), "409"),
    ],
)
def test_what_failed_or_was_answered_as_none_before_shows_the_fault(told: Sample, by: str) -> None:
    found = notable([Samples([sample(1), sample(3), told])], {200})
    assert (found.first, found.by, found.last, found.end) == (2, by, 2, 3)


@pytest.mark.parametrize("told", [sample(2), sample(2, 201), sample(2, None), sample(2, None, IMPATIENT)])
def test_what_is_usual_or_was_given_up_by_its_own_user_shows_nothing(told: Sample) -> None:
    found = notable([Samples([sample(1), told])], {200, 201})
    assert (found.first, found.by, found.last, found.end) == (None, "", None, 2)


def test_a_failure_of_the_service_is_never_usual() -> None:
    assert notable([Samples([sample(1, 503)])], {200, 503}).first == 1


def test_the_first_and_the_last_are_by_when_they_were_over_in_whichever_window() -> None:
    during, after = Samples([sample(4, 503), sample(2, 500)]), Samples([sample(5, 503), sample(6)])
    found = notable([during, after], {200})
    assert (found.first, found.by, found.last, found.end) == (2, "500", 5, 6)


def test_nothing_shows_nothing() -> None:
    assert notable([Samples()], set()) == (None, "", None, None)
