"""Users: the closed model, in which each user makes one call after the other.

A user whose call failed pauses before the next one. A service that refuses connections answers in
microseconds, and users without a pause would turn an outage into a storm that hides everything else.

Users who think wait after each call. Before its first call a user has a part of a think already
behind it, so that those who begin together do not go on in step.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from itertools import count

from pytest_resilience.load.driver.caller import Caller
from pytest_resilience.load.profile import Profile

EVERY = 0.02  # seconds between two looks at how many users there should be
PAUSE = 0.1  # seconds that a user waits after a call that failed


class _Life:
    """The calls of one user, each begun from the end of the one before, without a task in between.

    :ivar over: done once the user is not wanted any more and its last call has finished.
    """

    __slots__ = ("_crowd", "_pause", "_thinks", "_user", "over")

    def __init__(self, crowd: Users, user: int, thinks: Callable[[], float] | None) -> None:
        self._crowd, self._user, self._thinks = crowd, user, thinks
        self._pause: asyncio.TimerHandle | None = None
        self.over: asyncio.Future[None] = crowd.loop.create_future()
        if thinks is None:
            self._begin()
        else:
            self._wait(thinks() * crowd.phase(user))

    def _begin(self) -> None:
        crowd = self._crowd
        self._pause = None
        if crowd.wants(self._user):
            crowd.caller.call(next(crowd.indices), time.monotonic(), self._user, self._after)
        elif not self.over.done():
            self.over.set_result(None)

    def _after(self, ok: bool) -> None:  # noqa: FBT001  (the answer, not a switch)
        if self._thinks is not None:
            self._wait(self._thinks() if ok else max(PAUSE, self._thinks()))
        elif ok:
            self._begin()
        else:
            self._wait(PAUSE)

    def _wait(self, seconds: float) -> None:
        if self._crowd.wants(self._user):
            self._pause = self._crowd.loop.call_later(seconds, self._begin)
        else:
            self._begin()

    def look(self) -> None:
        """End at once a user who waits for a call that is not wanted any more."""
        if self._pause is not None and not self._crowd.wants(self._user):
            self._pause.cancel()
            self._begin()


class Users:
    """Keeps as many users at work as the profile says.

    :ivar indices: the numbers of their calls.
    """

    def __init__(
        self,
        profile: Profile,
        caller: Caller,
        *,
        share: int = 0,
        drivers: int = 1,
        think: tuple[float, float] | None = None,
        seed: int = 0,
    ) -> None:
        """Let users think between two calls for a time drawn evenly from `think`, in seconds."""
        self.caller, self.loop = caller, asyncio.get_running_loop()
        self.indices = count(share, drivers)
        self._profile, self._think, self._seed = profile, think, seed
        self._share, self._drivers = share, drivers
        self._stopped = False
        self._until = float("inf")
        self._wanted = 0
        self._at_work: dict[int, asyncio.Task[None]] = {}
        self._lives: dict[int, _Life] = {}
        self._keeper: asyncio.Task[None] | None = None

    def start(self, begin: float, failed: Callable[[BaseException], None]) -> None:
        """Let the profile begin at `begin`; call `failed` if a user cannot be opened or closed."""
        self._keeper = self.loop.create_task(self._keep(begin))
        self._keeper.add_done_callback(lambda task: None if task.cancelled() else _tell(task, failed))

    def wants(self, user: int) -> bool:
        """Tell whether `user` goes on."""
        return user < self._wanted and not self._stopped

    def phase(self, user: int) -> float:
        """Return which part of its first think is still ahead of `user`, 0 to 1."""
        return random.Random(f"{self._seed}/phase/{user}").random()

    async def _keep(self, begin: float) -> None:
        await asyncio.sleep(max(0.0, begin - time.monotonic()))
        end = begin + self._profile.total
        while not self._stopped and (now := time.monotonic()) < min(end, self._until):
            wanted = round(self._profile.at(now - begin))
            fewer, self._wanted = wanted < self._wanted, wanted
            if fewer:
                self._look()
            for user in range(self._share, wanted, self._drivers):
                if user not in self._at_work:
                    self._at_work[user] = self.loop.create_task(self._live(user))
            for user, task in list(self._at_work.items()):
                if task.done():
                    del self._at_work[user]
                    task.result()
            await asyncio.sleep(min(EVERY, max(0.0, min(end, self._until) - now)))
        self._stop()
        await asyncio.gather(*self._at_work.values())

    async def _live(self, user: int) -> None:
        await self.caller.admit(user)
        try:
            self._lives[user] = life = _Life(self, user, self._thinking(user))
            await life.over
        finally:
            self._lives.pop(user, None)
            await self.caller.dismiss(user)

    def _thinking(self, user: int) -> Callable[[], float] | None:
        if self._think is None:
            return None
        low, high = self._think
        draw = random.Random(f"{self._seed}/think/{user}").random
        return lambda: low + (high - low) * draw()

    def _look(self) -> None:
        for life in list(self._lives.values()):
            life.look()

    def _stop(self) -> None:
        self._stopped = True
        self._look()

    def stop(self, until: float) -> None:
        """Begin no call after `until`."""
        self._until = until
        if until <= time.monotonic():
            self._stop()

    async def over(self) -> None:
        """Return when every user has finished its last call."""
        if self._keeper is not None:
            await asyncio.wait((self._keeper,))

    def give_up(self) -> None:
        """Begin no call any more."""
        self._stop()


def _tell(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    error = task.exception()
    if error is not None:
        failed(error)
