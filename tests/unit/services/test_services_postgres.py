"""A real Postgres, embedded: fresh for each test, broken and brought back."""

from __future__ import annotations

import os
import signal

import pytest

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError
from pytest_resilience.services.laundry import wash
from pytest_resilience.services.pgwire import PgConnection, PostgresRefused
from pytest_resilience.services.postgres import PostgresServer, container_spec
from pytest_resilience.services.template import CHANGEABLE
from pytest_resilience.waiting import wait_until


def client(postgres: PostgresServer, database: str = "test") -> PgConnection:
    return PgConnection(postgres.host, postgres.port, user="postgres", database=database)


def tables(postgres: PostgresServer) -> int:
    ((count,),) = postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    return int(count)


def test_a_postgres_answers_at_its_url(postgres: PostgresServer) -> None:
    assert postgres.url == f"postgresql://postgres@127.0.0.1:{postgres.port}/test"
    assert postgres.query("SELECT 1, NULL, 'é'") == [("1", None, "é")]


def test_what_postgres_refuses_is_raised(postgres: PostgresServer) -> None:
    with pytest.raises(PostgresRefused, match=r'relation "nowhere" does not exist \[42P01\]'):
        postgres.query("SELECT * FROM nowhere")


def test_nothing_that_was_committed_is_lost_in_a_crash(postgres: PostgresServer) -> None:
    postgres.query("CREATE TABLE kept (id int)")
    for number in range(50):
        postgres.query(f"INSERT INTO kept VALUES ({number})")
    with client(postgres), postgres.killed() as outage:
        with pytest.raises(ConnectionRefusedError):
            postgres.query("SELECT 1")
    assert postgres.query("SELECT count(*) FROM kept") == [("50",)]
    assert outage.receipt.counts["processes_killed"] >= 2


def test_a_crash_takes_the_sessions_too(postgres: PostgresServer) -> None:
    with client(postgres) as session:
        pid = int(session.query("SELECT pg_backend_pid()")[0][0])
        assert pid in postgres._unit.pids
        with postgres.killed(), pytest.raises(ConnectionError):
            session.query("SELECT 1")


def test_a_postgres_whose_main_process_crashed_alone_can_be_started(postgres: PostgresServer) -> None:
    postgres.query("CREATE TABLE kept (id int)")
    with client(postgres):
        os.kill(postgres._unit.pids[0], signal.SIGKILL)
        wait_until(lambda: not postgres.running, within=10)
        postgres.start()
    assert tables(postgres) == 1


def test_a_graceful_stop_is_graceful_in_spite_of_sessions(postgres: PostgresServer) -> None:
    with client(postgres), postgres.stopped() as outage:
        assert not postgres.running
    assert outage.receipt.counts["ended"] == "by itself"


def test_a_paused_postgres_is_frozen_with_its_sessions(postgres: PostgresServer) -> None:
    with client(postgres) as session, postgres.paused() as hang:
        session._socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            session.query("SELECT 1")
    assert hang.receipt.counts["processes_frozen"] >= 2
    assert postgres.query("SELECT 1") == [("1",)]


def test_terminated_connections_are_closed_and_new_ones_are_welcome(postgres: PostgresServer) -> None:
    with client(postgres) as first, client(postgres, "postgres") as second:
        with postgres.connections_terminated() as loss:
            for session in (first, second):
                with pytest.raises((PostgresRefused, OSError)):
                    session.query("SELECT 1")
            assert postgres.query("SELECT 1") == [("1",)]
    assert loss.receipt.counts == {"connections_terminated": 2}


def test_where_nobody_is_connected_nothing_was_terminated(postgres: PostgresServer) -> None:
    with pytest.raises(FaultDidNotBite, match="touched nothing"), postgres.connections_terminated():
        pass
    with postgres.connections_terminated(optional=True):
        pass


def test_a_postgres_that_is_down_has_no_connections_to_terminate(postgres: PostgresServer) -> None:
    with postgres.killed(), pytest.raises(ServiceStateError, match="not running"):
        postgres.connections_terminated().__enter__()


def leave_a_mess(postgres: PostgresServer) -> None:
    postgres.query("CREATE TABLE mine (id int)")
    postgres.query("CREATE ROLE intruder LOGIN")
    postgres.query("GRANT ALL ON mine TO intruder")
    postgres.query("CREATE DATABASE other OWNER intruder")
    postgres.query("ALTER SYSTEM SET work_mem = '1MB'")
    postgres.query("SELECT pg_reload_conf()")


def is_clean(postgres: PostgresServer) -> bool:
    return (
        tables(postgres) == 0
        and postgres.query("SELECT 1 FROM pg_roles WHERE rolname = 'intruder'") == []
        and postgres.query("SELECT 1 FROM pg_database WHERE datname = 'other'") == []
        and postgres.query("SHOW work_mem") == [("4MB",)]
    )


def test_a_fresh_postgres_holds_nothing_of_the_last_test(postgres: PostgresServer) -> None:
    leave_a_mess(postgres)
    postgres.query("CREATE TABLE also_here (id int)", database="postgres")
    with client(postgres):
        postgres.ensure_fresh()
    assert is_clean(postgres)
    assert postgres.query("SELECT 1 FROM pg_tables WHERE tablename = 'also_here'", database="postgres") == []


def test_a_washed_postgres_holds_nothing_of_the_last_test(postgres: PostgresServer) -> None:
    leave_a_mess(postgres)
    with client(postgres), client(postgres, "postgres") as session:
        wash(session, "test", "postgres")
    wait_until(lambda: is_clean(postgres), within=10, what="the settings are read again")


def test_a_test_may_have_it_flush_and_the_next_one_does_not(postgres: PostgresServer) -> None:
    for end in (postgres.ensure_fresh, lambda: washed(postgres)):
        assert postgres.query("SHOW fsync") == [("off",)]
        postgres.query("ALTER SYSTEM SET fsync = on")
        postgres.query("SELECT pg_reload_conf()")
        wait_until(lambda: postgres.query("SHOW fsync") == [("on",)], within=10)
        end()
        wait_until(lambda: postgres.query("SHOW fsync") == [("off",)], within=10)


def washed(postgres: PostgresServer) -> None:
    with client(postgres, "postgres") as session:
        wash(session, "test", "postgres", settings=CHANGEABLE)


@pytest.mark.parametrize("fault", ["killed", "stopped", "paused"])
def test_a_fresh_postgres_is_up_whatever_the_last_test_left(postgres: PostgresServer, fault: str) -> None:
    postgres.query("CREATE TABLE mine (id int)")
    getattr(postgres, fault)().__enter__()
    postgres.ensure_fresh()
    assert tables(postgres) == 0


def test_a_lock_whose_pid_came_round_again_is_no_obstacle(postgres: PostgresServer) -> None:
    postgres._unit.kill()
    lock = postgres._data.path / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    postgres.start()
    assert postgres.query("SELECT 1") == [("1",)]


def test_a_container_has_the_same_settings_and_lets_everybody_in() -> None:
    spec = container_spec("postgres:16-alpine", port=7000, name="postgres", settings={"work_mem": "1MB"})
    assert (spec.port, spec.container_port, spec.image) == (7000, 5432, "postgres:16-alpine")
    assert spec.env["POSTGRES_HOST_AUTH_METHOD"] == "trust"
    assert "work_mem=1MB" in spec.command
    assert "max_connections=100" in spec.command
