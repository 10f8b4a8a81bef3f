"""A Docker daemon as it is on its Unix socket, spoken to with the standard library: a question takes a millisecond."""

from __future__ import annotations

import http.client
import json

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.janitor.engine import UnixConnection


class Daemon:
    """A daemon that has answered.

    :ivar engine: which one it is, and its version: `Docker Engine 20.10.24`.
    """

    def __init__(self, connection: http.client.HTTPConnection, path: str) -> None:
        self._connection = connection
        self._path = path
        self.engine = _named(self.get("/version"))

    @classmethod
    def at(cls, path: str, *, patience: float) -> Daemon:
        """Return the daemon whose socket is at `path`.

        :param patience: seconds that it has for one answer.
        :raises BackendUnavailable: there is none, or it does not answer.
        """
        connection = UnixConnection(path, timeout=patience)
        try:
            return cls(connection, path)
        except BaseException:
            connection.close()
            raise

    def get(self, target: str) -> object:
        """Return the answer to a question of the Engine API, None for what it does not have (404).

        :raises BackendUnavailable: it does not answer, or refuses.
        """
        try:
            self._connection.request("GET", target)
            response = self._connection.getresponse()
            body = response.read()
            if response.status not in {200, 404}:
                raise BackendUnavailable(
                    f"the Docker daemon at {self._path} answers {response.status}: {one_line(body)}"
                )
            answer: object = json.loads(body) if response.status == 200 else None
        except FileNotFoundError as error:
            raise BackendUnavailable(f"no Docker daemon: {self._path} does not exist; start dockerd") from error
        except PermissionError as error:
            raise BackendUnavailable(
                f"no access to the Docker daemon at {self._path}: join the group of that socket"
            ) from error
        except ConnectionRefusedError as error:
            raise BackendUnavailable(f"no Docker daemon listens at {self._path}; start dockerd") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = one_line(error) or type(error).__name__
            raise BackendUnavailable(f"the Docker daemon at {self._path} does not answer: {why}") from error
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"<Daemon {self.engine} at {self._path}>"


def one_line(text: object) -> str:
    """Return a text as one line of at most 200 characters."""
    return " ".join((text.decode(errors="replace") if isinstance(text, bytes) else str(text)).split())[:200]


def _named(version: object) -> str:
    match version:
        # Docker's own builds are "Docker Engine - Community", a distribution's have no name, Podman says so.
        case {"Version": str(number), "Platform": {"Name": str(name)}}:
            return f"{name.removesuffix(' - Community') or 'Docker Engine'} {number.partition('+')[0]}"
        case {"Version": str(number)}:
            return f"Docker Engine {number.partition('+')[0]}"
    raise BackendUnavailable(f"what answers as a Docker daemon is none: it says {one_line(version)}")
