"""A history: operations with their time, kept as they come or taken from the samples of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience.consistency.edn import to_edn
from pytest_resilience.consistency.operation import Fate, Operation
from pytest_resilience.errors import NoSamples, UsageError

if TYPE_CHECKING:
    from pytest_resilience.measure.sample import Sample


class Ask:
    """An operation on its way: give it what was answered."""

    def __init__(self, asked: Operation) -> None:
        self.operation = asked

    def answered(self, result: Hashable = None) -> None:
        """Note that it was done, and what came back."""
        self.operation = self.operation.ok(result)

    def refused(self) -> None:
        """Note that it certainly was not done, and never will be."""
        self.operation = self.operation.failed()


class History:
    """Operations with their time. Threads may record into one.

    ::

        history = History(refusals=(Conflict,))
        with history.asking("write", 3, key="x") as ask:
            store.set("x", 3)
            ask.answered()

    :param operations: what is known already.
    :param refusals: exceptions that say that an operation certainly did not happen. After any other it may have.
    """

    def __init__(
        self,
        operations: Iterable[Operation] = (),
        *,
        refusals: tuple[type[BaseException], ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._operations = list(operations)
        self._refusals, self._clock, self._lock = refusals, clock, threading.Lock()

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> History:
        """Return the operations that the actions of a run returned, each with the time of its call.

        :raises NoSamples: no call returned an `Operation`; one that raised instead is missing, which would hide what
            it did: catch it in the action, and return `operation.unknown()`.
        """
        seen = 0
        found = []
        lost: dict[str, int] = {}
        for seen, sample in enumerate(samples, start=1):  # noqa: B007  (how many there were)
            if isinstance(sample.returned, Operation):
                found.append(sample.returned.at(sample.sent, sample.done))
            elif sample.error is not None:
                lost[sample.error] = lost.get(sample.error, 0) + 1
        if lost:
            raise NoSamples(
                f"of {seen} calls, these ended without saying what they had asked: {lost}; they may have happened: "
                "catch the error in the action, and return operation.unknown(), or failed() if it certainly did not"
            )
        if not found:
            raise NoSamples(f"not one of {seen} calls returned an Operation, so nothing can be told of consistency")
        return cls(found)

    @contextmanager
    def asking(
        self, kind: str, value: Hashable = None, *, key: Hashable = None, process: Hashable = None
    ) -> Iterator[Ask]:
        """Record the operation that the block asks; whatever it raises is noted and raised on.

        :param process: who asks; by default the thread.
        """
        who = threading.get_ident() if process is None else process
        ask = Ask(Operation(kind=kind, value=value, key=key, process=who))
        began = self._clock()
        try:
            yield ask
        except self._refusals:
            ask.refused()
            raise
        finally:
            with self._lock:
                self._operations.append(ask.operation.at(began, self._clock()))

    def by_key(self) -> dict[Hashable, list[Operation]]:
        """Return the operations on each key, in the order in which they began."""
        found: dict[Hashable, list[Operation]] = {}
        for each in self:
            found.setdefault(each.key, []).append(each)
        return found

    def only(self, *kinds: str, fate: Fate | None = None) -> list[Operation]:
        """Return the operations of these kinds, and of that fate if one is given."""
        return [each for each in self if each.kind in kinds and fate in {None, each.fate}]

    def save(self, path: str | Path) -> None:
        """Write it as a Jepsen history in EDN, for Jepsen's own checkers; the name ends in `.edn`.

        :raises UsageError: it ends in something else.
        """
        path = Path(path)
        if path.suffix != ".edn":
            raise UsageError(f"{path}: a history is written as EDN; give it a name that ends in .edn")
        path.write_text(to_edn(list(self)))

    def __iter__(self) -> Iterator[Operation]:
        return iter(sorted(self._operations, key=lambda each: each.began))

    def __len__(self) -> int:
        return len(self._operations)

    def __repr__(self) -> str:
        fates = {fate: sum(each.fate is fate for each in self._operations) for fate in Fate}
        counted = f"{fates[Fate.OK]} ok, {fates[Fate.FAILED]} refused, {fates[Fate.UNKNOWN]} unknown"
        return f"<History: {len(self)} operations, {counted}>"
