"""Samples of Locust: what its `request` event tells of one request, in the terms of all samples."""

from __future__ import annotations

import errno
import re
from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_resilience.load.driver.locust_wire import Head

if TYPE_CHECKING:
    from collections.abc import Sequence

DUE = "resilience_due"  # where a request's context says when it was due, in monotonic seconds
MOST_TEXTS = 10_000  # names that are told apart; a file that names its requests by number would have no end of them
OTHERS = "(other names)"
EXAMPLES = 64
KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
}
# The clients of Locust (requests, urllib3, geventhttpclient) share no base class, so their names are asked.
WORDS = (
    (re.compile(r"Timeout|timed? ?out"), "timeout"),
    (re.compile(r"RemoteDisconnected|HTTPConnectionClosed|IncompleteRead|ProtocolError"), "reset"),
    (re.compile(r"gaierror|NameResolution"), "unreachable"),
    (re.compile(r"HTTPParseError|BadStatusLine|LineTooLong|DecodeError"), "protocol"),
)


def category(exception: BaseException, status: int | None) -> str:
    """Return the category of a failure: the first of its causes that says what happened."""
    name = type(exception).__name__
    if name == "CatchResponseError":  # response.failure(...): the file's own check has said no
        return "check"
    if status and status >= 400:
        return f"status {status}"
    for cause in _causes(exception):
        found = KINDS.get(getattr(cause, "errno", None) or 0)
        if found:
            return found
    names = [type(cause).__name__ for cause in _causes(exception)]
    # The innermost first: a broken connection is a ProtocolError around what broke it.
    for name_ in reversed(names):
        for pattern, word in WORDS:
            if pattern.search(name_):
                return word
    return name


def _causes(exception: BaseException) -> Iterator[BaseException]:
    """Yield it and what it wraps, by cause, context, reason or argument; each once."""
    seen: set[int] = set()
    waiting: list[object] = [exception]
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


class LocustRecorder:
    """Samples by column, emptied into a frame every time one is asked for.

    :ivar deadline: the seconds after which a request counts as failed.
    :ivar total: how many samples there were.
    :ivar in_flight: how many requests have begun and not finished.
    """

    def __init__(self, *, deadline: float, offset: float = 0.0) -> None:
        """Record; `offset` is what the test's clock shows more than ours, in seconds."""
        self.deadline, self._offset = deadline, offset
        self.total = self.batches = self.in_flight = 0
        self._numbers: dict[str, int] = {}
        self._new: list[str] = []
        self._explained: set[str] = set()
        self._examples: list[list[str]] = []
        self._rows: list[tuple[float, float, float, int, int, int, int]] = []
        self._strain: list[list[float]] = []

    def record(
        self,
        name: str,
        due: float,
        sent: float,
        done: float,
        *,
        status: int | None = None,
        error: str | None = None,
        example: str = "",
        size: int = 0,
    ) -> None:
        """Add a sample; one that took longer than the deadline is a failure, at the time it took."""
        if error is None and done - due > self.deadline:
            error, example = "timeout", f"answered after {done - due:.2f} s, later than {self.deadline:g} s"
        number = -1
        if error is not None:
            number = self._number(error)
            if error not in self._explained and len(self._explained) < EXAMPLES:
                self._explained.add(error)
                self._examples.append([error, example[:500] or error])
        shift = self._offset
        self._rows.append((due + shift, sent + shift, done + shift, status or 0, number, self._number(name), size))

    def heard(
        self,
        now: float,
        age: float,
        *,
        method: str,
        name: str,
        took: float,
        status: int | None,
        exception: BaseException | None,
        context: Mapping[str, object],
        size: int = 0,
    ) -> None:
        """Add what the event tells that comes at `now`, of a request that began `age` seconds ago and took `took`."""
        sent = now - max(age, took)
        due = context.get(DUE)
        self.record(
            f"{method} {name}",
            due if isinstance(due, float) else sent,
            sent,
            min(now, sent + took),
            status=status,
            error=None if exception is None else category(exception, status),
            example="" if exception is None else f"{type(exception).__name__}: {exception}",
            size=size,
        )

    def strain(self, at: float, cpu: float, lag: float) -> None:
        """Add a record of how the process was doing."""
        self._strain.append([at + self._offset, cpu, lag])

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            if len(self._numbers) >= MOST_TEXTS and text != OTHERS:
                return self._number(OTHERS)
            number = self._numbers[text] = len(self._numbers)
            self._new.append(text)
        return number

    def batch(self) -> tuple[Head, bytes]:
        """Return what came since the last batch, and forget it."""
        rows, self._rows = self._rows, []
        self.total += len(rows)
        columns: Sequence[tuple[float, ...]] = list(zip(*rows, strict=True)) if rows else [()] * 7
        head: Head = {
            "kind": "batch",
            "seq": self.batches,
            "total": self.total,
            "count": len(rows),
            "texts": self._new,
            "examples": self._examples,
            "strain": self._strain,
            "in_flight": self.in_flight,
        }
        self.batches += 1
        self._new, self._examples, self._strain = [], [], []
        times = b"".join(array("d", column).tobytes() for column in columns[:3])
        numbers = b"".join(array("h", map(int, column)).tobytes() for column in columns[3:6])
        return head, times + numbers + array("q", map(int, columns[6])).tobytes()

    def final(self) -> Head:
        """Return the totals."""
        return {"kind": "final", "seq": self.batches, "total": self.total, "begun": self.total + self.in_flight}
