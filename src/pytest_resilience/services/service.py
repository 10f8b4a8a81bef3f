"""A service: a running thing that has an address, can be asked whether it is ready, and can be broken."""

from __future__ import annotations

from pytest_resilience.services.outages import Outages

__all__ = ["Service"]


class Service(Outages):
    """A unit that can be reached, waited for and broken.

    `address` and `url` are where it is; `logs()` and `usage()` say how it is. Each fault is a method that returns a
    `Fault`: `with service.killed() as outage: ...`. What it touched is in the receipt of its episode.
    """
