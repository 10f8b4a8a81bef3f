"""Columns: samples stored by field, in 30 bytes each, readable while they are written.

One thread appends, any number read. Every reader first takes `count` and looks at no row beyond
it; the writer first makes a batch complete in every column and then moves `count`. A reader
therefore always sees a consistent prefix: whole samples, in the order in which they came, and none
that is half written. No lock is needed, and the writer never waits.

That rests on single operations of `array` and `list` being atomic under the interpreter's lock. No
reader may export a column's buffer (a `memoryview`), since an array cannot grow while it is exported.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.vocabulary import Vocabulary

NONE = -1


class Rows(NamedTuple):
    """Samples by field, as they come from a driver; all columns are of one length.

    :ivar due: monotonic seconds; likewise `sent` and `done`.
    :ivar status: the statuses, 0 for none.
    :ivar error: the places of the categories in `texts`, -1 for a success.
    :ivar name: the places of the names in `texts`.
    :ivar texts: the categories and names.
    :ivar size: the bytes that were transferred; None where they are not counted.
    :ivar returned: what the actions returned, by row.
    """

    due: array[float]
    sent: array[float]
    done: array[float]
    status: Sequence[int]
    error: Sequence[int]
    name: Sequence[int]
    texts: Sequence[str]
    size: Sequence[int] | None = None
    returned: Mapping[int, object] | None = None

    def part(self, start: int, end: int) -> Rows:
        """Return the rows from `start` to before `end`."""
        returned = self.returned and {row - start: value for row, value in self.returned.items() if start <= row < end}
        cut = slice(start, end)
        return self._replace(
            due=self.due[cut],
            sent=self.sent[cut],
            done=self.done[cut],
            status=self.status[cut],
            error=self.error[cut],
            name=self.name[cut],
            size=None if self.size is None else self.size[cut],
            returned=returned,
        )


class _Fields(NamedTuple):
    """Rows in the form in which they are stored."""

    due: array[float]
    sent: array[float]
    done: array[float]
    status: array[int]
    error: array[int]
    name: array[int]
    size: array[int] | None
    returned: list[object] | None


class Columns:
    """The fields of samples, one array each; `status` and `error` hold -1 for None.

    :ivar first: when the first of them was due; infinite while there is none.
    :ivar last: when the last of them finished.
    """

    __slots__ = (
        "count", "done", "due", "error", "errors", "first", "last", "name", "names", "returned", "sent", "size",
        "status",
    )  # fmt: skip

    def __init__(self, errors: Vocabulary | None = None, names: Vocabulary | None = None) -> None:
        self.count = 0
        self.first, self.last = math.inf, -math.inf
        self.due = array("d")
        self.sent = array("d")
        self.done = array("d")
        self.status = array("h")
        self.error = array("h")
        self.name = array("h")
        self.size: array[int] | None = None  # no column until something has a size
        self.returned: list[object] | None = None  # likewise
        self.errors = Vocabulary() if errors is None else errors
        self.names = Vocabulary() if names is None else names

    def extend(self, samples: Iterable[Sample]) -> None:
        """Add samples; one with a value that has no place here raises, and none is added."""
        rows = list(samples)
        if not rows:
            return
        due, sent, done, statuses, errors, names, returned, sizes = zip(*rows, strict=True)
        number, named = self.errors.number, self.names.number
        # Converted before anything is added, so that a value of a wrong type leaves the columns alike.
        fields = _Fields(
            array("d", due),
            array("d", sent),
            array("d", done),
            array("h", [NONE if status is None else status for status in statuses]),
            array("h", [NONE if error is None else number(error) for error in errors]),
            array("h", map(named, names)),
            array("Q", sizes) if any(sizes) else None,
            list(returned) if any(value is not None for value in returned) else None,
        )
        self._add(fields)

    def extend_rows(self, rows: Rows) -> None:
        """Add samples that are in columns already, at a fraction of what tuples cost."""
        count, texts = len(rows.due), rows.texts
        lengths = {len(column) for column in rows[:6]}
        if lengths != {count} or (rows.size is not None and len(rows.size) != count):
            raise UsageError(f"columns of samples are of different lengths: {sorted(lengths)}")
        returned = None
        if rows.returned:
            returned = [rows.returned.get(row) for row in range(count)]
        fields = _Fields(
            rows.due,
            rows.sent,
            rows.done,
            _swapped(rows.status, {0: NONE}),
            _translated(rows.error, texts, self.errors),
            _translated(rows.name, texts, self.names),
            array("Q", rows.size) if rows.size is not None and any(rows.size) else None,
            returned,
        )
        self._add(fields)

    def _add(self, fields: _Fields) -> None:
        count = len(fields.due)
        if not count:
            return
        self.due.extend(fields.due)
        self.sent.extend(fields.sent)
        self.done.extend(fields.done)
        self.status.extend(fields.status)
        self.error.extend(fields.error)
        self.name.extend(fields.name)
        if self.size is None and fields.size is not None:
            self.size = array("Q", bytes(8 * self.count))
        if self.size is not None:
            self.size.extend(array("Q", bytes(8 * count)) if fields.size is None else fields.size)
        if self.returned is None and fields.returned is not None:
            self.returned = [None] * self.count
        if self.returned is not None:
            self.returned.extend(repeat(None, count) if fields.returned is None else fields.returned)
        first, last = min(fields.due), max(fields.done)
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.count += count

    def select(self, mask: bytes, into: Columns | None = None) -> Columns:
        """Return columns of the rows whose byte in `mask` is 1, new ones or `into`; rows beyond its end are left out.

        Rows come in the order of their completion, near enough, so a window is a few long runs of
        them, and copying those is ten times as fast as picking row by row.
        """
        cut = Columns(self.errors, self.names) if into is None else into
        for run in _runs(mask):
            self._copy(run, cut)
        return cut

    def cut(self, start: int, end: int) -> Columns:
        """Return new columns of the rows from `start` to before `end`."""
        cut = Columns(self.errors, self.names)
        self._copy(slice(start, end), cut)
        return cut

    def sort(self) -> None:
        """Bring the rows into the order in which they were due; only for columns that nobody else reads."""
        order = sorted(range(self.count), key=self.due.__getitem__)
        for field in ("due", "sent", "done", "status", "error", "name", "size"):
            column: array[Any] | None = getattr(self, field)
            if column is not None:
                setattr(self, field, array(column.typecode, map(column.__getitem__, order)))
        if self.returned is not None:
            self.returned = [self.returned[row] for row in order]

    def _copy(self, run: slice, into: Columns) -> None:
        fields = _Fields(
            self.due[run],
            self.sent[run],
            self.done[run],
            self.status[run],
            self.error[run],
            self.name[run],
            None if self.size is None else self.size[run],
            None if self.returned is None else self.returned[run],
        )
        into._add(fields)

    def __iter__(self) -> Iterator[Sample]:
        returned, sizes = self.returned, self.size
        for row in range(self.count):
            status, error = self.status[row], self.error[row]
            yield Sample(
                self.due[row],
                self.sent[row],
                self.done[row],
                None if status == NONE else status,
                None if error == NONE else self.errors.texts[error],
                self.names.texts[self.name[row]],
                None if returned is None else returned[row],
                0 if sizes is None else sizes[row],
            )


def _translated(numbers: Sequence[int], texts: Sequence[str], into: Vocabulary) -> array[int]:
    """Return the numbers that `into` has for what has `numbers` in `texts`; -1 stays."""
    return _swapped(numbers, {place: into.number(texts[place]) for place in set(numbers) - {NONE}})


def _swapped(numbers: Sequence[int], table: Mapping[int, int]) -> array[int]:
    """Return a column in which the numbers of `table` are others; most columns are all of one number."""
    seen = set(numbers)
    if len(seen) == 1:
        (one,) = seen
        return array("h", [table.get(one, one)]) * len(numbers)
    changed = {one: table.get(one, one) for one in seen}
    if all(one == other for one, other in changed.items()):
        return array("h", numbers)
    return array("h", map(changed.__getitem__, numbers))


def _runs(mask: bytes) -> Iterator[slice]:
    """Yield the stretches of `mask` that are 1."""
    start = mask.find(1)
    while start >= 0:
        end = mask.find(0, start)
        if end < 0:
            end = len(mask)
        yield slice(start, end)
        start = mask.find(1, end)
