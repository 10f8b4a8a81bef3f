"""A Locust crew: the processes of one run of a Locust file, which begin and end together.

One process alone, or a master and its workers. The users are in the workers, so the samples come from them;
the master counts the users. Workers are processes of ours, or join from elsewhere.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from pytest_resilience.errors import DriverDied, SetupFailed
from pytest_resilience.load.crew import LEAD, Crew
from pytest_resilience.load.driver.locust_wire import Plan, Unpacker
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.locust_process import LocustProcess
from pytest_resilience.load.locust_remote import Door, Site
from pytest_resilience.load.locust_strain import BusiestWorker, StrainedLedger
from pytest_resilience.measure.machine import Machine

if TYPE_CHECKING:
    from pytest_resilience.janitor import Child
    from pytest_resilience.load.process import DriverProcess, Launcher

PROGRAM = "pytest_resilience.load.driver.locust_main"
START = 60.0  # seconds that Locust and the file have to be imported, on a machine that is busy
JOIN = 300.0  # seconds that remote workers have to be started by hand
LOOPBACK = "127.0.0.1"


class LocustCrew(Crew):
    """The Locust processes that share one load; its life is that of any crew."""

    def __init__(
        self, label: str, job: Job, plan: Plan, *, workers: int, site: Site | None, allowed: Callable[[str], None]
    ) -> None:
        """Prepare them.

        :param plan: what each is to do, as if it were alone.
        :param workers: how many have users; 0 for one process alone.
        :param site: where the workers join; None for workers of our own.
        :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
        """
        super().__init__(label, [job])
        self._plan, self._workers, self._site, self._allowed = plan, workers, site, allowed
        self._strain, self._machine = BusiestWorker(), Machine()
        self._lock = threading.Lock()
        self._master: LocustProcess | None = None
        self._all: list[LocustProcess] = []

    def start(self, launcher: Launcher) -> float:
        """Start them, and return when the profile begins, in monotonic seconds.

        :raises SetupFailed: the file cannot be imported, or it takes too long.
        :raises UsageError: the file does not fit what was asked of it.
        :raises TargetNotAllowed: its users' host is neither loopback nor allowed.
        """
        if self._workers:
            self._start_many(launcher)
        else:
            self._launch("Locust process", launcher).plan(self._plan)
        if not self._wait_for(lambda: all(one.ready for one in self._all), time.monotonic() + START):
            raise SetupFailed(f"{self._label}: Locust was not ready after {START:g} s")
        for host in {host for one in self._all for host in one.hosts}:
            self._allowed(urlsplit(host).hostname or host)
        begin = time.monotonic() + LEAD
        for one in self._all:
            one.go(begin)
        return begin

    def _start_many(self, launcher: Launcher) -> None:
        """Start the master and its workers side by side; these get their plan once the master has its port."""
        site, count = self._site, self._workers
        host = site.host if site else LOOPBACK
        bind = ("--master", "--master-bind-host", host, "--master-bind-port", str(site.port if site else 0))
        master = self._master = self._launch("Locust master", launcher)
        arguments = (*bind, *self._plan.arguments)
        master.plan(replace(self._plan, role="master", workers=count, arguments=arguments))
        workers = [] if site else [self._launch(f"Locust worker {one + 1}", launcher) for one in range(count)]
        if not self._wait_for(lambda: master.port is not None, time.monotonic() + START):
            raise SetupFailed(f"{self._label}: Locust's master was not there after {START:g} s")
        if site:
            workers = self._let_in(site)
        arguments = ("--worker", "--master-host", host, "--master-port", str(master.port), *self._plan.arguments)
        for share, worker in enumerate(workers):
            plan = replace(self._plan, role="worker", share=share, workers=count, arguments=arguments)
            if site:  # there, the file lies where it lies here, as seen from the working directory
                plan = replace(plan, directory="", path=())
            worker.plan(plan)

    def _let_in(self, site: Site) -> list[LocustProcess]:
        door, until = Door(site), time.monotonic() + JOIN
        workers: list[LocustProcess] = []
        try:
            while len(workers) < self._workers:
                self.check()
                guest = door.admit(until, heard=len(workers), wanted=self._workers)
                name = f"Locust worker {len(workers) + 1} on {guest.host}"
                workers.append(self._add(name, guest.end, guest.pid, unpacker=guest.unpacker))
        finally:
            door.close()
        return workers

    def _launch(self, name: str, launcher: Launcher) -> LocustProcess:
        ours, theirs = socket.socketpair()
        log = launcher.directory / f"{name.replace(' ', '-').lower()}-{time.monotonic_ns()}.log"
        with theirs:
            argv = [sys.executable, "-m", PROGRAM, str(theirs.fileno()), "0.0"]
            try:
                child = launcher.launch(
                    argv, env=_environment(), cwd=launcher.directory, output=log, pass_fds=(theirs.fileno(),)
                )
            except BaseException:
                ours.close()
                raise
        return self._add(name, ours, child.pid, child=child, log=log)

    def _add(
        self,
        name: str,
        end: socket.socket,
        pid: int,
        *,
        child: Child | None = None,
        log: Path | None = None,
        unpacker: Unpacker | None = None,
    ) -> LocustProcess:
        ledger = StrainedLedger(self.samples, self._lock, self._strain, len(self._ledgers), busy=self._machine.busy)
        process = LocustProcess(
            name, end, ledger, changed=self._changed, pid=pid, child=child, log=log, unpacker=unpacker
        )
        self._ledgers.append(ledger)
        # To a crew it is a driver as any: it has all that a crew asks of one.
        self.drivers.append(cast("DriverProcess", process))
        self._all.append(process)
        return process

    # Its end

    def finish(self, until: float) -> None:
        """Let no user begin anything after `until`, wait for what is in flight, and close the accounts.

        :raises DriverDied: one of them has died or hung, or samples were lost.
        """
        end = time.monotonic() + self._within
        master = self._master
        if master is not None:  # first, so that it starts no users while the workers stop theirs
            master.stop(until, drain=True)
            self._wait_for(lambda: master.over, end)
        for one in self._all:
            if one is not master:
                one.stop(until, drain=True)
        if not self._wait_for(self._over, end):
            raise DriverDied(f"{self._label}: Locust did not finish within {self._within:g} s, so it has hung")
        for one in self._all:
            one.settle(whole=True)

    def retire(self, *, at_once: bool) -> None:
        """Let Locust end with its teardowns, all at the same time; or at once, by force."""
        if not at_once:
            for one in self._all:
                one.quit()
        super().retire(at_once=at_once)


def _environment() -> dict[str, str]:
    """Return our environment without Locust's own variables, of which any could overrule the test.

    With this package on the path, where it is used from its source.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    # How long a master waits after each step of a profile until its workers have told of their users.
    kept["LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP"] = "0.1"
    home = str(Path(__file__).parents[2])
    if home not in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        path = kept.get("PYTHONPATH")
        kept["PYTHONPATH"] = f"{home}{os.pathsep}{path}" if path else home
    return kept
