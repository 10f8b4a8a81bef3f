"""The loading of a Redis, again and again: for as long as a client is to be told `-LOADING`.

`DEBUG LOADAOF` empties Redis and reads the append-only file back, as a start does. In between it looks at its clients
once, and tells them that it is loading. One that lasts cannot be cut short, since a loading Redis takes no setting. So
many short ones are sent at once, on one connection: Redis runs what it has read of a connection without turning to
another. Closing that connection from another one (`CLIENT KILL` is heard while loading) ends it with the current one.
"""

from __future__ import annotations

import contextlib

from pytest_resilience.errors import Unsupported
from pytest_resilience.services.redis_settings import Settings, figures
from pytest_resilience.services.resp import RedisRefused, Reply, RespConnection
from pytest_resilience.waiting import wait_until

LASTING = 10.0
PATIENCE = 10.0
# A Redis reads 16 kB of a connection at a time, and these have to be read together.
BATCH, ONE = 1000, b"DEBUG LOADAOF\r\n"
QUICKEST = 0.01  # seconds of one load
MARK = "pytest-resilience:loading"


class Loads:
    """Loads that follow one another without a gap, for `at_most` seconds or a little more."""

    def __init__(self, name: str, host: str, port: int, *, at_most: float) -> None:
        self._name, self._host, self._port = name, host, port
        self._each = max(QUICKEST, at_most / BATCH)
        self._batch = max(1, round(at_most / self._each))
        self._settings = Settings(self._ask)
        self._line: RespConnection | None = None
        self._id = 0

    def prepare(self) -> None:
        """Make the append-only file short, and end it with a command: at each command of it clients are looked at.

        :raises Unsupported: it keeps none, or is not to be debugged.
        """
        if figures(self._ask("INFO", "persistence")).get("aof_enabled") != "1":
            raise Unsupported(f"{self._name}: keeps no append-only file to load; start it with appendonly yes")
        try:
            self._ask("DEBUG", "SLEEP", "0")
        except RedisRefused as refused:
            raise Unsupported(
                f"{self._name}: refuses DEBUG ({refused}), by which it is made to load; "
                "start it with enable-debug-command yes"
            ) from refused
        wait_until(self._at_rest, within=PATIENCE, what=f"{self._name} has rewritten its file before")
        self._ask("BGREWRITEAOF")
        wait_until(self._at_rest, within=PATIENCE, what=f"{self._name} rewrites its append-only file")
        with self._connect() as line:
            for words in (("MULTI",), ("INCR", MARK), ("DEL", MARK), ("EXEC",)):
                line.command(*words)

    def begin(self) -> None:
        """Begin to load; returns when it has been sent."""
        keys = sum(int(one.partition(",")[0]) for one in self._keyspace())
        # Slept for each key and each command that is read; below 1 µs Redis cannot, and with many keys it need not.
        self._settings.change("key-load-delay", str(round(self._each / (keys + 4) * 1e6)))
        self._line = self._connect()
        self._id = int(str(self._line.command("CLIENT", "ID")))
        # It sleeps until all of the batch has arrived.
        self._line.send(b"DEBUG SLEEP 0.02\r\n" + ONE * self._batch)

    def over(self) -> bool:
        """Whether it has ended."""
        return figures(self._ask("INFO", "persistence")).get("loading") == "0"

    def end(self) -> None:
        """End it, and return when Redis answers again."""
        if self._line is not None:
            with contextlib.suppress(RedisRefused):  # it has ended by itself, or Redis was started again
                self._ask("CLIENT", "KILL", "ID", self._id)
            self._line.close()
            self._line = None
            wait_until(self.over, within=PATIENCE, what=f"{self._name} ends its loading")
        self._settings.restore()

    def _keyspace(self) -> list[str]:
        known = figures(self._ask("INFO", "keyspace"))
        return [counts.partition("keys=")[2] for name, counts in known.items() if name.startswith("db")]

    def _at_rest(self) -> bool:
        now = figures(self._ask("INFO", "persistence"))
        return now.get("aof_rewrite_in_progress") == "0" and now.get("aof_rewrite_scheduled") == "0"

    def _ask(self, *words: str | float) -> Reply:
        with self._connect() as line:
            return line.command(*words)

    def _connect(self) -> RespConnection:
        return RespConnection(self._host, self._port, timeout=PATIENCE)
