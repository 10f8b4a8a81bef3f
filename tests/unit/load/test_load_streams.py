"""Bodies in parts arrive whole, and are never in memory as a whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Body, Post, Put
from pytest_resilience.load.response import Response

if TYPE_CHECKING:
    from conftest import Server

SHORT = steady(50, lasting=0.1)
PARTS = [b"one", b"", b"two" * 1000, b"three"]
DIGEST = hashlib.sha256(b"".join(PARTS)).hexdigest()
LENGTH = sum(map(len, PARTS))


def generated(call: Call) -> Iterator[bytes]:
    yield from PARTS


async def awaited(call: Call) -> AsyncIterator[bytes]:
    for part in PARTS:
        await asyncio.sleep(0)
        yield part


@pytest.mark.parametrize("body", [PARTS, generated, awaited, lambda _: iter(PARTS)])
@pytest.mark.parametrize("length", [None, LENGTH, lambda _: LENGTH])
def test_every_part_arrives_in_its_order(server: Server, load_janitor: Janitor, body: Body, length: int | None) -> None:
    request = Post(f"{server.url}/digest", body=body, length=length, keep=lambda response: response.text)
    with prepare(request, launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.errors == {}, run.examples
    assert run.samples.returned == [DIGEST] * 5


def test_a_large_body_is_sent_in_flat_memory(server: Server, load_janitor: Janitor) -> None:
    def large(call: Call) -> Iterator[bytes]:
        for number in range(256):
            yield bytes([number]) * (256 << 10)

    def right(response: Response) -> bool:
        return response.text == digest

    digest = hashlib.sha256(b"".join(bytes([number]) * (256 << 10) for number in range(256))).hexdigest()
    with prepare(
        Post(f"{server.url}/digest", body=large, length=64 << 20, check=right),
        launcher=load_janitor,
        users=1,
        deadline=30,
    ) as run:
        driver = psutil.Process(run.pids[0])
        before = most = driver.memory_info().rss
        while not len(run.samples):
            run.hold(0.02)
            most = max(most, driver.memory_info().rss)
    assert run.samples.failures == 0, run.examples
    assert most - before < 16 << 20


@pytest.mark.parametrize(("length", "said"), [(LENGTH + 1, f"gave {LENGTH} bytes"), (LENGTH - 1, "gave more than")])
def test_a_body_that_is_not_as_long_as_it_says_fails_and_says_so(
    server: Server, load_janitor: Janitor, length: int, said: str
) -> None:
    with prepare(Put(f"{server.url}/digest", body=PARTS, length=length), launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.errors == {"UsageError": 5}
    assert said in run.examples["UsageError"]


def test_a_generator_that_raises_fails_its_own_call(server: Server, load_janitor: Janitor) -> None:
    def broken(call: Call) -> Iterator[bytes]:
        yield b"some"
        if call.index % 2:
            raise KeyError("gone")

    with prepare(Post(f"{server.url}/digest", body=broken), launcher=load_janitor, rate=steady(50, lasting=0.2)) as run:
        run.finish()
    assert run.samples.errors == {"KeyError": 5}
    assert "while the body was sent: 'gone'" in run.examples["KeyError"]


def test_an_answer_before_the_body_has_gone_is_taken_and_the_rest_is_not_sent(
    server: Server, load_janitor: Janitor
) -> None:
    async def endless(call: Call) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    with prepare(
        Post(f"{server.url}/early", body=endless, length=1 << 30), launcher=load_janitor, rate=SHORT, deadline=2
    ) as run:
        run.finish()
    assert run.samples.errors == {"status 413": 5}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Post("http://h/", body=generated(Call(0, 0, 0))),
        lambda: Post("http://h/", length=3),
        lambda: Post("http://h/", body=b"", length=-1),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused_at_once(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError):
        wrong()
