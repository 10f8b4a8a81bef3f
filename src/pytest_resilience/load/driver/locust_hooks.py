"""Hooks: what listens to Locust's events in a process that has users, and writes down what it hears."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent
from gevent import GreenletExit
from locust import User
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, TaskSet

if TYPE_CHECKING:
    from types import TracebackType

    from locust.event import Events

    from pytest_resilience.load.driver.locust_samples import LocustRecorder

BEGAN = "resilience_began"  # where a task set keeps when its task began
MOMENT = 0.05  # seconds after which a user whose wait is over has noticed that it is to stop


class Hooks:
    """Listens to requests and exceptions.

    :ivar give_up: whether requests that are killed are given up rather than failures: the test wants no more.
    """

    def __init__(self, recorder: LocustRecorder, *, alone: Callable[[str], bool]) -> None:
        """Write to `recorder`.

        :param alone: takes an exception that an open user raised outside of any arrival; tells whether it was one.
        """
        self._recorder, self._alone = recorder, alone
        self.give_up = False

    def attach(self, events: Events) -> None:
        """Begin to listen.

        Locust tells of a request when it is over and of a task when it has failed. When they began, and which
        were killed at the end of a run, its clients and task sets are asked themselves.
        """
        events.request.add_listener(self._request)
        events.user_error.add_listener(self._user_error)
        for session in (HttpSession, FastHttpSession):
            self._watch(session)
        self._stamp()
        self._part_with_users()

    def _request(self, *, request_type: str, name: str, response_time: float, **told: Any) -> None:
        status = getattr(told.get("response"), "status_code", None)
        size, start_time, now = told.get("response_length"), told.get("start_time"), time.monotonic()
        took = max(0.0, (response_time or 0.0) / 1000)
        # Between the answer and this event lies what the file does in `with client.get(catch_response=True)`.
        age = took if start_time is None else time.time() - start_time
        self._recorder.heard(
            now,
            age,
            method=request_type,
            name=name,
            took=took,
            status=status if isinstance(status, int) and status else None,
            exception=told.get("exception"),
            context=told.get("context") or {},
            size=size if isinstance(size, int) else 0,
        )

    def _user_error(
        self, user_instance: Any, exception: BaseException, tb: TracebackType | None = None, **_: object
    ) -> None:
        user = getattr(user_instance, "user", user_instance)
        name, kind, now = type(user).__name__, type(exception).__name__, time.monotonic()
        began = getattr(user_instance, BEGAN, None) or getattr(user, "began", None)
        if not began and self._alone(f"{name} failed before any arrival: {exception!r}"):
            return
        due = getattr(user, "due", None) or began or now
        where = "" if tb is None else f", at {_place(tb)}"
        self._recorder.record(name, due, began or due, now, error=kind, example=f"{exception!r}{where}")

    def _watch(self, session: Any) -> None:
        request, recorder, hooks = session.request, self._recorder, self

        def watched(client: Any, method: str, url: str, *arguments: Any, **options: Any) -> object:
            due, began = getattr(client.user, "due", None), time.monotonic()
            recorder.in_flight += 1
            try:
                return request(client, method, url, *arguments, **options)
            except GreenletExit:
                since = began if due is None else due
                if not hooks.give_up and time.monotonic() - since >= recorder.deadline:
                    name = options.get("name") or client.request_name or url
                    recorder.record(
                        f"{method} {name}",
                        since,
                        began,
                        time.monotonic(),
                        error="timeout",
                        example="no answer within the deadline when its user was stopped",
                    )
                raise
            finally:
                recorder.in_flight -= 1

        session.request = watched

    def _stamp(self) -> None:
        execute = TaskSet.execute_next_task

        def stamped(tasks: Any) -> None:
            setattr(tasks, BEGAN, time.monotonic())
            execute(tasks)

        TaskSet.execute_next_task = stamped

    def _part_with_users(self) -> None:
        """Let users who wait between two tasks go without cutting off a request.

        Locust kills them. One whose wait is just over has begun its next request by the time it dies, and
        nobody would ever know what became of that. Told to stop instead, it ends where its wait does, and
        one that is still waiting after a moment can be killed without harm.
        """
        stop = User.stop

        def part(user: Any, force: bool = False) -> bool:  # noqa: FBT001, FBT002  (as Locust has it)
            if force or user._state != LOCUST_STATE_WAITING:  # noqa: SLF001  (Locust's own, as in TaskSet.wait)
                return bool(stop(user, force))
            user._state = LOCUST_STATE_STOPPING  # noqa: SLF001
            gevent.spawn_later(MOMENT, user.group.killone, user.greenlet, block=False)
            return False

        User.stop = part


def _place(tb: TracebackType) -> str:
    """Return the innermost line."""
    while tb.tb_next is not None:
        tb = tb.tb_next
    return f"{tb.tb_frame.f_code.co_filename}:{tb.tb_lineno}"
