"""Checks of what a caller gave to a fault."""

from __future__ import annotations

import math

from pytest_resilience.errors import UsageError


def check_seconds(who: str, name: str, value: object, *, least: float) -> None:
    """Do nothing where `value` is seconds, `least` or more.

    :raises UsageError: it is not.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value < math.inf:
        raise UsageError(f"{who}: {name}={value!r} must be seconds, {least:g} or more")
