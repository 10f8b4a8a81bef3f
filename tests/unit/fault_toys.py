"""Something to break in the tests of faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.timeline import Receipt


@dataclass
class Toy:
    """Something that can be broken, and remembers."""

    name: str = "toy"
    log: list[str] = field(default_factory=list)

    @fault
    def broken(self, *, touching: int = 1, optional: bool = False) -> Breakage:
        self.log.append(f"{self.name} broken")
        yield Receipt(parts=touching, optional=optional)
        self.log.append(f"{self.name} healed")
