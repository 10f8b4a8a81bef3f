"""A link: a TCP road to a service that can be broken."""

from __future__ import annotations

from pytest_resilience.links.cuts import Cuts
from pytest_resilience.links.delays import Delays
from pytest_resilience.links.road import Traffic
from pytest_resilience.links.shapes import Shapes

__all__ = ["Link", "Traffic"]


class Link(Cuts, Delays, Shapes):
    """A road from a port on 127.0.0.1 to a service, and everything that can happen on it.

    `address` and `url` are what to connect to instead; `traffic` says what went through; `point_at` leads elsewhere.
    Each fault is a method that returns a `Fault`: `with link.severed() as partition: ...`. What it touched is in the
    receipt of its episode, read from the server while it is in force.

    Many faults take the same options: `direction`, `toxicity`, `first`, `every`, `after_bytes`, `only_new` (see
    `scope.Scope`) and `optional`.
    """
