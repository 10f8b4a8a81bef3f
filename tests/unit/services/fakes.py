"""A unit that runs nothing, and passes the same contract tests as the ones that do."""

from __future__ import annotations

import itertools
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.services.backend import Limit, Spec, Usage
from pytest_resilience.timeline import Count

PIDS = itertools.count(5_000_000)  # above what the kernel gives out


@dataclass
class Program:
    """What a fake unit pretends to run.

    :ivar says: written to its log at each start.
    :ivar ends: the exit status with which it ends as soon as it has started; None to go on.
    :ivar answers_stop: the exit status with which it ends when it is asked to; None to ignore that.
    :ivar listens: whether it accepts connections on its port.
    :ivar starts: how many starts succeed before it ends with `ends`.
    """

    says: str = "hello\n"
    ends: int | None = None
    answers_stop: int | None = 0
    listens: bool = True
    starts: int = 0


@dataclass
class FakeCurb:
    """A limit of a fake unit; it is reached when a test says so."""

    unit: FakeUnit
    limit: Limit
    value: float
    means: str = "make-believe"
    reached: bool = False
    lifted: bool = False
    counts: dict[str, Count] = field(default_factory=dict)

    def read(self) -> float:
        return self.value + self.unit.reads_back_more

    def met(self) -> Mapping[str, Count]:
        return self.counts

    def lift(self) -> None:
        if not self.lifted:
            self.unit.events.append(f"lift {self.limit}")
        self.lifted = True


class FakeUnit:
    def __init__(self, spec: Spec, program: Program | None = None) -> None:
        self.spec = spec
        self.program = program or Program()
        self.events: list[str] = []
        self.paused = False
        self.removed = False
        self.ahead = 0.0
        self.deaf = False  # to what its clock is set to
        self._pids: tuple[int, ...] = ()
        self._status: int | None = None
        self._written = ""
        self._socket: socket.socket | None = None
        self._started = 0
        self.curbs: dict[Limit, FakeCurb] = {}
        self.reads_back_more = 0.0
        self.cannot: Exception | None = None
        self.rss = 1

    @property
    def running(self) -> bool:
        return bool(self._pids)

    @property
    def pids(self) -> tuple[int, ...]:
        return self._pids

    def start(self) -> None:
        if self.running:
            raise ServiceStateError(f"{self.spec.name}: cannot be started, it is running")
        self.events.append("start")
        self._started += 1
        self._written += self.program.says
        self._pids, self._status = (next(PIDS), next(PIDS)), None
        if self.spec.port is not None and self.program.listens:
            self._socket = socket.create_server(("127.0.0.1", self.spec.port), backlog=64)
        if self.program.ends is not None and self._started > self.program.starts:
            self.die(self.program.ends)

    def die(self, status: int) -> None:
        """End as if by itself."""
        self._pids, self._status, self.paused = (), status, False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def kill(self) -> None:
        if self.running:
            self.events.append("kill")
            self.die(-signal.SIGKILL)

    def stop(self, within: float) -> bool:
        if not self.running:
            return True
        self.events.append("stop")
        answer = self.program.answers_stop
        self.die(-signal.SIGKILL if answer is None else answer)
        return answer is not None

    def pause(self) -> None:
        self._must_run("paused")
        self.events.append("pause")
        self.paused = True

    def resume(self) -> None:
        self._must_run("resumed")
        self.events.append("resume")
        self.paused = False

    def curb(self, limit: Limit, value: float) -> FakeCurb:
        self._must_run("limited")
        if limit == "disk" and self.spec.volume is None:
            raise UsageError(f"{self.spec.name}: has no disk of its own")
        if limit == "descriptors" and self.cannot is not None:
            raise self.cannot
        self.events.append(f"curb {limit}")
        self.curbs[limit] = FakeCurb(self, limit, value)
        return self.curbs[limit]

    def remove(self) -> None:
        self.kill()
        self.removed = True

    def exit_status(self) -> int | None:
        return self._status

    def logs(self) -> str:
        return self._written

    def write(self, text: str) -> None:
        self._written += text

    def usage(self) -> Usage:
        self._must_run("measured")
        return Usage(cpu_seconds=0.0, rss=self.rss, descriptors=None, threads=None, processes=len(self._pids))

    def set_clock(self, ahead: float) -> None:
        if self.running:
            raise ServiceStateError(f"{self.spec.name}: its clock cannot be set while it runs; stop it first")
        self.events.append(f"clock {ahead:+g}")
        self.ahead = ahead

    def clock(self) -> float:
        self._must_run("asked for its clock")
        return time.time() + (0 if self.deaf else self.ahead)

    def _must_run(self, wanted: str) -> None:
        if not self.running:
            raise ServiceStateError(f"{self.spec.name}: cannot be {wanted}, it is not running; start it first")


# What a unit of each kind does. The shells say hello when they can be asked to stop.
POLITE, STUBBORN, BRIEF = "polite", "stubborn", "brief"
LOOP = "echo hello; while :; do sleep 0.02; done"
SCRIPTS = {
    POLITE: f"trap 'exit 3' TERM; {LOOP}",
    STUBBORN: f"trap '' TERM; {LOOP}",
    BRIEF: "echo hello; exit 7",
}
FAKES = {
    POLITE: Program(answers_stop=3),
    STUBBORN: Program(answers_stop=None),
    BRIEF: Program(ends=7),
}
