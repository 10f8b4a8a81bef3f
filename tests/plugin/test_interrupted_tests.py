"""A test that ends badly inside a fault: healed, told, and the next test finds everything as it should be."""

from __future__ import annotations

import pytest
from deaths import Start

# What the test after a bad one expects: both servers running, answering and empty.
FRESH = """
    def test_after(redis_server, postgres_server):
        assert redis_server.command("DBSIZE") == 0
        assert postgres_server.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [("0",)]
        assert (redis_server.running, postgres_server.running) == (True, True)
"""
FILLED = """
    import os, re, signal, sys, time
    import pytest
    from pytest_resilience import together

    def fill(redis_server, postgres_server):
        redis_server.command("SET", "key", "value")
        postgres_server.query("CREATE TABLE left_over (id int)")
"""
SLEEPER = "import time; print('good morning', flush=True); time.sleep(600)"


def test_a_failing_assertion_inside_faults_heals_them_and_shows_the_timeline(start: Start) -> None:
    inner = start(
        FILLED
        + """
    def test_it(redis_server, postgres_server):
        fill(redis_server, postgres_server)
        with together(redis_server.paused(), postgres_server.killed()):
            assert 1 == 2, "as it had to be"
"""
        + FRESH
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in inner.said
    for words in ("as it had to be", "resilience timeline", "redis.paused struck", "postgres.killed healed after"):
        assert words in inner.said, inner.said
    assert "FaultDidNotBite" not in inner.said
    assert inner.left() == []


@pytest.mark.parametrize("deed", ["paused", "killed", "stopped"])
def test_a_fault_left_in_force_on_real_servers_is_an_error_and_the_next_test_finds_them_fresh(
    start: Start, deed: str
) -> None:
    inner = start(
        FILLED
        + f"""
    def test_it(redis_server, postgres_server):
        fill(redis_server, postgres_server)
        redis_server.{deed}().__enter__()
        postgres_server.{deed}().__enter__()
"""
        + FRESH
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "2 passed, 1 error" in inner.said, inner.said
    assert f"NotHealed: postgres.{deed}, redis.{deed}: still in force" in inner.said or (
        f"NotHealed: redis.{deed}, postgres.{deed}: still in force" in inner.said
    ), inner.said
    assert inner.left() == []


@pytest.mark.parametrize("number", ["SIGSTOP", "SIGKILL", "SIGTERM"])
def test_servers_that_a_test_breaks_by_hand_are_fresh_for_the_next_one(start: Start, number: str) -> None:
    inner = start(
        FILLED
        + f"""
    def test_it(redis_server, postgres_server):
        fill(redis_server, postgres_server)
        for server in (redis_server, postgres_server):
            os.kill(server._unit.pids[0], signal.{number})
            while signal.{number} != signal.SIGSTOP and server.running:
                time.sleep(0.01)
"""
        + FRESH
    )
    assert inner.ends() == pytest.ExitCode.OK, inner.said
    assert inner.left() == []


def test_a_service_that_dies_by_itself_is_said_to_have_and_hurts_no_other_test(start: Start) -> None:
    inner = start(
        FILLED
        + """
    def test_it(service):
        code = "import time; print('good bye', flush=True); time.sleep(0.5); raise SystemExit(7)"
        own = service(sys.executable, "-c", code, name="own", port=False, ready=re.compile("good bye"))
        while own.running:
            time.sleep(0.01)
        with own.killed():
            pass

    def test_after(service):
        assert service(sys.executable, "-c", "import time; time.sleep(600)", name="own", port=False).running
"""
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in inner.said, inner.said
    assert "ServiceStateError: own: cannot be killed, it has ended with exit status 7" in inner.said
    assert "resilience log of own" in inner.said
    assert inner.left() == []


def test_a_service_that_does_not_become_ready_is_told_with_its_log_and_is_ended(start: Start) -> None:
    inner = start(
        FILLED
        + f"""
    def test_it(service):
        service(sys.executable, "-c", {SLEEPER!r}, name="own", within=1)
"""
        + FRESH
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in inner.said, inner.said
    assert "own at 127.0.0.1:" in inner.said
    assert "not ready 1 s after its start" in inner.said
    assert "good morning" in inner.said
    assert inner.left() == []


def test_a_link_server_that_dies_fails_its_test_and_the_next_one_has_another(start: Start) -> None:
    inner = start(
        FILLED
        + """
    def test_it(link, _link_server, redis_server):
        road = link(redis_server)
        os.kill(_link_server._child.pid, signal.SIGKILL)
        with road.severed():
            pass

    def test_after(link, redis_server):
        with link(redis_server).severed(optional=True):
            pass
"""
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in inner.said, inner.said
    assert "RequestFailed: link server at 127.0.0.1:" in inner.said
    assert inner.left() == []


def test_load_that_a_test_leaves_running_ends_with_the_test(start: Start) -> None:
    inner = start(
        FILLED
        + """
    PIDS = []

    def test_it(load):
        run = load(lambda: None, rate=10)
        run.__enter__()
        PIDS.extend(run.pids)

    def test_after():
        assert PIDS and not any(os.path.exists(f"/proc/{pid}") for pid in PIDS)
"""
    )
    assert inner.ends() == pytest.ExitCode.TESTS_FAILED
    assert "2 passed, 1 error" in inner.said, inner.said
    assert "load was still going when the test ended" in inner.said
    assert inner.left() == []
