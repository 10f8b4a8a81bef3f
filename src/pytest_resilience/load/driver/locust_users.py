"""An open user: a user class for Locust files whose tasks begin at a rate, and do not wait for replies.

::

    from locust import FastHttpUser, task
    from pytest_resilience.load.driver.locust_users import OpenUser

    class Visitor(OpenUser, FastHttpUser):
        rate = 50  # for `locust` by itself; load(Locustfile(...), rate=...) says it in a test

        @task
        def look(self):
            self.client.get("/slots")

Locust's own users are a closed model: they slow down with the service that they wait for, and so hide its
stalls. Of an open user, one in each worker lets arrivals come when they are due. Each arrival does one
task, as a visitor with a client of its own; a visitor who is done is the next one's, with its
connection. The first request of an arrival counts from when the arrival was due.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from gevent import GreenletExit
from gevent.pool import Pool
from gevent.queue import LifoQueue
from locust import TaskSet, User
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopUser

from pytest_resilience.load.driver.locust_samples import DUE
from pytest_resilience.load.driver.locust_schedule import Schedule
from pytest_resilience.load.profile import steady

if TYPE_CHECKING:
    from locust.env import Environment

ATTRIBUTE = "resilience_schedule"  # where the environment of a test's run keeps the schedule
GIVES_BACK = (StopUser, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)

logger = logging.getLogger(__name__)


class OpenUser(User):  # type: ignore[misc]
    """Lets its tasks begin when they are due; combine it with a user that has a client.

    :cvar rate: arrivals per second of all workers together, where no test says it.
    :cvar most: the most visitors at once in one worker; an arrival that finds them busy waits, and counts from
        when it was due.
    """

    abstract = True
    rate: float = 1.0
    most: int = 1000

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.due: float | None = None
        self.began = 0.0
        self._made = 1
        # What Locust sees as the only task of this user is the one that begins the others.
        self._journeys: list[Callable[[OpenUser], object]] = list(type(self).tasks)  # type: ignore[misc]
        self.tasks: list[Callable[[OpenUser], object]] = [OpenUser._dispatch]

    def context(self) -> dict[str, object]:
        """Give the first request of an arrival the moment at which it was due."""
        due, self.due = self.due, None
        context: dict[str, object] = super().context()
        return context if due is None else {**context, DUE: due}

    def _dispatch(self) -> None:
        schedule = self._schedule()
        idle: LifoQueue[OpenUser] = LifoQueue()
        idle.put(self)
        pool, visitors = Pool(), [self]
        try:
            while (due := schedule.wait(self._stopping)) is not None:
                if idle.empty() and len(visitors) < self.most:
                    visitors.append(type(self)(self.environment))
                    pool.spawn(self._visit, visitors[-1], due, idle, first=True)
                else:
                    pool.spawn(self._visit, idle.get(), due, idle)
            pool.join()
        except GreenletExit:
            pool.kill()
            raise
        finally:
            for visitor in visitors[1:]:  # the first is this user itself, which Locust stops
                visitor.on_stop()

    def _stopping(self) -> bool:
        return bool(self._state == "stopping")

    def _schedule(self) -> Schedule:
        found = getattr(self.environment, ATTRIBUTE, None)
        if isinstance(found, Schedule):
            return found
        runner = self.environment.runner
        share, workers = getattr(runner, "worker_index", 0), max(1, getattr(runner, "worker_count", 1))
        own = Schedule(steady(self.rate).dues(max(0, share), workers))
        own.begin(time.monotonic())
        return own

    def _visit(self, visitor: OpenUser, due: float, idle: LifoQueue[OpenUser], *, first: bool = False) -> None:
        visitor.due, visitor.began = due, time.monotonic()
        try:
            if first:
                visitor.on_start()
            journey = random.choice(self._journeys)
            if isinstance(journey, type):
                TaskSet.run(journey(visitor))
            else:
                journey(visitor)
        except GIVES_BACK:
            pass
        except Exception as error:
            logger.exception("a task of %s", type(self).__name__)
            self.environment.events.user_error.fire(user_instance=visitor, exception=error, tb=error.__traceback__)
        finally:
            visitor.due = None
            idle.put(visitor)
