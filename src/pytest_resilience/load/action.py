"""An action: what a user's function does on each call, and what it may open before the first one."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, overload

from pytest_resilience.errors import UsageError

Action: TypeAlias = Callable[..., object]
Opens: TypeAlias = "Callable[[], AsyncIterator[Action]] | Callable[[], Iterator[Action]]"
Per = Literal["driver", "user"]


@dataclass
class Call:
    """One call of an action.

    :ivar index: its number in the run, from 0; no two calls have the same.
    :ivar user: the number of the user who makes it; with `rate=`, where each arrival is a user, its index.
    :ivar seed: the run's seed.
    """

    index: int
    user: int
    seed: int

    @functools.cached_property
    def random(self) -> random.Random:
        """A generator of its own, seeded by the run's seed and the index, so that a replay draws the same."""
        return random.Random(f"{self.seed}/{self.index}")


@dataclass(frozen=True, repr=False)
class User:
    """A generator that opens what an action needs, yields the action, and closes; made by `@user`."""

    opens: Opens
    per: Per = "driver"

    @property
    def __name__(self) -> str:
        return name_of(self.opens)

    def __repr__(self) -> str:
        return f"<user {name_of(self.opens)}, one per {self.per}>"


@overload
def user(opens: Opens) -> User: ...
@overload
def user(*, per: Per = "driver") -> Callable[[Opens], User]: ...
def user(opens: Opens | None = None, *, per: Per = "driver") -> User | Callable[[Opens], User]:
    """Make a user of a generator that opens its client, yields the action to call, and closes the client.

    ::

        @user
        async def reader():
            async with redis.asyncio.from_url(url, max_connections=4) as client:
                async def read(call):
                    return await client.get(f"user:{call.index % 20}")
                yield read

    The generator runs in the driver process. A plain generator, for a blocking client, runs in a thread.

    :param per: "driver" for one that all calls share, "user" for one each (with `users=` only).
    :raises UsageError: `opens` is no generator function without arguments.
    """
    if per not in {"driver", "user"}:
        raise UsageError(f"user(per={per!r}): expected 'driver' or 'user'")
    if opens is None:
        return functools.partial(_user, per=per)
    return _user(opens, per=per)


def _user(opens: Opens, *, per: Per) -> User:
    if not (inspect.isasyncgenfunction(opens) or inspect.isgeneratorfunction(opens)):
        raise UsageError(f"@user {name_of(opens)}: expected a generator function that yields its action")
    if inspect.signature(opens).parameters:
        raise UsageError(f"@user {name_of(opens)}: it takes no arguments; capture what it needs, such as a URL")
    return User(opens, per)


def check_action(action: object) -> None:
    """Raise `UsageError` for what cannot be called with nothing or with a call."""
    if inspect.isasyncgenfunction(action) or inspect.isgeneratorfunction(action):
        raise UsageError(f"{name_of(action)} is a generator function: decorate it with @user, or let it return")
    if inspect.iscoroutine(action):
        action.close()
        raise UsageError(f"{name_of(action)}() was called already: pass the function itself, without parentheses")
    if not callable(action):
        raise UsageError(
            f"load({action!r}): expected a request such as Get(url), a function, or a @user generator; "
            f"this is of type {type(action).__name__}"
        )
    takes_call(action)


def takes_call(action: Action) -> bool:
    """Tell whether the action wants the call: whether it has exactly one argument without a default.

    :raises UsageError: it wants more than that.
    """
    try:
        parameters = inspect.signature(action).parameters.values()
    except ValueError:  # some built-in functions do not tell
        return False
    wanted = [
        one for one in parameters if one.default is one.empty and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
    ]
    if len(wanted) > 1 or any(one.kind is one.KEYWORD_ONLY for one in wanted):
        names = ", ".join(one.name for one in wanted)
        raise UsageError(f"{name_of(action)}({names}): an action takes nothing, or one argument, the call")
    return bool(wanted)


def is_async(action: Action) -> bool:
    """Tell whether calling it gives something to await."""
    while isinstance(action, functools.partial):
        action = action.func
    return inspect.iscoroutinefunction(action) or inspect.iscoroutinefunction(getattr(action, "__call__", None))  # noqa: B004


def name_of(action: object) -> str:
    """Return how the action is called in messages and samples."""
    if isinstance(action, functools.partial):
        return name_of(action.func)
    return str(getattr(action, "__name__", None) or type(action).__name__)


def label_of(what: object) -> str:
    """Return how what is loaded is called in messages and samples; requests know it themselves."""
    return str(getattr(what, "label", None) or name_of(what))
