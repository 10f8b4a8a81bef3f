"""Moments: what to look for, so that something can be done at the very time when it is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.services.in_flight import InFlight


@dataclass
class Moment:
    """A moment that can be looked for.

    :ivar words: what it is, for messages.
    :ivar look: tells whether it is now, or has been since the beginning.
    :ivar begin: called before the first look.
    :ivar passes: it may be over by the time something is done about it.
    :ivar requests: in flight at the last look, where it is about these.
    """

    words: str
    look: Callable[[], object]
    begin: Callable[[], object] = lambda: None
    passes: bool = False
    requests: int = 0


def by_condition(who: str, condition: object) -> Moment:
    """Return the moment from which on a function returns something true.

    :raises UsageError: it cannot be called.
    """
    if not callable(condition):
        raise UsageError(f"{who}: the condition {condition!r} cannot be called; pass a function that returns a truth")
    return Moment(f"{getattr(condition, '__qualname__', 'a condition')}() is true", condition)


def by_log(who: str, line: object, logs: Callable[[], str]) -> Moment:
    """Return the moment at which a line is written to a log that matches a regular expression.

    :param logs: returns the whole log.
    :raises UsageError: it is no regular expression.
    """
    try:
        pattern = re.compile(line) if isinstance(line, str) else line
    except re.error as error:
        raise UsageError(f"{who}: log={line!r} is no regular expression: {error}") from error
    if not isinstance(pattern, re.Pattern) or not isinstance(pattern.pattern, str):
        raise UsageError(f'{who}: log={line!r} is no regular expression of text; pass one, such as log="registered$"')
    search = pattern.search
    mark = 0

    def begin() -> None:
        nonlocal mark
        mark = len(logs())

    def look() -> bool:
        # Whole lines only: `$` must not match where the program is about to go on writing.
        return any(search(row) for row in logs()[mark:].split("\n")[:-1])

    return Moment(f"a line of its log like {pattern.pattern!r}", look, begin)


def by_requests(who: str, least: object, port: int | None) -> Moment:
    """Return the moment at which so many requests are in flight at a port.

    :raises UsageError: it is no number of requests, or there is no port.
    """
    if not isinstance(least, int) or isinstance(least, bool) or least < 1:
        raise UsageError(f"{who}: in_flight={least!r} is no number of requests; pass 1 or more")
    if port is None:
        raise UsageError(f"{who}: in_flight={least} asks for requests, and this service has no port; give it one")
    flights = InFlight(port)

    def look() -> bool:
        moment.requests = flights.count()
        return moment.requests >= least

    what = "a request" if least == 1 else f"{least} requests"
    moment = Moment(f"{what} in flight at port {port}", look, passes=True)
    return moment
