"""Making: from what a job says to what does it in the driver."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

from pytest_resilience.load.action import Action, User
from pytest_resilience.load.driver.alarm import alarm
from pytest_resilience.load.driver.arrivals import Arrivals
from pytest_resilience.load.driver.callables import CallableCaller
from pytest_resilience.load.driver.caller import Caller
from pytest_resilience.load.driver.mixed import MixedCaller
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.driver.users import Users
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.mix import Mix
from pytest_resilience.load.request import Request
from pytest_resilience.load.websocket import WebSocket
from pytest_resilience.load.what import What

Start: TypeAlias = "Callable[[float, Callable[[BaseException], None]], Source]"
"""Starts the source at a moment; the second argument takes what breaks it later."""


class Source(Protocol):
    """What decides when calls begin."""

    def stop(self, until: float) -> None:
        """Begin nothing that is due after `until`."""

    async def over(self) -> None:
        """Return when all that was due has begun, and users have come to their ends."""

    def give_up(self) -> None:
        """Begin nothing any more."""


def make(job: Job, what: What, recorder: Recorder) -> tuple[Caller, Start]:
    """Return what makes the calls of a job, and what starts them."""
    if isinstance(what, WebSocket):
        return _held(job, what, recorder)
    caller = _caller(job, what, recorder)
    if job.closed:
        return caller, lambda begin, failed: _users(job, caller, begin, failed)
    return caller, lambda begin, _: _arrivals(job, caller, recorder, begin)


def _caller(job: Job, what: Request | Mix | User | Action, recorder: Recorder) -> Caller:
    if isinstance(what, Mix):
        parts = [_caller(job, part, recorder) for part in what.whats]
        return MixedCaller(parts, what.rounds(f"{job.seed}/{job.share}"))
    if not isinstance(what, Request):
        return CallableCaller(
            what,
            recorder,
            deadline=job.default or job.deadline,
            seed=job.seed,
            connections=job.connections,
            impatience=job.impatience,
            share=job.share,
        )
    # Here, so that a driver of callables does not load the parser.
    from pytest_resilience.load.driver.http import HttpCaller

    return HttpCaller(
        what,
        recorder,
        deadline=what.deadline or job.default or job.deadline,
        seed=job.seed,
        connections=job.connections,
        impatience=job.impatience,
        share=job.share,
        drivers=job.drivers,
    )


def _users(job: Job, caller: Caller, begin: float, failed: Callable[[BaseException], None]) -> Users:
    users = Users(job.profile, caller, share=job.share, drivers=job.drivers, think=job.think, seed=job.seed)
    users.start(begin, failed)
    return users


def _arrivals(job: Job, caller: Caller, recorder: Recorder, begin: float) -> Arrivals:
    loop = asyncio.get_running_loop()
    arrivals = Arrivals(
        job.profile,
        caller.call,
        unsent=recorder.unsent.append,
        share=job.share,
        drivers=job.drivers,
        seed=job.seed,
        make_alarm=lambda ring: alarm(loop, ring),
    )
    arrivals.start(begin)
    return arrivals


def _held(job: Job, what: WebSocket, recorder: Recorder) -> tuple[Caller, Start]:
    # Here, so that a driver of anything else does not load it.
    from pytest_resilience.load.driver.held import Held
    from pytest_resilience.load.driver.websockets import WebSocketCaller

    caller = WebSocketCaller(
        what,
        recorder,
        deadline=what.deadline or job.default or job.deadline,
        seed=job.seed,
        most=math.ceil(job.profile.peak / job.drivers),
        share=job.share,
        drivers=job.drivers,
    )
    loop = asyncio.get_running_loop()

    def start(begin: float, _failed: Callable[[BaseException], None]) -> Held:
        held = Held(
            job.profile,
            caller,
            every=what.every,
            make_alarm=lambda ring: alarm(loop, ring),
            unsent=recorder.unsent.append,
            share=job.share,
            drivers=job.drivers,
            seed=job.seed,
        )
        held.start(begin)
        return held

    return caller, start
