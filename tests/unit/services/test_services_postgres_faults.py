"""A real Postgres that refuses and makes wait: what a client meets, what the receipt says, and that all of it ends."""

from __future__ import annotations

import threading

import pytest

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.services import postgres_lock
from pytest_resilience.services.laundry import wash
from pytest_resilience.services.pgwire import PgConnection, PostgresRefused
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.waiting import wait_until

NAMES = ["connections_exhausted", "locked", "read_only"]


def client(postgres: PostgresServer, user: str = "postgres") -> PgConnection:
    return PgConnection(postgres.host, postgres.port, user=user, database="test")


def faults(postgres: PostgresServer) -> dict[str, Fault]:
    return {
        "connections_exhausted": postgres.connections_exhausted(),
        "locked": postgres.locked("kept"),
        "read_only": postgres.read_only(),
    }


def sessions(postgres: PostgresServer) -> int:
    ((count,),) = postgres.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    return int(count) - 1


@pytest.fixture
def kept(postgres: PostgresServer) -> PostgresServer:
    postgres.query("CREATE TABLE kept (id int)")
    return postgres


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_nobody_met_did_not_bite(kept: PostgresServer, name: str) -> None:
    with pytest.raises(FaultDidNotBite, match=f"postgres.{name} touched nothing"), faults(kept)[name]:
        pass
    wait_until(lambda: sessions(kept) == 0, within=5)
    kept.query("INSERT INTO kept VALUES (1)")


@pytest.mark.parametrize("name", NAMES)
def test_a_postgres_that_is_down_cannot_be_made_to_refuse(kept: PostgresServer, name: str) -> None:
    broken = faults(kept)[name]
    with kept.killed(), pytest.raises(ServiceStateError, match=r"not running; start\(\) it first"):
        broken.__enter__()


@pytest.mark.parametrize("broken", [PostgresServer.connections_exhausted, PostgresServer.read_only])
def test_a_fault_bears_a_crash_in_the_middle_of_it(kept: PostgresServer, broken: object) -> None:
    with broken(kept, optional=True):  # type: ignore[operator]
        with kept.killed():
            pass
    kept.query("INSERT INTO kept VALUES (1)")


def test_a_lock_is_gone_after_a_crash(kept: PostgresServer) -> None:
    with kept.locked("kept", optional=True):
        with kept.killed():
            pass
        kept.query("INSERT INTO kept VALUES (1)")


def test_who_wants_to_connect_is_refused_and_who_is_connected_goes_on(postgres: PostgresServer) -> None:
    with client(postgres) as early:
        with postgres.connections_exhausted() as episode:
            for _ in range(3):
                with pytest.raises(PostgresRefused, match="too many clients") as refused:
                    client(postgres)
                assert refused.value.code == "53300"
            assert early.query("SELECT 1") == [("1",)]
        assert episode.receipt.counts == {"connections_refused": 3, "slots_taken": 99}
        assert sessions(postgres) <= 2  # this one, and the last of the fault's, on its way out
        with client(postgres) as late:
            assert late.query("SELECT 1") == [("1",)]


def test_slots_may_be_left(postgres: PostgresServer) -> None:
    with postgres.connections_exhausted(leave=2) as episode:
        with client(postgres), client(postgres):
            with pytest.raises(PostgresRefused, match="too many clients"):
                client(postgres)
        wait_until(lambda: postgres.query("SELECT 1"), within=5, on=(PostgresRefused,))
    assert episode.receipt.counts["slots_taken"] == 98
    assert episode.receipt.counts["connections_refused"] >= 1


def test_slots_that_are_reserved_are_refused_to_ordinary_users(postgres: PostgresServer) -> None:
    postgres.query("CREATE ROLE ordinary LOGIN")
    with postgres.connections_exhausted(leave=3) as episode:
        with pytest.raises(PostgresRefused, match="reserved"):
            client(postgres, "ordinary")
        assert postgres.query("SELECT 1") == [("1",)]
    assert episode.receipt.counts["connections_refused"] == 1


def test_everybody_may_be_evicted(postgres: PostgresServer) -> None:
    with client(postgres) as early, postgres.connections_exhausted(evicting=True) as episode:
        with pytest.raises((PostgresRefused, OSError)):
            early.query("SELECT 1")
        with pytest.raises(PostgresRefused, match="too many clients"):
            client(postgres)
    assert episode.receipt.counts["slots_taken"] == 100


@pytest.mark.parametrize("leave", [-1, 100, 1000])
def test_slots_to_leave_have_bounds(postgres: PostgresServer, leave: int) -> None:
    with pytest.raises(UsageError, match=rf"connections_exhausted\(leave={leave}\)"):
        postgres.connections_exhausted(leave=leave).__enter__()
    wait_until(lambda: sessions(postgres) == 0, within=5)


