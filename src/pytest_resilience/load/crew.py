"""A crew: the driver processes of one run, which begin and end together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from pytest_resilience.errors import DriverDied, SetupFailed
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.ledger import Ledger
from pytest_resilience.load.process import DriverProcess, Launcher
from pytest_resilience.measure.machine import Machine
from pytest_resilience.measure.samples import Samples

LEAD = 0.005  # seconds from the word to begin to the first arrival, so that no driver is late for it
GRACE = 5.0  # seconds beyond a deadline after which a driver that says nothing is given up
LOOK = 0.1  # seconds between two looks for what is not told as news
ABANDON = 0.5  # seconds that a run whose test has failed has to hand in its samples


class Crew:
    """Drivers that share one load.

    :ivar samples: everything they have reported.
    """

    def __init__(self, label: str, jobs: Sequence[Job]) -> None:
        self._label, self._jobs = label, jobs
        self._within = jobs[0].deadline + GRACE
        self._news = threading.Condition()
        self._ledgers: list[Ledger] = []
        self.drivers: list[DriverProcess] = []
        self.samples = Samples()

    def start(self, launcher: Launcher) -> float:
        """Start them, and return when the first arrival is due, in monotonic seconds.

        :raises SetupFailed: what the load needs cannot be opened, or not in time.
        :raises DriverDied: a process does not live long enough.
        """
        lock, machine = threading.Lock(), Machine()
        for job in self._jobs:
            ledger = Ledger(self.samples, lock, busy=machine.busy)
            self._ledgers.append(ledger)
            self.drivers.append(DriverProcess(job, ledger, launcher=launcher, changed=self._changed))
        if not self._wait_for(lambda: all(driver.ready for driver in self.drivers), time.monotonic() + self._within):
            raise SetupFailed(f"{self._label}: what it needs was not open in the driver after {self._within:g} s")
        begin = time.monotonic() + LEAD
        for driver in self.drivers:
            driver.go(begin)
        return begin

    def check(self) -> None:
        """Raise what is wrong with one of them; see `DriverProcess.check`."""
        for driver in self.drivers:
            driver.check()

    def wait(self, until: float, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Return at `until`, in monotonic seconds, or soon after `unless` holds; raise as `check` does, at once."""
        self._wait_for(unless, until)

    def finish(self, until: float) -> None:
        """Let no arrival be due after `until`, wait for what is in flight, and close the accounts.

        :raises DriverDied: one of them has died or hung, or samples were lost.
        """
        for driver in self.drivers:
            driver.stop(until, drain=True)
        if not self._wait_for(self._over, time.monotonic() + self._within):
            raise DriverDied(f"{self._label}: the driver did not finish within {self._within:g} s, so it has hung")
        for driver in self.drivers:
            driver.settle(whole=True)

    def abandon(self) -> None:
        """Stop without waiting for what is in flight, and take what samples there are; raises as `finish` does."""
        for driver in self.drivers:
            driver.stop(time.monotonic(), drain=False)
        self._wait_for(self._over, time.monotonic() + ABANDON)
        for driver in self.drivers:
            driver.settle(whole=False)

    def retire(self, *, at_once: bool) -> None:
        """Let the processes end, by force if they do not or are not to."""
        for driver in self.drivers:
            driver.retire(at_once=at_once)

    @property
    def in_flight(self) -> int:
        """How many calls had begun and not finished when the drivers last reported."""
        return sum(ledger.in_flight for ledger in self._ledgers)

    @property
    def examples(self) -> dict[str, str]:
        """The first message of each category of failure."""
        return {category: text for ledger in reversed(self._ledgers) for category, text in ledger.examples.items()}

    def _over(self) -> bool:
        return all(driver.over for driver in self.drivers)

    def _changed(self) -> None:
        with self._news:
            self._news.notify_all()

    def _wait_for(self, condition: Callable[[], bool], until: float) -> bool:
        """Wait until `condition` holds or the time has come; tell whether it holds."""
        with self._news:
            while True:
                self.check()
                if condition():
                    return True
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._news.wait(min(left, LOOK))
