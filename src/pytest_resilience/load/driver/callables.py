"""Callables: a caller that calls a user's function, on the driver's loop or in a thread."""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor

from pytest_resilience.errors import SetupFailed
from pytest_resilience.load.action import Action, Call, User, is_async, label_of, name_of, takes_call
from pytest_resilience.load.driver.caller import After
from pytest_resilience.load.driver.opened import Opened
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.measure.sample import IMPATIENT

THREADS = 256


class _Ready:
    """An action and how it wants to be called."""

    def __init__(self, action: Action) -> None:
        self.function = action
        self.takes_call = takes_call(action)
        self.is_async = is_async(action)


class CallableCaller:
    """Calls an action for each call.

    An async action is cancelled at its deadline. A plain one runs in a thread, which nothing can
    stop: at its deadline the call counts as timed out, and what it does later is ignored. Plain
    actions that find no free thread wait for one.
    """

    def __init__(
        self,
        what: Action | User,
        recorder: Recorder,
        *,
        deadline: float,
        seed: int,
        connections: int | None = None,
        impatience: tuple[float, float] | None = None,
        share: int = 0,
    ) -> None:
        self._name = recorder.name(label_of(what))
        self._patience = impatience
        self._draw = random.Random(f"{seed}/{share}/{label_of(what)}/impatience").uniform
        self._what, self._recorder, self._deadline, self._seed = what, recorder, deadline, seed
        self._threads = ThreadPoolExecutor(connections or THREADS, thread_name_prefix="call")
        self._loop = asyncio.get_running_loop()
        self._shared: _Ready | None = None
        self._opened: dict[int, Opened] = {}  # by user; -1 for what all share
        self._own: dict[int, _Ready] = {}
        self._calls: dict[asyncio.Task[object], tuple[float, float, After | None]] = {}
        self._cut: dict[asyncio.Task[object], str] = {}  # what was cancelled, and as what it counts
        self.begun = 0

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not finished."""
        return len(self._calls)

    async def open(self) -> None:
        """Open what all calls share."""
        if not isinstance(self._what, User):
            self._shared = self._ready(self._what)
        elif self._what.per == "driver":
            self._shared = await self._open(-1, self._what)

    async def _open(self, user: int, what: User) -> _Ready:
        opened = Opened(what, self._threads)
        action = await opened.open()
        self._opened[user] = opened
        return self._ready(action)

    def _ready(self, action: Action) -> _Ready:
        ready = _Ready(action)
        if self._patience is not None and not ready.is_async:
            raise SetupFailed(
                "impatience= cancels calls, and nothing can stop a plain function in its thread: "
                f"make {name_of(action)} async"
            )
        return ready

    async def admit(self, user: int) -> None:
        """Open what the calls of `user` share, where each has its own."""
        if isinstance(self._what, User) and self._what.per == "user":
            self._own[user] = await self._open(user, self._what)

    async def dismiss(self, user: int) -> None:
        """Close what was opened for `user`."""
        self._own.pop(user, None)
        opened = self._opened.pop(user, None)
        if opened is not None:
            await opened.close()

    def call(self, index: int, due: float, user: int, after: After | None = None) -> None:
        """Begin a call."""
        sent = time.monotonic()
        self.begun += 1
        action = self._own.get(user, self._shared)
        task = self._loop.create_task(self._perform(action, Call(index, user, self._seed)))
        self._calls[task] = (due, sent, after)
        patience = self._deadline if self._patience is None else self._draw(*self._patience)
        limit = (self._deadline, "timeout") if patience >= self._deadline else (patience, IMPATIENT)
        timer = self._loop.call_later(limit[0], self._expire, task, limit[1])
        task.add_done_callback(lambda task: self._done(task, timer, limit[0]))

    async def _perform(self, action: _Ready | None, call: Call) -> object:
        if action is None:
            raise RuntimeError(f"user {call.user} was not opened")
        arguments = (call,) if action.takes_call else ()
        if action.is_async:
            result = action.function(*arguments)
        else:
            result = await self._loop.run_in_executor(self._threads, action.function, *arguments)
        # A plain function may give something to await too, such as a lambda that calls an async one.
        return await result if isinstance(result, Awaitable) else result

    def _expire(self, task: asyncio.Task[object], category: str) -> None:
        self._cut[task] = category
        task.cancel()

    def _done(self, task: asyncio.Task[object], timer: asyncio.TimerHandle, limit: float) -> None:
        timer.cancel()
        error = None if task.cancelled() else task.exception()
        category = self._cut.pop(task, None)
        if category is not None or task.cancelled():
            # Also where the action has caught the cancellation: it took longer than it was given.
            self._record(task, error=category or "timeout", example=f"it took longer than {limit:.3g} s")
        elif error is not None:
            self._record(task, error=type(error).__name__, example=_explain(error))
        else:
            self._record(task, returned=task.result())

    def _record(
        self, task: asyncio.Task[object], *, error: str | None = None, example: str = "", returned: object = None
    ) -> None:
        if task not in self._calls:  # it was given up, and ended later
            return
        due, sent, after = self._calls.pop(task)
        self._recorder.record(
            due, sent, time.monotonic(), error=error, example=example, returned=returned, name=self._name
        )
        if after is not None:
            after(error is None or error == IMPATIENT)

    def give_up(self, *, record: bool) -> None:
        """Cancel what is in flight, without waiting for it."""
        for task in list(self._calls):
            if record:
                self._record(task, error="timeout", example="it went on after its deadline")
            self._calls.pop(task, None)
            task.cancel()

    async def close(self) -> None:
        """Close what was opened."""
        for user in list(self._opened):
            await self.dismiss(user)
        self._threads.shutdown(wait=False, cancel_futures=True)


def _explain(error: BaseException) -> str:
    """Return the exception and the line of the user's code that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return f"{error!r}{where}"
