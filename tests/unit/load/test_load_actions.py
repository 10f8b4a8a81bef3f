"""An action takes nothing or the call, and a @user generator yields one."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_resilience.errors import SetupFailed, UsageError
from pytest_resilience.load.action import Action, User, check_action, is_async, name_of, takes_call, user
from pytest_resilience.load.driver.opened import Opened


async def plain() -> None: ...


async def with_call(call: object) -> None: ...


class Acting:
    async def __call__(self, call: object) -> None: ...


@pytest.mark.parametrize(
    ("action", "takes", "awaits"),
    [
        (plain, False, True),
        (with_call, True, True),
        (functools.partial(with_call, 1), False, True),
        (lambda: 1, False, False),
        (lambda _call: 1, True, False),
        (lambda _url="x": 1, False, False),
        (lambda *_args, **_options: 1, False, False),
        (Acting(), True, True),
    ],
)
def test_an_action_is_called_as_it_is_written(action: Action, takes: bool, awaits: bool) -> None:
    check_action(action)
    assert takes_call(action) == takes
    assert is_async(action) == awaits


async def yields() -> AsyncIterator[Action]:
    yield plain


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda _a, _b: 1, "takes nothing, or one argument"),
        (yields, "decorate it with @user"),
        (42, "expected a request"),
        ("http://127.0.0.1/", "type str"),
    ],
)
def test_what_cannot_be_an_action_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_action(wrong)


def test_a_coroutine_that_was_made_already_is_refused() -> None:
    with pytest.raises(UsageError, match="without parentheses"):
        check_action(plain())


def test_user_takes_generator_functions_without_arguments() -> None:
    assert isinstance(user(yields), User)
    assert user(per="user")(yields).per == "user"
    assert name_of(user(yields)) == "yields"
    for wrong in (plain, lambda: 1):
        with pytest.raises(UsageError, match="generator function"):
            user(wrong)  # type: ignore[arg-type]

    def needs(client: object) -> Iterator[Action]:
        yield plain

    with pytest.raises(UsageError, match="takes no arguments"):
        user(needs)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="per="):
        user(per="call")  # type: ignore[call-overload]


def lifetime(one: User) -> Action:
    async def main() -> Action:
        with ThreadPoolExecutor(1) as threads:
            opened = Opened(one, threads)
            action = await opened.open()
            await opened.close()
            return action

    return asyncio.run(main())


def test_a_user_opens_yields_and_closes_async_or_not() -> None:
    log: list[str] = []

    @user
    async def one() -> AsyncIterator[Action]:
        log.append("opened")
        yield plain
        log.append("closed")

    @user
    def other() -> Iterator[Action]:
        log.append("opened")
        yield plain
        log.append("closed")

    assert lifetime(one) is plain
    assert lifetime(other) is plain
    assert log == ["opened", "closed"] * 2


def raises_first() -> Iterator[Action]:
    raise ConnectionError("no such host")
    yield plain


def raises_last() -> Iterator[Action]:
    yield plain
    raise ConnectionError("gone")


def yields_nothing() -> Iterator[Action]:
    yield from ()


def yields_twice() -> Iterator[Action]:
    yield plain
    yield plain


def yields_a_number() -> Iterator[Action]:
    yield 7  # type: ignore[misc]


@pytest.mark.parametrize(
    ("opens", "message"),
    [
        (raises_first, r"(?s)@user raises_first failed in the driver while it opened.*no such host.*Traceback"),
        (raises_last, r"(?s)while it closed its client.*gone"),
        (yields_nothing, "yielded nothing"),
        (yields_twice, "a second time"),
        (yields_a_number, "expected a request"),
    ],
)
def test_a_user_that_fails_outside_of_its_calls_says_where(opens: object, message: str) -> None:
    with pytest.raises(SetupFailed, match=message):
        lifetime(user(opens))  # type: ignore[call-overload]
