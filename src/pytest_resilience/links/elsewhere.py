"""A link server that runs somewhere else: in a container, or at an address that an option names."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from pytest_resilience.errors import LinkServerError, WaitTimeout
from pytest_resilience.links.host import LinkServer
from pytest_resilience.links.observed import ObservedToxiproxy
from pytest_resilience.links.process import answers
from pytest_resilience.links.toxiproxy import Toxiproxy
from pytest_resilience.waiting import wait_until


class ServerElsewhere(LinkServer):
    """A server at a host and port.

    :param start: starts it, where that is ours to do: enters what ends it, and returns the port and what returns its
        log. Without it, the server has to be there.
    :param within: seconds until it answers.
    """

    def __init__(
        self,
        host: str,
        port: int = 0,
        *,
        start: Callable[[ExitStack], tuple[int, Callable[[], str]]] | None = None,
        within: float = 10.0,
    ) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._start = start
        self._within = within
        self._logs: Callable[[], str] | None = None

    def open(self, ends: ExitStack) -> Toxiproxy:
        """Find it, and find out whether it counts what goes through it."""
        if self._start is not None:
            self._port, self._logs = self._start(ends)
        client = Toxiproxy(self._host, self._port)
        try:
            wait_until(lambda: answers(client), within=self._within)
        except WaitTimeout as late:
            said = f"; it said: {self.logs()}" if self._start else "; is it running?"
            raise LinkServerError(f"no Toxiproxy answers at {self._host}:{self._port}{said}") from late
        return client if client.counts() else ObservedToxiproxy(self._host, self._port, logs=self._logs)

    def logs(self) -> str:
        """Return what it has written; nothing where it is not ours."""
        return self._logs() if self._logs is not None else ""
