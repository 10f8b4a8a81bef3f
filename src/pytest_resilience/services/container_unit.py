"""A container as a unit: one container, kept over its restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_resilience.errors import (
    BackendUnavailable,
    ResilienceError,
    ServiceStateError,
    WaitTimeout,
)
from pytest_resilience.janitor import Promise
from pytest_resilience.janitor.process import PROC, look
from pytest_resilience.services.backend import Curb, Limit, Spec, Usage
from pytest_resilience.services.container_cgroup import Cgroup
from pytest_resilience.services.container_clock import read_clock, set_clock
from pytest_resilience.services.container_curbs import curb_container
from pytest_resilience.services.container_engine import State, refusal, state_of, usage_of
from pytest_resilience.services.faketime import must_have_loaded
from pytest_resilience.waiting import wait_until

if TYPE_CHECKING:
    from docker.models.containers import Container as Box

# Seconds for what the daemon does by itself once it is told to: a container to be gone after SIGKILL.
AT_ONCE = 30.0
_SIGKILL = 9
_NOT_FOUND = 127  # of an init, as of a shell


class Container:
    """A unit of the container backend; see `Unit`. Safe between threads.

    Its file system lasts until it is removed: what a crash left is there after the next start.

    :param name: the container's.
    :param create: returns the container, created and started.
    :param promise: called before that: promises to the janitor that it will be removed.
    """

    def __init__(self, spec: Spec, name: str, *, create: Callable[[], Box], promise: Callable[[], Promise]) -> None:
        self._spec = spec
        self._name = name
        self._create = create
        self._promise = promise
        self._promised: Promise | None = None
        self._box: Box | None = None
        self._ahead = 0.0
        self._lock = threading.RLock()

    @property
    def spec(self) -> Spec:
        """What it runs."""
        return self._spec

    @property
    def name(self) -> str:
        """The container's name, for `docker logs` and its like."""
        return self._name

    @property
    def running(self) -> bool:
        """Whether its main process exists and has not ended."""
        return self._state().running

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of it, as the daemon's host has them, the main process first."""
        state = self._state()
        return self._pids(state, self._cgroup(state)) if state.running else ()

    def start(self) -> None:
        """Start it; returns when its main process exists.

        :raises BackendUnavailable: the image is not there and cannot be pulled, or has no such program.
        :raises ServiceNotReady: the daemon refuses to start it, such as on a port that is taken.
        """
        from docker.errors import APIError

        with self._lock:
            if self.running:
                raise ServiceStateError(f"{self._spec.name}: cannot be started, container {self._name} is running")
            if self._box is None:
                self._promised = self._promised or self._promise()
                try:
                    self._box = self._create()
                except ResilienceError:  # nothing is left; of whatever else happened in the middle, something may be
                    self._keep()
                    raise
            else:
                try:
                    self._box.start()
                except APIError as error:
                    raise refusal(self._spec.name, "started again", error) from error
            if has_init(self._spec):
                self._await_program()

    def kill(self) -> None:
        """Send SIGKILL to all of it; returns when it is gone. Fine when it is not running."""
        with self._lock:
            if self._box is not None and self.running:
                self._signal(self._box, _SIGKILL)
                wait_until(self._is_gone, within=AT_ONCE, what=f"container {self._name} is gone after SIGKILL")

    def stop(self, within: float) -> bool:
        """Send the stop signal, wait, kill what is left; True if it ended by itself.

        A paused one is resumed first: it could not answer otherwise. One that is not running has ended.
        """
        with self._lock:
            box, state = self._box, self._state()
            if box is None or not state.running:
                return True
            if state.paused:
                box.unpause()
            self._signal(box, self._spec.stop_signal)
            try:
                wait_until(self._is_gone, within=within, what=f"container {self._name} ends by itself")
            except WaitTimeout:
                self.kill()
                return False
            return True

    def pause(self) -> None:
        """Freeze all of its processes with the kernel's freezer; fine when they are."""
        from docker.errors import APIError

        with self._lock:
            box, state = self._alive("paused")
            if not state.paused:
                try:
                    box.pause()
                except APIError as error:  # runc gives up on one that keeps forking, and lets all of it go on
                    raise ServiceStateError(
                        f"{self._spec.name}: cannot be paused, container {self._name} does not freeze: {error}"
                    ) from error

    def resume(self) -> None:
        """Let frozen processes go on; fine when they do."""
        with self._lock:
            box, state = self._alive("resumed")
            if state.paused:
                box.unpause()

    def remove(self) -> None:
        """Remove the container, running or not, with its anonymous volumes."""
        from docker.errors import NotFound

        with self._lock:
            if self._box is not None:
                with suppress(NotFound):  # the janitor may have been faster
                    self._box.remove(force=True, v=True)
                if self._box.client is not None:
                    self._box.client.close()
                self._box = None
            self._keep()

    def exit_status(self) -> int | None:
        """Return how its main process last ended (negative: a signal), None while it runs or was never started."""
        return self._state().exit_code

    def logs(self) -> str:
        """Return what it has written to stdout and stderr since it was created, restarts included."""
        box = self._box
        return box.logs().decode(errors="replace") if box is not None else ""

    def usage(self) -> Usage:
        """Return what it uses now, from its control group, else from the daemon (which takes a second)."""
        box, state = self._alive("measured")
        cgroup = self._cgroup(state)
        pids = self._pids(state, cgroup)
        measured = cgroup.usage(pids) if cgroup else None
        return measured or usage_of(box, len(pids))

    def set_clock(self, ahead: float) -> None:
        """Let its clock be `ahead` seconds ahead of the host's from the next start on; 0 for the host's own.

        :raises ServiceStateError: it is running, or has never been started.
        :raises Unsupported: there is no libfaketime for it.
        """
        with self._lock:
            if self._box is None or self.running:
                how = "has not been started" if self._box is None else "is running"
                raise ServiceStateError(f"{self._spec.name}: its clock cannot be set, container {self._name} {how}")
            set_clock(self._spec.name, self._box, ahead)
            self._ahead = ahead

    def clock(self) -> float:
        """Return what date(1) reads in it; see `Unit.clock`."""
        box, _ = self._alive("asked for its clock")
        if self._ahead:
            must_have_loaded(self._spec.name, lambda: self.pids)
        return read_clock(self._spec.name, box)

    def curb(self, limit: Limit, value: float) -> Curb:
        """Put it under a limit, by the daemon or on its processes; see `Unit.curb`."""
        box, state = self._alive("limited")
        return curb_container(self._spec, box, self._cgroup(state), pids=lambda: self.pids, limit=limit, value=value)

    def __repr__(self) -> str:
        state = self._state()
        word = "paused" if state.paused else "running" if state.running else "not running"
        return f"<Container {self._name}: {word}, {self._spec.image}>"

    def _state(self) -> State:
        # Not under the lock: others may look while one waits for the end.
        return state_of(self._box)

    def _is_gone(self) -> bool:
        return not self.running

    def _alive(self, verb: str) -> tuple[Box, State]:
        state = self._state()
        if self._box is None or not state.running:
            raise ServiceStateError(f"{self._spec.name}: cannot be {verb}, container {self._name} is not running")
        return self._box, state

    def _signal(self, box: Box, number: int) -> None:
        from docker.errors import APIError

        try:
            box.kill(signal=number)
        except APIError as error:
            if self.running:  # else it ended just before
                raise refusal(self._spec.name, f"sent signal {number}", error) from error

    def _cgroup(self, state: State) -> Cgroup | None:
        return Cgroup.of(state.pid, self._box.id or "") if self._box is not None else None

    def _pids(self, state: State, cgroup: Cgroup | None) -> tuple[int, ...]:
        if self._box is None:
            return ()
        if cgroup is None:  # the daemon's host is not this one
            table = self._box.top(ps_args="-o pid")
            return tuple(sorted((int(row[0]) for row in table["Processes"]), key=lambda pid: pid != state.pid))
        alive = [one for pid in cgroup.pids() if (one := look(pid)) is not None and not one.gone]
        # The init that stands in front of a test's own program is none of it.
        own = [one for one in alive if not has_init(self._spec) or one.pid != state.pid]
        return tuple(one.pid for one in sorted(own, key=lambda one: (one.pid != state.pid, one.started, one.pid)))

    def _await_program(self) -> None:
        """Return when the init has become two: itself and the program that it was given."""
        wait_until(self._program_is_there, within=AT_ONCE, what=f"the program of container {self._name} exists")
        if self._state().exit_code == _NOT_FOUND and " exec " in (said := self.logs().rstrip()[-300:]):
            self.remove()
            raise BackendUnavailable(f"{self._spec.name}: image {self._spec.image} cannot run the command: {said}")

    def _program_is_there(self) -> bool:
        state = self._state()
        cgroup = self._cgroup(state)
        if not state.running or cgroup is None:
            return True
        # Between the init's fork and its child's exec both run the same; what has ended has no name.
        names = {_program(pid) for pid in (state.pid, *self._pids(state, cgroup)[:1])}
        return len(names) == 2 and "" not in names

    def _keep(self) -> None:
        if self._promised is not None:
            self._promised.kept()
            self._promised = None


def has_init(spec: Spec) -> bool:
    """Tell whether an init runs in front of the program.

    As PID 1 a program would ignore every signal that it does not handle, SIGTERM above all. Images of databases are
    made to be PID 1; a test's own program, which runs in the host's network, is not.
    """
    return spec.container_port is None


def _program(pid: int) -> str:
    """Return the name of the program that a process runs, empty when it has ended."""
    try:
        return (PROC / str(pid) / "comm").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
