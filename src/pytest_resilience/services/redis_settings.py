"""Settings of a Redis that are changed for a while, and the errors that it counts."""

from __future__ import annotations

import re
from collections.abc import Callable

from pytest_resilience.errors import ServiceStateError, Unsupported
from pytest_resilience.services.resp import Reply

Ask = Callable[..., Reply]


class Settings:
    """Settings that are changed by CONFIG SET, and set back in reverse.

    :param ask: sends a command and returns the reply.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._before: dict[str, str] = {}

    def change(self, name: str, value: str) -> None:
        """Set a setting, and remember what it was.

        :raises Unsupported: this Redis does not have it.
        """
        was = self._ask("CONFIG", "GET", name)
        if not isinstance(was, list) or len(was) != 2:
            raise Unsupported(f"this Redis has no setting {name}; Redis 6.2 and later have")
        self._before.setdefault(name, str(was[1]))
        self._ask("CONFIG", "SET", name, value)

    def restore(self) -> None:
        """Set all of them back."""
        while self._before:
            name, value = self._before.popitem()
            self._ask("CONFIG", "SET", name, value)
            now = self._ask("CONFIG", "GET", name)
            if now != [name, value]:
                raise ServiceStateError(f"Redis took {name}={value} and has {now!r}")


def figures(info: Reply) -> dict[str, str]:
    """Return an answer to INFO as figures by name.

    >>> figures("# Persistence" + chr(10) + "loading:0")
    {'loading': '0'}
    """
    lines = (line.partition(":") for line in str(info).splitlines() if ":" in line)
    return {name: value for name, _, value in lines}


def refusals(ask: Ask, error: str) -> int:
    """Return how many errors of this kind Redis has given since it started.

    :raises Unsupported: it does not count them.
    """
    stats = str(ask("INFO", "errorstats"))
    if "errorstats" not in stats.lower():
        raise Unsupported(
            "this Redis does not count the errors it gives, so nothing would show that a client met one; "
            "Redis 6.2 and later do"
        )
    found = re.search(rf"^errorstat_{error}:count=(\d+)", stats, re.MULTILINE)
    return int(found[1]) if found else 0


def since(before: int, now: int) -> int:
    """Return by how much a count has grown; a count that went back is that of a server that was started again.

    >>> since(3, 5), since(5, 2)
    (2, 2)
    """
    return now - before if now >= before else now
