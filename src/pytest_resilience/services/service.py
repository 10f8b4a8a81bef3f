"""A service: a running thing that has an address, can be asked whether it is ready, and can be broken."""

from __future__ import annotations

from pytest_resilience.services.clocks import Clocks
from pytest_resilience.services.crashes import Crashes
from pytest_resilience.services.limits import Limits

__all__ = ["Service"]


class Service(Crashes, Clocks, Limits):
    """A unit that can be reached, waited for and broken.

    `address` and `url` are where it is; `logs()` and `usage()` say how it is. Each fault is a method that returns a
    `Fault`: `with service.killed() as outage: ...`. What it touched is in the receipt of its episode.
    """
