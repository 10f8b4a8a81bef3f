"""A family of processes as a unit: led by one in a session of its own, kept over its restarts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from pytest_resilience.errors import ServiceStateError, WaitTimeout
from pytest_resilience.janitor import Child, Janitor, KillGroup
from pytest_resilience.janitor.process import Process as Member
from pytest_resilience.janitor.process import end_all
from pytest_resilience.services.backend import Curb, Limit, Spec, Usage
from pytest_resilience.services.family import (
    ASLEEP,
    STOPPED,
    bearers,
    dwellers,
    family,
    goes_on,
    has_stopped,
    measure,
    send,
)
from pytest_resilience.services.guise import Guise
from pytest_resilience.services.process_clock import ProcessClock
from pytest_resilience.services.process_curbs import curb_process
from pytest_resilience.waiting import wait_until

# What all processes of a unit have in their environment: which one they are of.
UNIT = "PYTEST_RESILIENCE_UNIT"
# For what the kernel does by itself once it is told to: a signal to arrive, a process to be gone.
AT_ONCE = 10.0


class Process:
    """A unit of the embedded backend; see `Unit`. Safe between threads.

    When the main process ends, so does the unit: what it leaves is killed, as in a container.
    """

    def __init__(self, spec: Spec, janitor: Janitor, guise: Guise, log: Path) -> None:
        self._spec = spec
        self._janitor = janitor
        self._guise = guise
        self._log = log
        self._mark = f"{janitor.token}/{log.stem}"
        self._child: Child | None = None
        self._status: int | None = None
        self._clock = ProcessClock(spec.name, janitor)
        self._lock = threading.RLock()

    @property
    def spec(self) -> Spec:
        """What it runs."""
        return self._spec

    @property
    def running(self) -> bool:
        """Whether its main process exists and has not ended."""
        with self._lock:
            if self._child is not None and _ended(self._child):
                self._finish(self._child)
            return self._child is not None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the family, the main process first."""
        with self._lock:
            return tuple(member.pid for member in self._members()) if self.running else ()

    def start(self) -> None:
        """Start it; returns when its process exists, which may be before its program runs."""
        with self._lock:
            if self.running:
                raise ServiceStateError(
                    f"{self._spec.name}: cannot be started, it is running; kill() or stop() it first"
                )
            argv, cwd = self._guise.wrap((*self._clock.in_front, *self._spec.command)), self._spec.directory
            if self._spec.volume is not None:
                argv, cwd = self._spec.volume.entered(argv, cwd)
            self._child = self._janitor.launch(
                argv,
                env={**os.environ, **self._spec.env, UNIT: self._mark},
                cwd=cwd,
                output=self._log,
                before=self._clock.expect_litter,
            )
            self._status = None

    def kill(self) -> None:
        """Send SIGKILL to the family; returns when none of it is left. Fine when there is none."""
        with self._lock:
            if self.running and self._child is not None:
                # All are stopped before the first one dies: a crash leaves nobody the time for last words, and
                # a leader that has stopped brings up no new member. It stops now, as the moment may be what is meant.
                os.kill(self._child.pid, signal.SIGSTOP)
                for member in self._members():
                    send(member, signal.SIGSTOP)
                self._finish(self._child)

    def stop(self, within: float) -> bool:
        """Send the stop signal to the main process, wait, kill what is left; True if it ended by itself.

        A paused one is resumed first: it could not answer otherwise. Fine when it has ended already.
        """
        with self._lock:
            if not self.running or self._child is None:
                return True
            if any(member.state == STOPPED for member in self._members()):
                self._signal_all(signal.SIGCONT, goes_on)
            os.kill(self._child.pid, self._spec.stop_signal)
        try:
            wait_until(lambda: not self.running, within=within, every=0.005, what=f"{self._spec.name} ends")
        except WaitTimeout:
            self.kill()
            return False
        return True

    def pause(self) -> None:
        """Send SIGSTOP to the family; returns when all of it has stopped.

        :raises ServiceStateError: it is not running, or ended meanwhile.
        """
        self._must_run("paused")
        with self._lock:
            if self._child is not None:
                os.kill(self._child.pid, signal.SIGSTOP)  # at once; the others have to be looked for
        self._signal_all(signal.SIGSTOP, has_stopped)
        self._must_run("paused")

    def resume(self) -> None:
        """Send SIGCONT to the family; returns when all of it goes on. Fine when it is not paused.

        :raises ServiceStateError: it is not running.
        """
        self._must_run("resumed")
        self._signal_all(signal.SIGCONT, goes_on)

    def curb(self, limit: Limit, value: float) -> Curb:
        """Put the family under a limit, by a control group where one may be made; see `Unit.curb`."""
        self._must_run("limited")
        child = self._child
        if child is None:
            raise ServiceStateError(f"{self._spec.name}: cannot be limited, it has ended; start it first")
        return curb_process(self, self._janitor, child, limit, value)

    def remove(self) -> None:
        """Kill it; its log stays until the janitor's directory goes."""
        self.kill()

    def exit_status(self) -> int | None:
        """Return how its main process last ended (negative: a signal), None while it runs."""
        return None if self.running else self._status

    def logs(self) -> str:
        """Return what the family has written to stdout and stderr since it was first started."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def usage(self) -> Usage:
        """Return what the family uses now; what a process used that has ended counts if its parent waited for it.

        :raises ServiceStateError: it is not running.
        """
        self._must_run("measured")
        return measure(self.pids)

    def set_clock(self, ahead: float) -> None:
        """Let its clock be `ahead` seconds ahead of the host's from the next start on; 0 for the host's own.

        :raises ServiceStateError: it is running.
        :raises Unsupported: libfaketime is not installed.
        """
        if self.running:
            raise ServiceStateError(f"{self._spec.name}: its clock cannot be set while it runs; stop it first")
        self._clock.set(ahead, besides={**os.environ, **self._spec.env}.get("LD_PRELOAD", ""))

    def clock(self) -> float:
        """Return what date(1) reads, run as the unit is; see `Unit.clock`."""
        self._must_run("asked for its clock")
        return self._clock.read(lambda: self.pids)

    def _must_run(self, wanted: str) -> None:
        if not self.running:
            ended = "" if self._status is None else f" (it ended with {self._status})"
            raise ServiceStateError(f"{self._spec.name}: cannot be {wanted}, it is not running{ended}; start it first")

    def _members(self) -> list[Member]:
        child = self._child
        return family(child.pid, child.started) if child is not None else []

    def _signal_all(self, number: signal.Signals, done: Callable[[Member], bool]) -> None:
        told: set[tuple[int, int]] = set()

        def all_done() -> bool:
            # One that sleeps in the kernel comes to the signal before any code of its own. It may sleep for as long as
            # its child is stopped: in vfork, until the child has changed programs.
            left = [
                member
                for member in self._members()
                if not (done(member) or (member.state == ASLEEP and (member.pid, member.started) in told))
            ]
            # The leader first: when it has stopped it brings up no new member.
            for member in left:
                send(member, number)
                told.add((member.pid, member.started))
            return not left

        wait_until(all_done, within=AT_ONCE, every=0.005, what=f"{self._spec.name} obeys {number.name}")

    def _finish(self, child: Child) -> None:
        # Before the main process is reaped, so that its number still belongs to its group.
        KillGroup(child.pid, child.started).undo()
        home = self._spec.directory
        if home is not None and self._janitor.directory in home.parents:  # private, so whoever is there is of it
            end_all(lambda: dwellers(home), f"{self._spec.name}: kill what is left in {home}")
        end_all(lambda: bearers(f"{UNIT}={self._mark}"), f"{self._spec.name}: kill what went its own way")
        self._status = child.process.wait()
        child.promise.kept()
        self._clock.sweep()
        self._child = None

    def __repr__(self) -> str:
        ended = "not started" if self._status is None else f"ended with {self._status}"
        state = f"running as {', '.join(map(str, self.pids))}" if self.running else ended
        return f"<Process {self._spec.name}: {state}>"


def _ended(child: Child) -> bool:
    """Tell whether the main process has ended, and leave it unreaped."""
    if child.process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # somebody waited for all children of this process
        return True
