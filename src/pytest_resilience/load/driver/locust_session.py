"""A session of Locust: one process of a run, from its `init` event to its last frame.

    1  Locust has imported the file and made its runner; the master says at which port (`bound`). Hooks are
       attached; once the process can begin (the master: once all workers are there) `ready` goes out.
    2  `go` arrives. The master, or the process alone, keeps as many users at work as the profile says; those
       that have users send batches every 0.1 s.
    3  `stop` arrives. No more users are started, those at work finish their task, for as long as the deadline
       allows. The last batch and the totals go out.
    4  `quit` arrives. Locust ends as it does, with its teardowns.

If the test's process is gone, nobody wants the results: the process ends at once.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from locust import FastHttpUser, HttpUser, LoadTestShape

from pytest_resilience.load.driver.locust_effort import Effort
from pytest_resilience.load.driver.locust_hooks import Hooks
from pytest_resilience.load.driver.locust_samples import LocustRecorder
from pytest_resilience.load.driver.locust_schedule import Schedule
from pytest_resilience.load.driver.locust_users import ATTRIBUTE, OpenUser
from pytest_resilience.load.driver.locust_wire import Head, Plan, Unpacker, pack

if TYPE_CHECKING:
    from locust import User
    from locust.env import Environment
    from locust.event import Events
    from locust.runners import Runner

EVERY = 0.1  # seconds between two batches, two looks at the profile, and two records of strain
GRACE = 0.5  # seconds beyond the deadline that a user at work has to notice that it is over
POLL = 0.02


class Parked(LoadTestShape):  # type: ignore[misc]
    """A shape that leaves the users alone: the session counts them, and lets go of Locust when it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.over = Event(), Event()

    def tick(self) -> None:
        """Wait until it is over; then tell Locust to quit."""
        self.entered.set()
        self.over.wait()


