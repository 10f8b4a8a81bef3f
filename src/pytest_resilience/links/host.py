"""The server behind the links of one session: what all kinds of it have in common."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from pytest_resilience.errors import LinkServerError
from pytest_resilience.links.toxiproxy import Toxiproxy


class LinkServer:
    """A server that speaks Toxiproxy's API. Nothing runs until `client` is first asked for.

    A kind of it says how one is opened.
    """

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._ends = ExitStack()
        self._client: Toxiproxy | None = None

    @property
    def client(self) -> Toxiproxy:
        """The client of the running server.

        :raises LinkServerError: it does not start, or has died.
        :raises BackendUnavailable: what it runs in is not there.
        """
        with self._opening:
            if self._client is None:
                try:
                    self._client = self.open(self._ends)
                except BaseException:
                    self._ends.close()
                    raise
            else:
                self.check()
            return self._client

    def ensure_fresh(self) -> None:
        """Forget one that has died, which the test that it died in was told: the next test has another."""
        try:
            if self._client is not None:
                self.check()
        except LinkServerError:
            self.close()

    def open(self, ends: ExitStack) -> Toxiproxy:
        """Start it; `ends` is what ends it."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise LinkServerError if it has died."""

    def logs(self) -> str:
        """Return what it has written."""
        return ""

    def close(self) -> None:
        """End it, if it runs; may be called again."""
        with self._opening:
            self._client = None
            self._ends.close()

    def __repr__(self) -> str:
        where = f"at {self._client.host}:{self._client.port}" if self._client else "not started"
        return f"<{type(self).__name__} {where}>"
