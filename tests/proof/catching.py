"""The mark with which a scenario names the bugs of the clinic that it catches: `catches("no-retry", by="statuses")`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from clinic.bugs import BUGS

CATCHES = (
    "catches(*bugs, by=words, case=id): the scenario fails on a clinic with each of these bugs, by an assertion that "
    "has some of the words in it; `make proof` shows it"
)
ONCE = "once: of the proof, the first scenario of each bug"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    for marker in (CATCHES, ONCE):
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End the run at a wrong mark."""
    check(items)


def check(items: Sequence[pytest.Item]) -> None:
    """Raise `pytest.UsageError` if a mark is wrong, with all that is wrong."""
    wrong = [
        f"{item.nodeid}: catches: {complaint}"
        for item in items
        for mark in item.iter_markers("catches")
        for complaint in _complaints(mark)
    ]
    if wrong:
        raise pytest.UsageError(*wrong)


def _complaints(mark: pytest.Mark) -> Iterator[str]:
    if not mark.args:
        yield "it names no bug"
    for bug in mark.args:
        if bug not in BUGS:
            yield f"{bug}: no such bug; there are: {', '.join(BUGS)}"
    if unknown := sorted(mark.kwargs.keys() - {"by", "case"}):
        yield f"{', '.join(unknown)}: it takes by= and case="
    by = mark.kwargs.get("by")
    if by is None:
        yield 'by= is missing: words of the assertion that fails, such as by="statuses"'
        return
    words = by if isinstance(by, tuple) else (by,)
    if not words or not all(isinstance(each, str) and each for each in words):
        yield f"by={by!r}: expected words of the assertion, or several in a tuple"
