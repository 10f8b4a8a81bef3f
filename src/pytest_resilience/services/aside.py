"""Work beside the test: a thread that a fault runs while it is in force, and that cannot outlive it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class Aside:
    """A thread for as long as a `with` lasts; what goes wrong in it is raised in the thread of the test, at the end.

    :param work: is given the event that says that it is over, and returns soon after that is set.
    """

    def __init__(self, name: str, work: Callable[[threading.Event], object]) -> None:
        self._work = work
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._work(self._over)
        except Exception as failure:  # noqa: BLE001  it is raised in the thread of the test
            self._failure = failure

    def __repr__(self) -> str:
        state = "at work" if self._thread.is_alive() else "not at work"
        return f"<Aside {self._thread.name}: {state}>"
