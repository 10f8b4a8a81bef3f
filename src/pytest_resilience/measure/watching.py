"""Watching: something is read again and again, from a thread of its own, for as long as a block runs."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

from pytest_resilience.errors import UsageError

EVERY = 0.2  # seconds between two readings

W = TypeVar("W", bound="Watching")


class Watching(ABC):
    """Takes readings from when it is entered until it is left, and one more then.

    An error ends the readings, and is raised when it is left, in the thread of the test.

    :ivar every: seconds between two readings.
    """

    def __init__(self, *, every: float) -> None:
        if not every > 0:
            raise UsageError(f"{type(self).__name__}(every={every}): expected seconds, more than zero")
        self.every = every
        self._stop = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._work, name=type(self).__name__.lower(), daemon=True)

    @abstractmethod
    def _take(self) -> None:
        """Take a reading."""

    def __enter__(self: W) -> W:
        if self._thread.ident is not None:
            raise UsageError(f"a {type(self).__name__} is used once: make another")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if error is None:
            self.check()

    def check(self) -> None:
        """Raise what has ended the readings, if anything has."""
        if self._trouble is not None:
            raise self._trouble

    def _work(self) -> None:
        try:
            while not self._stop.wait(0):
                self._take()
                self._stop.wait(self.every)
            self._take()
        except Exception as trouble:  # noqa: BLE001  (kept, and raised in the test's own thread)
            self._trouble = trouble
