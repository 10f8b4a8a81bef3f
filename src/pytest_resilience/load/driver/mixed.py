"""Mixed: a caller that hands each call to one of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_resilience.load.driver.caller import After, Caller


class MixedCaller:
    """Makes calls through the callers of a mix, in the order that `rounds` deals."""

    def __init__(self, callers: Sequence[Caller], rounds: Iterator[int]) -> None:
        self._callers, self._rounds = callers, rounds

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not finished."""
        return sum(caller.in_flight for caller in self._callers)

    @property
    def begun(self) -> int:
        """How many calls have begun, without those that turned out to be unsent."""
        return sum(caller.begun for caller in self._callers)

    async def open(self) -> None:
        """Open what all calls share."""
        for caller in self._callers:
            await caller.open()

    async def admit(self, user: int) -> None:
        """Open what the calls of `user` share."""
        for caller in self._callers:
            await caller.admit(user)

    async def dismiss(self, user: int) -> None:
        """Close what was opened for `user`."""
        for caller in self._callers:
            await caller.dismiss(user)

    def call(self, index: int, due: float, user: int, after: After | None = None) -> None:
        """Begin a call of the part that is next."""
        self._callers[next(self._rounds)].call(index, due, user, after)

    def give_up(self, *, record: bool) -> None:
        """Abort what is in flight."""
        for caller in self._callers:
            caller.give_up(record=record)

    async def close(self) -> None:
        """Close what was opened."""
        for caller in self._callers:
            await caller.close()
