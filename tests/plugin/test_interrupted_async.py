"""Async scenarios under pytest-asyncio in strict mode: what is cancelled is healed, and the loop is never blocked."""

from __future__ import annotations

import pytest
from deaths import Start

HEAD = """
    import asyncio, signal, socket, sys, time
    import pytest
    from pytest_resilience import timeline, together

    pytestmark = pytest.mark.asyncio
    HEALED = []
"""
AFTER = """
    async def test_after(redis_server, postgres_server):
        assert redis_server.command("DBSIZE") == 0
        assert postgres_server.query("SELECT 1") == [("1",)]
"""
STRICT = ("-oasyncio_mode=strict", "-oasyncio_default_fixture_loop_scope=function")


def test_a_task_that_is_cancelled_inside_a_fault_has_healed_it_before_it_is_gone(start: Start) -> None:
    inner = start(
        HEAD
        + """
    async def test_it(redis_server, postgres_server, service):
        struck = asyncio.Event()

        async def scenario():
            async with together(redis_server.paused(), postgres_server.killed()):
                struck.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(scenario())
        await struck.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert timeline.current().in_force == []
        assert redis_server.command("PING") == "PONG"
        assert postgres_server.query("SELECT 1") == [("1",)]

    @pytest.mark.parametrize("moment", [0, 0.001, 0.005, 0.02])
    async def test_in_the_middle_of_the_strike(postgres_server, moment):
        async def scenario():
            async with postgres_server.killed():
                await asyncio.sleep(60)

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(scenario(), moment)
        assert timeline.current().in_force == []
        assert postgres_server.query("SELECT 1") == [("1",)]

    @pytest.mark.parametrize("moment", [0, 0.001, 0.005, 0.02])
    async def test_in_the_middle_of_the_heal(postgres_server, moment):
        healing = asyncio.Event()

        async def scenario():
            async with postgres_server.killed():
                healing.set()

        task = asyncio.create_task(scenario())
        await healing.wait()
        await asyncio.sleep(moment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert timeline.current().in_force == []
        assert postgres_server.query("SELECT 1") == [("1",)]

    async def test_twice(postgres_server):
        healing = asyncio.Event()

        async def scenario():
            async with postgres_server.killed():
                healing.set()

        task = asyncio.create_task(scenario())
        await healing.wait()
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert timeline.current().in_force == []
        assert postgres_server.query("SELECT 1") == [("1",)]
"""
        + AFTER,
        *STRICT,
        needs=("asyncio",),
    )
    assert inner.ends() == pytest.ExitCode.OK, inner.said
    assert inner.left() == []


def test_a_time_out_of_an_async_test_heals_what_it_broke_and_blames_it_for_nothing_else(start: Start) -> None:
    inner = start(
        HEAD
        + """
    @pytest.mark.timeout(2, method="signal", func_only=True)
    async def test_it(redis_server, postgres_server, load):
        async with load(lambda: None, rate=10) as run:
            async with together(redis_server.paused(), postgres_server.killed()):
                await run.ahold(60)
"""
        + AFTER,
        *STRICT,
        needs=("asyncio", "timeout"),
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed in" in inner.said, inner.said
    assert inner.left() == []


def test_ctrl_c_in_an_async_test_heals_what_it_broke(start: Start) -> None:
    inner = start(
        HEAD
        + """
    async def test_it(redis_server, postgres_server, load):
        async with load(lambda: None, rate=10) as run:
            async with together(redis_server.paused(), postgres_server.killed()):
                print("<in force>", flush=True)
                await run.ahold(60)
"""
        + AFTER,
        *STRICT,
        needs=("asyncio",),
    )
    inner.await_words("<in force>")
    inner.end(2)
    assert inner.process.returncode == pytest.ExitCode.INTERRUPTED, inner.said
    assert "NotHealed" not in inner.said, inner.said
    assert inner.left() == []


def test_the_loop_goes_on_while_a_fault_is_struck_and_healed_and_load_is_held(start: Start) -> None:
    inner = start(
        HEAD
        + """
    BEAT = 0.005

    class Ticker:
        def __init__(self):
            self.ticks = 0

        async def __aenter__(self):
            self.began = time.monotonic()
            self.task = asyncio.create_task(self.tick())
            return self

        async def __aexit__(self, *_):
            self.rate = self.ticks / (time.monotonic() - self.began)
            self.task.cancel()

        async def tick(self):
            while True:
                await asyncio.sleep(BEAT)
                self.ticks += 1

    async def test_it(redis_server, postgres_server, service, load):
        own = service(sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); "
                      "signal.pause()", name="own", port=False)
        async with Ticker() as alone:
            await asyncio.sleep(1)
        async with Ticker() as striking:
            async with own.stopped(within=0.5):  # takes the whole half second
                pass
            async with postgres_server.restarted():
                pass
        async with load(lambda: None, rate=20) as run:
            async with Ticker() as holding, redis_server.paused():
                await run.ahold(1)
        print(f"alone {alone.rate:.0f}/s, striking and healing {striking.rate:.0f}/s, holding {holding.rate:.0f}/s")
        assert striking.rate > alone.rate / 2
        assert holding.rate > alone.rate / 2
""",
        *STRICT,
        needs=("asyncio",),
    )
    assert inner.ends() == pytest.ExitCode.OK, inner.said
    assert inner.left() == []
