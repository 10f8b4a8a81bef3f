"""Preparation: from what a test asks of `load` to a run that only has to be entered."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

from pytest_resilience import timeline
from pytest_resilience.errors import UsageError
from pytest_resilience.load.action import User, check_action, is_async, label_of
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.mix import Mix
from pytest_resilience.load.portable import pack_what
from pytest_resilience.load.process import Launcher
from pytest_resilience.load.profile import Profile, as_profile
from pytest_resilience.load.request import Request
from pytest_resilience.load.room import check_room
from pytest_resilience.load.run import Run
from pytest_resilience.load.websocket import WebSocket
from pytest_resilience.load.what import What, deadlines, parts


def prepare(
    what: What,
    *,
    launcher: Launcher,
    rate: float | Profile | None = None,
    users: float | Profile | None = None,
    think: float | tuple[float, float] | None = None,
    impatience: tuple[float, float] | None = None,
    deadline: float = 10.0,
    seed: int = 0,
    drivers: int = 1,
    connections: int | None = None,
    allowed: Callable[[str], None] | None = None,
    line: timeline.Timeline | None = None,
) -> Run:
    """Return a run of `what` that begins when it is entered.

    :param what: a request, a WebSocket, a mix, a function, or a `@user` generator.
    :param launcher: starts the driver processes: the janitor.
    :param rate: arrivals per second (open model), a number or a profile.
    :param users: users at work (closed model), a number or a profile.
    :param think: seconds that users wait between two calls, a number or (low, high).
    :param impatience: (low, high), the seconds after which a call is cancelled.
    :param deadline: seconds after which a call counts as failed; a request's own wins.
    :param seed: what `call.random` is derived from.
    :param drivers: how many processes share the load.
    :param connections: the most connections of each driver, or threads for plain functions.
    :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
    :param line: where the run's beginning and end are marked; the current test's by default.
    :raises UsageError: an argument cannot be meant; its kind `NotPortable` names what cannot travel.
    """
    profile, closed = _profile(rate, users)
    if not isinstance(what, (Request, WebSocket, Mix, User)):
        check_action(what)
    for part in parts(what):
        if isinstance(part, (Request, WebSocket)) and allowed is not None:
            allowed(part.address.host)
        if isinstance(part, User) and part.per == "user" and not closed:
            raise UsageError(
                f"{part!r}: with rate= each arrival is a user of its own, so nothing can be opened per user; "
                "use users=, or open it in the action"
            )
    limits = deadlines(what, deadline)
    if not 0 < deadline < math.inf:
        raise UsageError(f"load: deadline={deadline} has to be more than zero seconds, and finite")
    for option, value in (("drivers", drivers), ("connections", connections)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UsageError(f"load: {option}={value!r} has to be a whole number from 1")
    if isinstance(what, WebSocket):
        _check_held(what, closed=closed, think=think, impatience=impatience, connections=connections)
        check_room(what, profile, drivers)
    if think is not None and not closed:
        raise UsageError(f"load: think={think!r} is for users=; with rate= each arrival is a user of its own")
    thinking = None if think is None else _range("think", think if isinstance(think, tuple) else (think, think))
    packed = pack_what(what)
    jobs = [
        Job(
            path=tuple(sys.path),
            directory=str(Path.cwd()),
            what=packed,
            profile=profile,
            closed=closed,
            deadline=max(limits),
            default=deadline,
            seed=seed,
            share=share,
            drivers=drivers,
            think=thinking,
            impatience=None if impatience is None else _patience(what, impatience, min(limits)),
            connections=connections,
        )
        for share in range(drivers)
    ]
    return Run(label_of(what), jobs, launcher=launcher, line=line or timeline.current())


def _profile(rate: float | Profile | None, users: float | Profile | None) -> tuple[Profile, bool]:
    """Return the profile, and whether it counts users."""
    if rate is None and users is None:
        raise UsageError("load: say how much: rate= (arrivals per second) or users= (users at work)")
    if rate is not None and users is not None:
        raise UsageError(
            f"load: rate={rate!r} and users={users!r} are two models: give rate= for arrivals that do not wait for "
            "replies, or users= for users who do"
        )
    if rate is not None:
        return as_profile(rate, "rate"), False
    return as_profile(0 if users is None else users, "users"), True


def _check_held(what: WebSocket, *, closed: bool, think: object, impatience: object, connections: object) -> None:
    if not closed:
        raise UsageError(
            f"load({what!r}): each connection is held by a user, so say users=, such as ramp(0, 100, over=10)"
        )
    for option, value in (("think", think), ("impatience", impatience), ("connections", connections)):
        if value is not None:
            raise UsageError(f"load({what!r}): {option}={value!r} is for calls; a WebSocket has every= and users=")


def _patience(what: What, impatience: tuple[float, float], deadline: float) -> tuple[float, float]:
    low, high = _range("impatience", impatience)
    if not 0 < low <= high < deadline:
        raise UsageError(f"load: impatience={impatience!r} has to lie between zero and the deadline, {deadline:g} s")
    for part in parts(what):
        if not isinstance(part, (Request, User)) and not (callable(part) and is_async(part)):
            raise UsageError(
                f"load: impatience= cancels calls, and nothing can stop a plain function in its thread: "
                f"make {label_of(part)} async"
            )
    return low, high


def _range(option: str, bounds: tuple[float, float]) -> tuple[float, float]:
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] < math.inf:
        raise UsageError(f"load: {option}={bounds!r}: expected (low, high) in seconds, such as {option}=(0.1, 0.5)")
    return bounds