class Session:
    """One Locust process of a run."""

    def __init__(self, line: socket.socket, plan: Plan, unpacker: Unpacker, *, offset: float = 0.0) -> None:
        """Serve `plan`; `offset` is what the test's clock shows more than ours, in seconds."""
        self._line, self._plan, self._unpacker, self._offset = line, plan, unpacker, offset
        self._profile = plan.profile
        self._recorder = LocustRecorder(deadline=plan.deadline, offset=offset)
        self._schedule = Schedule(self._profile.dues(plan.share, plan.workers, seed=plan.seed))
        self._hooks = Hooks(self._recorder, alone=self._dispatcher_failed)
        self._shape = Parked()
        self._stopped = Event()
        self._steering: gevent.Greenlet | None = None
        self._reporter: gevent.Greenlet | None = None
        self.ready = False

    def attach(self, events: Events) -> None:
        """Be told when Locust has made its runner."""
        events.init.add_listener(self._init)

    def send(self, head: Head, body: bytes = b"") -> None:
        """Send a frame to the test."""
        self._line.sendall(pack(head, body))

    def failed(self, error: str, message: str) -> None:
        """Tell the test why this cannot go on."""
        self.send({"kind": "failed", "error": error, "message": message})

    # From Locust

    def _init(self, environment: Environment, runner: Runner, **_: object) -> None:
        self._environment, self._runner = environment, runner
        options = environment.parsed_options
        options.run_time = None  # how long it lasts is the test's to say
        options.expect_workers = 0  # the session waits for them, and does not sleep meanwhile
        wrong = self._wrong(options.processes)
        if wrong:
            self.failed("UsageError", wrong)
            return
        if self._plan.role != "worker":
            environment.shape_class = self._shape
        if self._plan.role == "master":
            self.send({"kind": "bound", "port": runner.server.port})
        else:
            self._hooks.attach(environment.events)
        if not self._plan.closed:
            setattr(environment, ATTRIBUTE, self._schedule)
        self._spawn(self._serve)

    def _wrong(self, processes: int | None) -> str | None:
        """Return what is wrong with the file or Locust's own configuration for this run."""
        if processes:
            return f"Locust's configuration sets processes={processes}: remove it, and say Locustfile(workers=N)"
        classes = self._environment.user_classes
        homeless = [
            one.__name__ for one in classes if issubclass(one, (HttpUser, FastHttpUser)) and not self._host(one)
        ]
        if homeless:
            return f"{homeless[0]} has no host: say Locustfile(host=...), or give the class one"
        open_ones = [one.__name__ for one in classes if issubclass(one, OpenUser)]
        if self._plan.closed and open_ones:
            return f"{open_ones[0]} is an OpenUser, whose tasks begin at a rate: give rate= instead of users="
        if not self._plan.closed and (len(classes) != 1 or not open_ones):
            names = ", ".join(sorted(one.__name__ for one in classes))
            return (
                f"rate= needs one user class that is an OpenUser, and this would run {names}: name it with "
                "Locustfile(user=...), derive it from OpenUser, or give users="
            )
        return None

    def _dispatcher_failed(self, message: str) -> bool:
        """Take an exception of a user outside of any arrival; tell whether nothing can come after it."""
        if not self._plan.closed:
            self.failed("SetupFailed", message)
        return not self._plan.closed

    # From the test

    def _serve(self) -> None:
        self._spawn(self._listen)
        self._get_ready()
        hosts = {self._host(one) for one in self._environment.user_classes}
        self.ready = True
        self.send({"kind": "ready", "hosts": sorted(host for host in hosts if host)})

    def _host(self, user: type[User]) -> str | None:
        host: str | None = self._environment.host or user.host
        return host

    def _listen(self) -> None:
        while data := self._line.recv(1 << 16):
            for head, _ in self._unpacker.feed(data):
                kind = head["kind"]
                if kind == "go":
                    self._go(head["begin"] - self._offset)
                elif kind == "stop":
                    self._spawn(self._stop, head["until"] - self._offset, head["drain"])
                elif kind == "quit":
                    self._spawn(self._quit)
        os._exit(1)  # the test's process is gone

    def _get_ready(self) -> None:
        """Return when `go` may come: the workers are there, and an open user waits for its arrivals."""
        plan = self._plan
        if plan.role != "worker":
            self._shape.entered.wait()
        if plan.role == "master":
            while len(self._runner.clients.ready) < plan.workers:
                gevent.sleep(POLL)
        if plan.closed:
            return
        if plan.role != "worker":
            self._runner.start(plan.workers, plan.workers)
        if plan.role != "master":
            self._schedule.waiting.wait()

    def _go(self, begin: float) -> None:
        self._schedule.begin(begin)
        if self._plan.role != "worker" and self._plan.closed:
            self._steering = self._spawn(self._steer, begin)
        if self._plan.role != "master":
            self._reporter = self._spawn(self._report)

    def _steer(self, begin: float) -> None:
        """Keep as many users at work as the profile says, until it is stopped."""
        gevent.sleep(max(0.0, begin - time.monotonic()))
        at_work = 0
        while not self._stopped.is_set():
            if self._plan.role == "master" and self._runner.clients.missing:
                self.failed("DriverDied", "a worker was silent for seconds, so Locust has given it up; run it again")
                return
            wanted = round(self._profile.at(time.monotonic() - begin))
            if wanted != at_work:
                self._runner.start(wanted, float(abs(wanted - at_work)))
                at_work = wanted
            self._stopped.wait(EVERY)

    def _report(self) -> None:
        effort, due = Effort(), time.monotonic() + EVERY
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            self._recorder.strain(now, effort.share(), max(0.0, now - due))
            due = now + EVERY
            self.send(*self._recorder.batch())

    def _stop(self, until: float, drain: bool) -> None:  # noqa: FBT001  (as in the frame)
        self._schedule.until = until
        if self._steering is not None:
            self._steering.kill()
        if self._plan.role != "master":
            self._halt(drain=drain)
        self.send(self._recorder.final(), self._unsent())

    def _halt(self, *, drain: bool) -> None:
        """Let the users finish, and send what they have done."""
        self._hooks.give_up = not drain
        self._environment.shape_class = None  # Locust would end it now, and with it the process
        self._environment.stop_timeout = self._plan.deadline + GRACE if drain else 0.0
        self._runner.stop()
        self._stopped.set()
        if self._reporter is not None:
            self._reporter.join()
        self.send(*self._recorder.batch())

    def _unsent(self) -> bytes:
        late = [] if self._plan.closed or self._plan.role == "master" else self._schedule.rest()
        return array("d", [due + self._offset for due in late]).tobytes()

    def _quit(self) -> None:
        self._stopped.set()
        if self._plan.role == "worker":
            self._runner.quit()
        else:
            self._shape.over.set()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> gevent.Greenlet:
        """Do `work` in a greenlet; tell the test if it breaks."""

        def guarded() -> None:
            try:
                work(*arguments)
            except Exception:
                self.failed("DriverDied", f"the session of Locust broke:\n\n{traceback.format_exc()}")
                raise

        return gevent.spawn(guarded)
