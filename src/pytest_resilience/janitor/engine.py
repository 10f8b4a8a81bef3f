"""The undoing of Docker objects, spoken to the Engine API on its Unix socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from pytest_resilience.errors import UndoFailed, UsageError

LABEL = "pytest-resilience.run"
_DEFAULT = "unix:///var/run/docker.sock"
_PATIENCE = 10.0  # seconds for an answer, and for everything to be gone


def docker_host() -> str:
    """Return where the Docker daemon of this environment listens: `$DOCKER_HOST` or its usual Unix socket."""
    return os.environ.get("DOCKER_HOST") or _DEFAULT


@dataclass(frozen=True)
class RemoveContainers:
    """Remove all containers, with their anonymous volumes, and all networks that carry a run's label.

    :ivar label_value: the value of the label `pytest-resilience.run`.
    :ivar host: the daemon, as `unix:///path`; by default the one of the environment in which this
        undo is made, since the janitor may have another.
    :raises UsageError: the host is no Unix socket, or the value is empty.
    """

    label_value: str
    host: str = field(default_factory=docker_host)

    def __post_init__(self) -> None:
        if not self.label_value:
            raise UsageError("RemoveContainers: the label's value is empty; pass the token of the run")
        if not self.host.startswith("unix:///"):
            raise UsageError(f"RemoveContainers: {self.host!r} is no Unix socket; pass one as unix:///path")

    def undo(self) -> None:
        """Return when there are none; fine when there were none.

        :raises UndoFailed: the daemon cannot be asked, or refuses.
        """
        # In that order: a network is not removed while a container is in it.
        self._remove_all("containers", "/containers/json?all=1&", "/containers/{}?force=1&v=1")
        self._remove_all("networks", "/networks?", "/networks/{}")

    def __str__(self) -> str:
        return f"remove Docker containers and networks labelled {LABEL}={self.label_value}"

    def _remove_all(self, what: str, listing: str, each: str) -> None:
        query = urlencode({"filters": json.dumps({"label": [f"{LABEL}={self.label_value}"]})})
        deadline = time.monotonic() + _PATIENCE
        pause = 0.01
        while names := self._ids(listing + query):
            answers = [self._ask("DELETE", each.format(quote(name))) for name in names]
            refusals = [said for status, said in answers if status not in (200, 204, 404, 409)]
            if refusals:
                raise UndoFailed(
                    f"{self}: {', '.join(refusals)}; remove them with `docker rm -f` or `docker network rm`"
                )
            if time.monotonic() > deadline:
                raise UndoFailed(f"{self}: {what} {', '.join(names)} are still there after {_PATIENCE:g} s")
            # 409: the daemon is at it already. `wait_until` lives on a higher floor than the janitor.
            time.sleep(pause)
            pause = min(pause * 2, 0.2)

    def _ids(self, target: str) -> Sequence[str]:
        status, said = self._ask("GET", target)
        if status != 200:
            raise UndoFailed(f"{self}: GET {target} was answered {status}: {said}")
        return [str(one["Id"]) for one in json.loads(said)]

    def _ask(self, method: str, target: str) -> tuple[int, str]:
        connection = UnixConnection(self.host.removeprefix("unix://"), timeout=_PATIENCE)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UndoFailed(f"{self}: the daemon at {self.host} does not answer ({error}); start Docker") from error
        finally:
            connection.close()
        return response.status, body.decode(errors="replace")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket.

    :param timeout: seconds for connecting and for each answer.
    """

    def __init__(self, path: str, *, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of to a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
