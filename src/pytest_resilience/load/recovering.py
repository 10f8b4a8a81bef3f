"""Holding load for as long as a recovery takes, instead of for a time that is guessed."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from typing import TYPE_CHECKING

from pytest_resilience.errors import DriverSaturated, NoSamples, TooFewSamples, UsageError
from pytest_resilience.faults.offload import offload
from pytest_resilience.load.windows import Windows
from pytest_resilience.measure.sides import require_episode

if TYPE_CHECKING:
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.timeline import Episode

LOOK = 0.25  # seconds between two looks, and
LEAST = 0.05  # where the end is near
STEADY = 2.0
WITHIN = 30.0


class Recovering(Windows):
    """What can be held until it has recovered."""

    @abstractmethod
    def hold(self, seconds: float) -> None:
        """Let the load go on for `seconds`."""

    @abstractmethod
    async def ahold(self, seconds: float) -> None:
        """Do as `hold` does, and let the event loop go on."""

    def hold_until_recovered(
        self, episode: Episode, *, to: SLO, within: float = WITHIN, steady: float = STEADY
    ) -> None:
        """Let the load go on until `to` has been met again for `steady` seconds on end, or until `within` is over.

        It judges nothing: what is in flight is not known yet, so ask `recovery` when the load has ended.

        :param episode: a fault that has been healed.
        :param within: the most seconds from now.
        :raises UsageError: the fault is in force, or a time cannot be meant; besides, raises what `hold` raises.
        """
        until = self._deadline(episode, within, steady)
        while (pause := self._pause(episode, to, until, steady)) > 0:
            self.hold(pause)

    async def ahold_until_recovered(
        self, episode: Episode, *, to: SLO, within: float = WITHIN, steady: float = STEADY
    ) -> None:
        """Do as `hold_until_recovered` does, and let the event loop go on."""
        until = self._deadline(episode, within, steady)
        while (pause := await offload(lambda: self._pause(episode, to, until, steady))) > 0:
            await self.ahold(pause)

    @staticmethod
    def _deadline(episode: Episode, within: float, steady: float) -> float:
        require_episode(episode)
        for name, value in (("within", within), ("steady", steady)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise UsageError(f"hold_until_recovered({name}={value!r}): expected seconds, such as 5")
        if episode.healed is None:
            raise UsageError(f"hold_until_recovered: {episode!r}: leave its `with` first, then hold")
        return time.monotonic() + within

    def _pause(self, episode: Episode, to: SLO, until: float, steady: float) -> float:
        """Return the seconds until the next look; 0 when there is nothing to wait for any more."""
        left = until - time.monotonic()
        try:
            back = Windows.recovery(self, episode, to=to)  # the run's own would note each look on the timeline
        except (NoSamples, TooFewSamples, DriverSaturated):  # so far
            back = math.inf
        due = self.after(episode).view.due_span
        if due is not None:
            # Not until now: what has been answered looks as good as ever where nothing is answered any more.
            left = min(left, (episode.healed or 0.0) + back + steady - due[1])
        return min(LOOK, max(LEAST, left)) if left > 0 else 0.0
