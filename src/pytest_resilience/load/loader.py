"""The loader: what the `load` fixture gives; prepares the runs of a test and sees to it that none is left over."""

from __future__ import annotations

from collections.abc import Callable

from pytest_resilience.errors import UsageError
from pytest_resilience.load.guard import Guard
from pytest_resilience.load.locust_run import LocustSettings, prepare_locust
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.process import Launcher
from pytest_resilience.load.profile import Profile
from pytest_resilience.load.run import Run
from pytest_resilience.load.watcher import Watcher
from pytest_resilience.load.what import What
from pytest_resilience.measure.slo import SLO, Critical


class Loader:
    """Makes runs of load.

    :param launcher: starts the driver processes: the janitor.
    :param seed: this test's own.
    :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
    :param locust: what the options say of Locust.
    :param watcher: is told when a run begins and ends.
    """

    def __init__(
        self,
        launcher: Launcher,
        *,
        seed: int,
        allowed: Callable[[str], None],
        locust: LocustSettings | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self._launcher = launcher
        self._locust = locust or LocustSettings()
        self._seed = seed
        self._allowed = allowed
        self._watcher = watcher
        self.runs: list[Run] = []
        self._left: list[Run] = []
        self._forgotten = 0

    def __call__(
        self,
        what: What | Locustfile,
        *,
        rate: float | Profile | None = None,
        users: float | Profile | None = None,
        think: float | tuple[float, float] | None = None,
        impatience: tuple[float, float] | None = None,
        deadline: float = 10.0,
        drivers: int = 1,
        connections: int | None = None,
        stop_when: SLO | Critical | None = None,
    ) -> Run:
        """Return a run that drives load from the moment it is entered until it is left.

        ::

            with load(Get(f"{app.url}/slots"), rate=200) as run:
                run.hold(5)

        :param what: a request, a function (plain or async, given the call if it takes an argument), a `@user`
            generator, a `mix(...)` of these, or a `WebSocket`. It runs in a process of its own, and what it captures
            has to be able to travel there. Or a `Locustfile`, which runs in processes of Locust.
        :param rate: arrivals per second, which do not wait for replies: a number or a profile.
        :param users: users at work, each waiting for its reply: a number or a profile. Give one of the two.
        :param think: seconds that each of `users` waits between two calls: a number, or (low, high) to draw from.
        :param impatience: (low, high): the seconds, drawn for each call, after which whoever made it gives up. The call
            is cancelled for good and counts as "impatient", apart from failures.
        :param deadline: seconds after which a call counts as failed; a request's own wins.
        :param drivers: how many processes share the load.
        :param connections: the most connections of each driver, or threads for plain functions.
        :param stop_when: the critical threshold at which the load ends and the test fails (`ThresholdCrossed`): an SLO
            that the last 5 s have certainly missed, or a function of the samples so far that returns the reason.
        :raises UsageError: an argument cannot be meant; its kind `NotPortable` names what cannot travel.
        :raises TargetNotAllowed: the target is neither loopback nor allowed by option.
        """
        guard = None if stop_when is None else Guard(stop_when)
        if isinstance(what, Locustfile):
            run: Run = self._drive_locust(
                what, rate, users, deadline, alone=(drivers, connections, think, impatience) == (1, None, None, None)
            )
            return self._keep(run, guard)
        run = prepare(
            what,
            launcher=self._launcher,
            rate=rate,
            users=users,
            think=think,
            impatience=impatience,
            deadline=deadline,
            seed=self._seed + self._forgotten + len(self.runs),
            drivers=drivers,
            connections=connections,
            allowed=self._allowed,
        )
        return self._keep(run, guard)

    def _keep(self, run: Run, guard: Guard | None) -> Run:
        run.guard, run.watcher = guard, self._watcher
        self.runs.append(run)
        return run

    def _drive_locust(
        self,
        file: Locustfile,
        rate: float | Profile | None,
        users: float | Profile | None,
        deadline: float,
        *,
        alone: bool,
    ) -> Run:
        if not alone:
            raise UsageError(
                f"load({file!r}): drivers=, connections=, think= and impatience= are not Locust's; "
                "say Locustfile(workers=N), and let its users wait"
            )
        return prepare_locust(
            file,
            launcher=self._launcher,
            rate=rate,
            users=users,
            deadline=deadline,
            seed=self._seed + self._forgotten + len(self.runs),
            allowed=self._allowed,
            settings=self._locust,
        )

    def forget(self, run: object) -> None:
        """Let go of a run that is over, and of its samples: one of the rounds of a soak."""
        self.runs[:] = [one for one in self.runs if one is not run]
        self._forgotten += 1

    def end(self) -> None:
        """End the runs that the test has left going, by a forgotten `with` or as its event loop was stopped."""
        self._left = [run for run in self.runs if run.going]
        for run in self._left:
            run.abandon()

    def close(self) -> None:
        """Raise `UsageError` for load that was not left as it was to be: never driven, or still going at the end."""
        if self._left:
            raise UsageError(
                f"{self._left[0]!r}: load was still going when the test ended, and was ended by force; write "
                "`with load(...) as run:`"
            )
        idle = [run for run in self.runs if not run.entered]
        if idle:
            raise UsageError(f"{idle[0]!r}: load was prepared and never driven; write `with load(...) as run:`")
