"""What: everything that can be driven by load, and what has to be known of it beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pytest_resilience.load.action import Action, User
from pytest_resilience.load.mix import Mix
from pytest_resilience.load.request import Request
from pytest_resilience.load.websocket import WebSocket

What: TypeAlias = "Request | WebSocket | Mix | User | Action"


def parts(what: What) -> Iterator[Request | WebSocket | User | Action]:
    """Yield what `what` consists of: the parts of a mix, else itself."""
    if isinstance(what, Mix):
        yield from what.whats
    else:
        yield what


def deadlines(what: What, default: float) -> list[float]:
    """Return the seconds after which calls of each part count as failed, `default` where a part says none."""
    return [getattr(part, "deadline", None) or default for part in parts(what)]
