"""A test's own functions run in the driver, and what they return comes back."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import SetupFailed
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call, user
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get, Post

if TYPE_CHECKING:
    from conftest import Server

SHORT = steady(200, lasting=0.1)


def test_a_closure_runs_in_another_process_and_its_results_come_back(load_janitor: Janitor) -> None:
    base = 100

    async def action(call: Call) -> tuple[int, int, float]:
        return os.getpid(), base + call.index, call.random.random()

    results = []
    for _ in range(2):
        with prepare(action, launcher=load_janitor, rate=SHORT, seed=7) as run:
            run.finish()
        results.append(run.samples.returned)
        assert not run.samples.failures
    first, again = results
    assert {value[0] for value in first}.isdisjoint({os.getpid()})
    assert sorted(value[1] for value in first) == list(range(100, 120))
    assert [value[1:] for value in sorted(first)] == [value[1:] for value in sorted(again)]


def test_a_plain_function_runs_in_a_thread_and_holds_up_nobody(load_janitor: Janitor) -> None:
    def action() -> str:
        time.sleep(0.2)
        return threading.current_thread().name

    with prepare(action, launcher=load_janitor, rate=steady(100, lasting=0.2)) as run:
        run.finish()
    assert max(sample.done - sample.due for sample in run.samples) < 1  # one after the other would take four seconds
    assert all(name.startswith("call") for name in run.samples.returned)


def test_an_exception_is_a_failure_of_its_class_with_an_example(load_janitor: Janitor) -> None:
    async def action(call: Call) -> int:
        if call.index % 2:
            raise LookupError(f"no slot {call.index}")
        return call.index

    with prepare(action, launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.errors == {"LookupError": 10}
    assert run.examples["LookupError"].startswith("LookupError('no slot 1') at ")
    assert "in action" in run.examples["LookupError"]
    assert len(run.samples.returned) == 10


@pytest.mark.parametrize("blocking", [False, True])
def test_a_call_that_takes_too_long_is_a_time_out_at_its_deadline(load_janitor: Janitor, blocking: bool) -> None:
    async def patient() -> None:
        await asyncio.sleep(60)

    def stubborn() -> None:
        time.sleep(60)

    started = time.monotonic()
    with prepare(stubborn if blocking else patient, launcher=load_janitor, rate=SHORT, deadline=0.2) as run:
        run.finish()
    assert run.samples.errors == {"timeout": 20}
    assert all(0.19 <= sample.done - sample.due < 0.6 for sample in run.samples)
    assert time.monotonic() - started < 10


def test_an_action_that_swallows_its_cancellation_is_a_time_out_all_the_same(load_janitor: Janitor) -> None:
    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    with prepare(stubborn, launcher=load_janitor, rate=SHORT, deadline=0.2) as run:
        run.finish()
    assert run.samples.errors == {"timeout": 20}


@pytest.mark.parametrize(("per", "opened"), [("driver", 1), ("user", 3)])
def test_a_user_opens_once_per_driver_or_per_user(load_janitor: Janitor, per: str, opened: int) -> None:
    @user(per=per)  # type: ignore[call-overload]
    async def client() -> AsyncIterator[Callable[[Call], Awaitable[tuple[int, int]]]]:
        token = object()

        async def action(call: Call) -> tuple[int, int]:
            await asyncio.sleep(0.001)
            return id(token), call.user

        yield action

    with prepare(client, launcher=load_janitor, users=3) as run:
        run.hold(0.2)
    assert not run.samples.failures
    assert {number for _, number in run.samples.returned} == {0, 1, 2}
    assert len({token for token, _ in run.samples.returned}) == opened


def test_a_blocking_client_is_opened_and_used_in_threads(load_janitor: Janitor, server: Server) -> None:
    url = server.url

    @user
    def client() -> Iterator[Callable[[], bytes]]:
        opener = urllib.request.build_opener()

        def action() -> bytes:
            with opener.open(f"{url}/ok", timeout=5) as response:
                body: bytes = response.read()
            return body

        yield action

    with prepare(client, launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.returned == [b"ok"] * 20


def test_a_client_that_cannot_be_opened_is_told_with_its_traceback(load_janitor: Janitor) -> None:
    @user
    async def client() -> AsyncIterator[Callable[[], None]]:
        raise ConnectionRefusedError("nobody home")
        yield lambda: None

    with (
        pytest.raises(SetupFailed, match=r"(?s)@user client failed in the driver.*nobody home.*Traceback"),
        prepare(client, launcher=load_janitor, rate=1),
    ):
        pass


@pytest.mark.parametrize("where", ["opened", "closed"])
def test_a_user_that_fails_in_the_middle_ends_the_hold_at_once(load_janitor: Janitor, where: str) -> None:
    @user(per="user")
    async def client() -> AsyncIterator[Callable[[], Awaitable[None]]]:
        if where == "opened":
            raise ConnectionRefusedError("nobody home")

        async def action() -> None:
            await asyncio.sleep(0.01)

        yield action
        raise ConnectionRefusedError("nobody home")

    started = time.monotonic()
    with (
        pytest.raises(SetupFailed, match="nobody home"),
        prepare(client, launcher=load_janitor, users=2) as run,
    ):
        run.hold(30 if where == "opened" else 0.1)
    assert time.monotonic() - started < 10


def test_the_parts_of_a_request_may_be_functions_of_the_call(load_janitor: Janitor, server: Server) -> None:
    booking = Post(
        f"{server.url}/echo",
        json=lambda call: {"slot": call.index},
        headers=lambda call: {"x-user": str(call.user)},
        expect=201,
        check=lambda response: b"POST /echo" in response.body,
        keep=lambda response: response.text.rpartition("\r\n\r\n")[2],
    )
    with prepare(booking, launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert not run.samples.failures
    assert sorted(run.samples.returned) == sorted(f'{{"slot":{k}}}' for k in range(20))


def test_a_function_of_a_request_that_raises_is_a_failure_of_the_call(load_janitor: Janitor, server: Server) -> None:
    request = Get(f"{server.url}/ok", headers=lambda call: {"x": str(1 // (call.index % 2))})
    with prepare(request, launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.errors == {"ZeroDivisionError": 10}
