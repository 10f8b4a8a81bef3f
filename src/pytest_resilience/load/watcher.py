"""A watcher: who is told of the runs of load while they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_resilience.load.run import Run


class Watcher(Protocol):
    """Is told of runs, and raises nothing."""

    def began(self, load: Run) -> None:
        """Hear that it goes on from now."""

    def ended(self, load: Run) -> None:
        """Hear that it is over."""
