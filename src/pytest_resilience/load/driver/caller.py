"""A caller: what makes the calls that arrivals and users ask for, and records what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

After: TypeAlias = Callable[[bool], None]
"""Called when a call has finished, with whether its user may go on at once: it succeeded, or was cancelled."""


class Caller(Protocol):
    """Makes calls. Every call that is begun is recorded exactly once, as a sample or as unsent."""

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not finished."""

    @property
    def begun(self) -> int:
        """How many calls have begun, without those that turned out to be unsent."""

    async def open(self) -> None:
        """Open what all calls share.

        :raises SetupFailed: the user's generator raised.
        """

    async def admit(self, user: int) -> None:
        """Open what the calls of `user` share; `SetupFailed` as above."""

    async def dismiss(self, user: int) -> None:
        """Close what was opened for `user`."""

    def call(self, index: int, due: float, user: int, after: After | None = None) -> None:
        """Begin a call that was due at `due`."""

    def give_up(self, *, record: bool) -> None:
        """Abort what is in flight; record it as timed out, or not at all."""

    async def close(self) -> None:
        """Close what was opened; `SetupFailed` as above."""
