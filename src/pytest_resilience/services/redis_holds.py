"""Holds: a Redis that answers nobody for a while, then all who wait, and holds again."""

from __future__ import annotations

import threading

from pytest_resilience.errors import FaultDidNotBite
from pytest_resilience.services.redis_settings import figures
from pytest_resilience.services.resp import Reply, RespConnection

SHORTEST, LONGEST = 0.01, 60.0
PATIENCE = 5.0
OURS = 2  # commands of each hold: INFO, CLIENT PAUSE
BEFORE_ITS_END = 0.9


class Holds:
    """Holds of `seconds` each that follow one another, from `begin()` to `end()`.

    :ivar delayed: commands of others that came from the beginning of the first to the end of the last.
    """

    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.delayed = 0
        self._host, self._port, self._seconds = host, port, seconds
        self._stop = threading.Event()
        self._held = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="redis holds", daemon=True)

    def begin(self) -> None:
        """Return when the first hold has begun."""
        self._thread.start()
        if not self._held.wait(PATIENCE):
            raise FaultDidNotBite("Redis is not held") from self._trouble
        self._raise()

    def end(self) -> None:
        """Return when the last hold is over."""
        self._stop.set()
        self._thread.join()
        self._raise()

    def _raise(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._hold()
                except OSError:  # it was taken down, which its heal undoes
                    self._stop.wait(0.02)
        except Exception as trouble:  # noqa: BLE001  (kept, and raised in the test's own thread)
            self._trouble = trouble
        finally:
            self._held.set()

    def _hold(self) -> None:
        with RespConnection(self._host, self._port, timeout=PATIENCE + 2 * self._seconds) as line:
            before = None
            while not self._stop.is_set():
                # Sent towards the end of a hold, it is held itself, is the last in the line, and begins the next hold
                # before anybody can come in between. The two run without another's command between them.
                line.send(b"INFO stats\r\nCLIENT PAUSE %d\r\n" % round(self._seconds * 1000))
                before = self._add(before, line.receive())
                line.receive()
                self._held.set()
                self._stop.wait(self._seconds * BEFORE_ITS_END)
            self._add(before, line.command("INFO", "stats"))

    def _add(self, before: int | None, stats: Reply) -> int:
        now = int(figures(stats)["total_commands_processed"])
        if before is not None:
            self.delayed += max(0, now - before - OURS)
        return now
