"""Notable samples: those by whose outcome a fault shows, and when the first and the last of them were over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING, NamedTuple

from pytest_resilience.measure.columns import NONE
from pytest_resilience.measure.sample import IMPATIENT

if TYPE_CHECKING:
    from pytest_resilience.measure.samples import Samples
    from pytest_resilience.measure.view import View

FAULTY = 500  # statuses from here on are the service's own failures (RFC 9110, 15.6)


class Notable(NamedTuple):
    """The samples of some windows that show a fault.

    :ivar first: when the first of them was over, in monotonic seconds; None for none.
    :ivar by: what came of it.
    :ivar last: when the last of them was over; None for none.
    :ivar end: when the last sample of all was over.
    """

    first: float | None
    by: str
    last: float | None
    end: float | None


def outcomes(samples: Samples) -> dict[str, int]:
    """Count by status, or by category of failure where it failed, the most frequent first; `ok` has no status."""
    view, counts = samples.view, dict[str, int]()
    for (status, error), count in view.outcomes().items():
        name = _outcome(view, status, error)
        counts[name] = counts.get(name, 0) + count
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def notable(windows: Iterable[Samples], usual: Set[int]) -> Notable:
    """Find those that failed, or were answered by a status from 500 on or one that is not `usual`.

    Of folded samples, to the second.
    """
    first: tuple[float, str] | None = None
    last: float | None = None
    end: float | None = None
    for window in windows:
        view = window.view
        given_up = view.errors.find(IMPATIENT)
        for done, status, error in _rows(view):
            end = done if end is None else max(end, done)
            failed = error not in (NONE, given_up)
            if not failed and (error != NONE or status == NONE or (status in usual and status < FAULTY)):
                continue
            if first is None or done < first[0]:
                first = done, _outcome(view, status, error)
            last = done if last is None else max(last, done)
    return Notable(None, "", None, end) if first is None else Notable(first[0], first[1], last, end)


def _rows(view: View) -> Iterator[tuple[float, int, int]]:
    for chunk, count in view.parts():
        yield from zip(chunk.done[:count], chunk.status[:count], chunk.error[:count], strict=True)
    for block in view.blocks:
        yield from (((entry.done + entry.done_end) / 2, entry.status, entry.error) for entry in block.finest)


def _outcome(view: View, status: int, error: int) -> str:
    if error != NONE:
        return view.errors.texts[error]
    return "ok" if status == NONE else str(status)
