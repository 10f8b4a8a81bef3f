"""The one polling loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pytest_resilience.errors import UsageError, WaitTimeout

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T],
    *,
    within: float,
    what: str = "",
    every: float = 0.02,
    on: tuple[type[Exception], ...] = (),
) -> T:
    """Return the first true value of `condition()`, asked again every `every` seconds.

    The pauses start at 1 ms and double up to `every`, so that what is nearly ready is not waited
    for. The condition is always asked once more after the time is up: a slow machine is not a
    failed condition.

    :param within: seconds to wait at most.
    :param what: what is waited for, for the error message.
    :param on: exceptions of the condition that mean "not yet"; any other is passed on.
    :raises WaitTimeout: the condition stayed false (or kept raising one of `on`).
    """
    if within < 0 or every <= 0:
        raise UsageError(f"wait_until: within={within} and every={every} must be positive seconds")
    deadline = time.monotonic() + within
    pause = min(0.001, every)
    while True:
        last_try = time.monotonic() >= deadline
        cause: Exception | None = None
        try:
            value = condition()
        except on as error:
            cause = error
        else:
            if value:
                return value
        if last_try:
            name = what or getattr(condition, "__name__", "condition")
            said = f"; it last raised {cause!r}" if cause else ""
            raise WaitTimeout(f"{name}: still not so after {within:g} s{said}") from cause
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        pause = min(pause * 2, every)
