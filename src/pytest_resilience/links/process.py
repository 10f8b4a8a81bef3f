"""A link server that is a child process of the session: the embedded one, or a toxiproxy-server on PATH."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol

from pytest_resilience.errors import LinkServerError, WaitTimeout
from pytest_resilience.janitor import Child, Janitor
from pytest_resilience.links.host import LinkServer
from pytest_resilience.links.observed import ObservedToxiproxy
from pytest_resilience.links.toxiproxy import RequestFailed, Toxiproxy
from pytest_resilience.waiting import wait_until

_PROGRAM = Path(__file__).parent / "server"
_READY_WITHIN = 30.0  # seconds; it takes a tenth of one, and a busy machine is no failure
_END_WITHIN = 2.0
_LOOPBACK = "127.0.0.1"


class Lease(Protocol):
    """A port on 127.0.0.1 that nobody else takes."""

    @property
    def port(self) -> int:
        """The port."""


class ChildServer(LinkServer):
    """A server in a process that the janitor knows of."""

    def __init__(self, janitor: Janitor) -> None:
        super().__init__()
        self._janitor = janitor
        self._log = janitor.directory / "links.log"
        self._child: Child | None = None

    def check(self) -> None:
        """Raise LinkServerError if it has died."""
        if self._child is not None and self._child.process.poll() is not None:
            status = self._child.process.returncode
            raise LinkServerError(f"the link server has died with status {status}; its log says: {self.logs()}")

    def logs(self) -> str:
        """Return what it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _launch(
        self,
        ends: ExitStack,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._child = self._janitor.launch(argv, env=env, output=self._log, pass_fds=pass_fds)
        ends.callback(self._end, self._child)

    def _end(self, child: Child) -> None:
        self._child = None
        child.process.terminate()
        try:
            child.process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        child.promise.kept()

    def _late(self) -> LinkServerError:
        return LinkServerError(f"the link server did not start within {_READY_WITHIN:g} s; it said: {self.logs()}")


class EmbeddedServer(ChildServer):
    """The embedded server: no Docker, no Go, live counters, and a seed.

    :param seed: what all random choices of its toxics come from.
    """

    def __init__(self, janitor: Janitor, *, seed: int) -> None:
        super().__init__(janitor)
        self._seed = seed

    def open(self, ends: ExitStack) -> Toxiproxy:
        """Start it; it says its port through a pipe."""
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb", buffering=0) as ready:
            try:
                words = ["--host", _LOOPBACK, "--port", "0", "--seed", str(self._seed), "--ready-fd", str(writing)]
                # By its path: the server needs none of the package, and starts faster without it.
                self._launch(ends, [sys.executable, str(_PROGRAM), *words], pass_fds=(writing,))
            finally:
                os.close(writing)
            readable, _, _ = select.select([ready], [], [], _READY_WITHIN)
            port = ready.readline() if readable else b""
        if not port:
            raise self._late()
        return Toxiproxy(_LOOPBACK, int(port))


class ToxiproxyServer(ChildServer):
    """The real toxiproxy-server.

    :param binary: where it lies.
    :param lease: leases the port of its API.
    """

    def __init__(self, janitor: Janitor, binary: Path, *, lease: Callable[[], AbstractContextManager[Lease]]) -> None:
        super().__init__(janitor)
        self._binary = binary
        self._lease = lease

    def open(self, ends: ExitStack) -> Toxiproxy:
        """Start it and wait until it answers."""
        port = ends.enter_context(self._lease()).port
        self._launch(ends, [str(self._binary), *arguments(port)], env={**os.environ, "LOG_LEVEL": "info"})
        client = ObservedToxiproxy(_LOOPBACK, port, logs=self.logs)
        try:
            wait_until(lambda: self._answers(client), within=_READY_WITHIN)
        except WaitTimeout as late:
            raise self._late() from late
        return client

    def _answers(self, client: Toxiproxy) -> bool:
        self.check()
        return answers(client)


def arguments(port: int) -> tuple[str, ...]:
    """Return the arguments of a toxiproxy-server of ours: on 127.0.0.1, and telling the bytes of ended connections."""
    return "-host", _LOOPBACK, "-port", str(port), "-proxy-metrics"


def answers(client: Toxiproxy) -> bool:
    """Whether the server answers."""
    try:
        client.version()
    except RequestFailed as failure:
        if failure.status is None:
            return False
        raise
    return True
