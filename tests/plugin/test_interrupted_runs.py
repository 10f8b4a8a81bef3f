"""A run that is interrupted inside a fault: healed, nothing left, and the exit status says so."""

from __future__ import annotations

import signal

import pytest
from deaths import Start

# Redis is frozen and Postgres is dead, under load over a silent link, for as long as anybody waits.
WAITING = """
    import os, signal, socket, sys, time
    from pytest_resilience import together

    def test_it(redis_server, postgres_server, link, load):
        road = link(redis_server, name="road")
        host, port = road.host, road.port

        def ping():
            with socket.create_connection((host, port), timeout=0.3) as connection:
                connection.sendall(b"PING\\r\\n")
                return connection.recv(64)

        with load(ping, rate=50, deadline=0.5) as run:
            with together(redis_server.paused(), postgres_server.killed(), road.severed(silently=True, optional=True)):
                os.write(1, b"<in force>")
                run.hold(120)

    def test_after(redis_server, postgres_server):
        raise AssertionError("the run went on")
"""

# A fault that takes its time to heal, and a fixture that takes its time to close.
SLOW = """
    import os, sys, time
    import pytest
    from pytest_resilience import Receipt, fault

    def say(words):
        os.write(1, f"<{words}>".encode())

    @fault
    def dawdling():
        yield Receipt(parts=1)
        say("healing")
        time.sleep(60)

    @pytest.fixture(scope="session")
    def dawdler(_janitor):
        yield
        say("closing")
        time.sleep(60)
"""


def test_ctrl_c_inside_a_fault_heals_it_and_ends_the_run_with_nothing_left(start: Start) -> None:
    inner = start(WAITING)
    inner.await_words("<in force>")
    inner.end(signal.SIGINT)
    assert inner.process.returncode == pytest.ExitCode.INTERRUPTED, inner.said
    assert "KeyboardInterrupt" in inner.said
    assert "NotHealed" not in inner.said
    # In the ordinary way, by the time that it has ended: nobody had to come after it.
    assert inner.left() == []


def test_a_second_ctrl_c_that_breaks_a_heal_leaves_the_others_to_theirs(start: Start) -> None:
    inner = start(
        SLOW
        + """
    def test_it(redis_server, service):
        own = service(sys.executable, "-c", "import time; time.sleep(600)", name="own", port=False)
        with redis_server.paused(), dawdling(), own.paused():
            say("in force")
            time.sleep(60)
    """
    )
    inner.await_words("<in force>")
    inner.interrupt(signal.SIGINT, "<healing>")
    inner.end(signal.SIGINT)
    assert inner.process.returncode == pytest.ExitCode.INTERRUPTED, inner.said
    assert inner.left() == []


def test_a_second_ctrl_c_that_breaks_the_teardown_leaves_the_rest_to_the_janitor(start: Start) -> None:
    inner = start(
        SLOW
        + """
    def test_it(postgres_server, dawdler, redis_server, service):
        service(sys.executable, "-c", "import time; time.sleep(600)", name="own", port=False)
        with redis_server.paused(), postgres_server.killed():
            say("in force")
            time.sleep(60)
    """
    )
    inner.await_words("<in force>")
    inner.interrupt(signal.SIGINT, "<closing>")
    inner.end(signal.SIGINT)
    inner.must_vanish(within=3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGABRT])
def test_a_signal_that_ends_pytest_at_once_leaves_nothing(start: Start, number: int) -> None:
    inner = start(WAITING)
    inner.await_words("<in force>")
    inner.end(number)
    assert inner.process.returncode == -number, inner.said
    inner.must_vanish(within=3)
