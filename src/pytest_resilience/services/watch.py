"""A watch: looks at something again and again while a limit is in force, for what the kernel does not count."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pytest_resilience.errors import ResilienceError

EVERY = 0.005


class Watch:
    """Calls `look` every few milliseconds, from a thread of its own, until it is ended, and once more then.

    What `look` raises ends the watch, and is raised again by `end()`.

    :param every: seconds between two looks.
    """

    def __init__(self, look: Callable[[], None], *, every: float = EVERY) -> None:
        self._look = look
        self._every = every
        self._over = threading.Event()
        self._wrong: Exception | None = None
        look()
        self._thread = threading.Thread(target=self._work, name="limit watch", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look a last time, and no more; may be called again."""
        if self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        if self._wrong is not None:
            raise self._wrong
        self._look()

    def _work(self) -> None:
        while not self._over.wait(self._every):
            try:
                self._look()
            except (OSError, ValueError, ResilienceError) as error:
                self._wrong = error
                return
