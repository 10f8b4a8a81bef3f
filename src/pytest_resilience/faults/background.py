"""Background work: a thread that does something until it is told to end, and cannot outlive who began it."""

from __future__ import annotations

import threading
from collections.abc import Callable

# A join in one piece would keep the interrupt of a test waiting for as long as it takes.
_LOOK = 0.1


class Background:
    """Does `work` in a thread from now on; `work` is given the event to end at, and may wait for it.

    :param name: of the thread.
    """

    def __init__(self, work: Callable[[threading.Event], None], *, name: str) -> None:
        self._work = work
        self._over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._do, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell it to end, without waiting for it."""
        self._over.set()

    def end(self) -> BaseException | None:
        """Tell it to end, wait until it has, and return what it raised."""
        self._over.set()
        while self._thread.is_alive():
            self._thread.join(_LOOK)
        return self._error

    def _do(self) -> None:
        try:
            self._work(self._over)
        except BaseException as error:  # noqa: BLE001  (kept for `end`, which hands it to who began it)
            self._error = error
