"""An opened user: the action that a `@user` generator has yielded, and the way to close it again."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from typing import Final

from pytest_resilience.errors import SetupFailed, UsageError
from pytest_resilience.load.action import Action, User, check_action, name_of

NOTHING: Final = object()


class Opened:
    """One run of a user's generator, from what it opens to what it closes.

    An async generator runs on the driver's loop, a plain one in a thread.
    """

    def __init__(self, user: User, threads: Executor) -> None:
        self._name = name_of(user.opens)
        self._threads = threads
        self._generator = user.opens()

    async def open(self) -> Action:
        """Return the action.

        :raises SetupFailed: the generator raised, or yielded nothing, or nothing that can be called.
        """
        try:
            action = await self._step()
            if action is NOTHING:
                raise UsageError("it yielded nothing; a @user yields its action once")
            check_action(action)
        except Exception as error:
            raise _failed(self._name, "opened its client", error) from error
        if not callable(action):
            raise SetupFailed(f"@user {self._name}: it yielded {action!r}, which cannot be called")
        return action

    async def close(self) -> None:
        """Let the generator run to its end.

        :raises SetupFailed: it raised, or yielded again.
        """
        try:
            if await self._step() is not NOTHING:
                raise UsageError("it yielded a second time; a @user yields its action once")
        except Exception as error:
            raise _failed(self._name, "closed its client", error) from error

    async def _step(self) -> object:
        generator = self._generator
        if isinstance(generator, AsyncIterator):
            try:
                return await generator.__anext__()
            except StopAsyncIteration:
                return NOTHING
        return await asyncio.get_running_loop().run_in_executor(self._threads, next, generator, NOTHING)


def _failed(name: str, deed: str, error: Exception) -> SetupFailed:
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return SetupFailed(f"@user {name} failed in the driver while it {deed}: {error!r}\n\n{trace}")