def test_who_waits_for_a_lock_is_counted_and_served_after_it(kept: PostgresServer) -> None:
    writers = [threading.Thread(target=kept.query, args=("INSERT INTO kept VALUES (1)",)) for _ in range(2)]
    with kept.locked("kept", mode="share") as episode:
        assert kept.query("SELECT count(*) FROM kept") == [("0",)]  # who reads does not wait for this one
        for writer in writers:
            writer.start()
        wait_until(lambda: len(kept.query("SELECT 1 FROM pg_locks WHERE NOT granted")) == 2, within=10)
    for writer in writers:
        writer.join()
    assert episode.receipt.counts == {"sessions_waited": 2}
    assert kept.query("SELECT count(*) FROM kept") == [("2",)]


def test_who_gave_up_waiting_is_counted_too(kept: PostgresServer) -> None:
    with kept.locked("public.kept") as episode, pytest.raises(PostgresRefused, match="lock timeout"):
        kept.query("SET lock_timeout = '300ms'; SELECT * FROM kept")
    assert episode.receipt.counts == {"sessions_waited": 1}


@pytest.mark.parametrize("table", ["nowhere", "kept; DROP TABLE kept", "a.b.c.d", "'", ""])
def test_there_has_to_be_a_table(kept: PostgresServer, table: str) -> None:
    with pytest.raises(UsageError, match="locked"):
        kept.locked(table).__enter__()
    assert kept.query("SELECT count(*) FROM kept") == [("0",)]


def test_a_name_that_has_to_be_quoted_can_be(kept: PostgresServer) -> None:
    kept.query('CREATE TABLE "Odd ""one" (id int)')
    with kept.locked('"Odd ""one"', optional=True):
        assert kept.query("SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted")


def test_a_mode_has_to_be_one(kept: PostgresServer) -> None:
    with pytest.raises(UsageError, match="expected one of ACCESS SHARE, ROW SHARE"):
        kept.locked("kept", mode="TIGHT").__enter__()


def test_a_lock_that_others_hold_is_not_to_be_had(kept: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_lock, "TAKING", 0.1)
    with client(kept) as other:
        other.query("BEGIN; LOCK TABLE kept")
        with pytest.raises(FaultDidNotBite, match="cannot be locked in ACCESS EXCLUSIVE mode"):
            kept.locked("kept").__enter__()
    wait_until(lambda: sessions(kept) == 0, within=5)


def test_sessions_old_and_new_can_read_and_not_write(kept: PostgresServer) -> None:
    with client(kept) as old:
        with kept.read_only() as episode:
            with client(kept) as new:
                for session in (old, new):
                    with pytest.raises(PostgresRefused, match=r"read-only transaction \[25006\]"):
                        session.query("INSERT INTO kept VALUES (1)")
                    assert session.query("SELECT count(*) FROM kept") == [("0",)]
        assert episode.receipt.counts == {"statements_refused": 2}
        old.query("INSERT INTO kept VALUES (1)")
    assert kept.query("SELECT name FROM pg_file_settings WHERE name = 'default_transaction_read_only'") == []


def test_a_server_that_was_read_only_before_is_so_afterwards(kept: PostgresServer) -> None:
    kept.query("ALTER SYSTEM SET default_transaction_read_only = 'on'")
    kept.query("SELECT pg_reload_conf()")
    wait_until(lambda: kept.query("SHOW default_transaction_read_only") == [("on",)], within=5)
    with kept.read_only(optional=True):
        pass
    assert kept.query("SHOW default_transaction_read_only") == [("on",)]


def test_a_role_that_has_a_setting_of_its_own_is_no_green_test(kept: PostgresServer) -> None:
    kept.query("ALTER ROLE postgres SET default_transaction_read_only = 'off'")
    with pytest.raises(FaultDidNotBite, match="also set for their database or role"):
        kept.read_only().__enter__()
    assert kept.query("SELECT name FROM pg_file_settings WHERE name = 'default_transaction_read_only'") == []


def test_a_read_only_postgres_can_be_washed(kept: PostgresServer) -> None:
    kept.read_only(optional=True).__enter__()
    with PgConnection(kept.host, kept.port, user="postgres", database="postgres") as session:
        wash(session, "test", "postgres")
    wait_until(lambda: kept.query("SHOW default_transaction_read_only") == [("off",)], within=10)
    assert kept.query("SELECT 1 FROM pg_tables WHERE tablename = 'kept'") == []
