"""A pytest-timeout inside a fault, and an xdist worker that dies inside one."""

from __future__ import annotations

import pytest
from deaths import Start

HANGING = """
    import os, signal, socket, sys, time
    import pytest
    from pytest_resilience import together

    {mark}
    def test_it(redis_server, postgres_server, service, request):
        own = service(sys.executable, "-c", "import time; time.sleep(600)", name="own", port=False)
        redis_server.command("SET", "key", "value")
        with together(redis_server.paused(), postgres_server.killed(), own.paused()):
            {deed}

    {rest}
    def test_after(redis_server, postgres_server, n):
        assert redis_server.command("DBSIZE") == 0
        assert postgres_server.query("SELECT 1") == [("1",)]
"""


def hanging(*, mark: str = "", deed: str = "time.sleep(60)", others: int = 1) -> str:
    rest = f'@pytest.mark.parametrize("n", range({others}))'
    return HANGING.format(mark=mark, deed=deed, rest=rest)


def test_a_time_out_by_signal_inside_a_fault_heals_it_and_the_next_test_runs(start: Start) -> None:
    inner = start(hanging(mark='@pytest.mark.timeout(2, method="signal", func_only=True)'), needs=("timeout",))
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in inner.said, inner.said
    assert "Timeout" in inner.said
    assert "postgres.killed healed after" in inner.said
    assert inner.left() == []


def test_a_time_out_that_interrupts_a_heal_is_told_and_the_next_test_finds_everything_running(start: Start) -> None:
    source = hanging(
        mark='@pytest.mark.timeout(2, method="signal", func_only=True)',
        # The heal of Postgres waits for a server that cannot come up, as the port is taken.
        deed="request.addfinalizer(socket.create_server(('127.0.0.1', postgres_server.port)).close)",
    )
    inner = start(source, needs=("timeout",))
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "NotHealed: " in inner.said, inner.said
    assert "1 passed" in inner.said
    assert inner.left() == []


def test_a_time_out_by_thread_which_exits_the_process_leaves_nothing(start: Start) -> None:
    inner = start(hanging(mark='@pytest.mark.timeout(2, method="thread", func_only=True)'), needs=("timeout",))
    assert inner.ends() == 1
    assert "Timeout" in inner.said
    assert "test_after" not in inner.said.partition("Timeout")[2].rpartition("~~")[2]
    inner.must_vanish(within=3)


def test_a_worker_of_xdist_that_dies_inside_a_fault_is_replaced_and_leaves_nothing(start: Start) -> None:
    source = hanging(deed="os.kill(os.getpid(), signal.SIGKILL)", others=6)
    inner = start(source, "-n2", needs=("xdist",))
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 6 passed" in inner.said, inner.said
    assert "crashed while running" in inner.said
    inner.must_vanish(within=3)
