"""Readiness: what it means for a service to be able to do its work, as a question that can be asked again and again.

A service says it in one of four ways:

- nothing: a connection to its port is accepted; a service without a port is ready when it runs
- a path such as `"/health"`: GET on it answers with a status below 400
- a compiled pattern: a line of its log since this start matches it
- a callable: it returns something true; what it raises means "not yet"
"""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable

from pytest_resilience.errors import UsageError

Ready = str | re.Pattern[str] | Callable[[], object] | None

# One try is short: a service that is starting answers at once or not at all.
TRY = 1.0
LOOPBACK = "127.0.0.1"


class Question:
    """Whether a service is ready.

    :ivar words: what is waited for, for messages.

    :param logs: returns what the service has written since this start.
    :raises UsageError: `ready` is none of the four, or asks a port of a service that has none.
    """

    def __init__(self, name: str, ready: Ready, *, port: int | None, logs: Callable[[], str]) -> None:
        if ready is None:
            self.words, self._ask = ("it to run", _true) if port is None else _by_port(port)
        elif isinstance(ready, str):
            self.words, self._ask = _by_path(name, ready, port)
        elif isinstance(ready, re.Pattern):
            self.words, self._ask = _by_log(ready, logs)
        elif callable(ready):
            self.words, self._ask = f"{getattr(ready, '__qualname__', 'a callable')}() to be true", ready
        else:
            raise UsageError(
                f"{name}: ready={ready!r} says nothing; "
                'pass a path ("/health"), a compiled pattern, a callable, or None'
            )

    def ask(self) -> bool:
        """Ask once; an exception means "not yet", and is the reason."""
        return bool(self._ask())

    def __repr__(self) -> str:
        return f"<Question: {self.words}>"


Answer = tuple[str, Callable[[], object]]


def accepts(port: int) -> bool:
    """Tell whether a connection to the port on 127.0.0.1 is accepted."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=TRY).close()
    except OSError:
        return False
    return True


def refuses(port: int) -> bool:
    """Tell whether a connection to the port on 127.0.0.1 is refused; one that hangs is neither accepted nor refused."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=TRY).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _true() -> bool:
    return True


def _by_port(port: int) -> Answer:
    return f"port {port} to accept", lambda: accepts(port)


def _by_path(name: str, path: str, port: int | None) -> Answer:
    if port is None:
        raise UsageError(
            f"{name}: ready={path!r} asks for HTTP, and this service has no port; give it one, or another ready="
        )
    if not path.startswith("/"):
        raise UsageError(f'{name}: ready={path!r} is no path; it begins with "/", such as "/health"')
    return f"GET {path} to answer below 400", lambda: _answers(port, path)


def _by_log(pattern: re.Pattern[str], logs: Callable[[], str]) -> Answer:
    return f"a line of its log like {pattern.pattern!r}", lambda: any(map(pattern.search, logs().splitlines()))


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TRY)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status >= 400:
        raise ConnectionError(f"GET {path} answered {status}")
    return True
