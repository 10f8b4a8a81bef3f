"""Tests of work on the database: what an error means for the caller, the breaker and the connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

import psycopg
import pytest
from clinic.breaker import Breaker, State
from clinic.connection import Connection, connect
from clinic.database import Database
from clinic.errors import Unavailable
from clinic.settings import Settings
from clinic_processes import free_port

from pytest_resilience import PostgresServer

Work = Callable[[Connection], Awaitable[object]]


def run(story: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


def make(url: str, **settings: float) -> Database:
    database = Database(Settings(database_url=url, **settings), Breaker("database", failures=3), name="test")
    database.prepared = True
    return database


async def sleep(connection: Connection) -> None:
    await connection.execute("SET statement_timeout = 0")  # as if the server's answer were lost on its way
    await connection.execute("SELECT pg_sleep(10)")


async def refusal(database: Database, work: Work, *, repeatable: bool = False) -> Unavailable:
    with pytest.raises(Unavailable) as refused:
        await database.run(work, repeatable=repeatable)
    return refused.value


def test_a_statement_without_an_answer_is_given_up_in_time_and_its_connection_is_closed(
    postgres_server: PostgresServer,
) -> None:
    async def story() -> None:
        connection = await connect(postgres_server.url, timeout=5, statement_timeout=60, name="test")
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError), connection.limited(0.2):
            await connection.execute("SELECT pg_sleep(10)")
        assert 0.2 <= time.monotonic() - began < 2
        assert connection.overdue
        assert not connection.usable
        await connection.close()

    run(story())


def test_a_limit_that_is_kept_leaves_the_connection_as_it_was(postgres_server: PostgresServer) -> None:
    async def story() -> None:
        connection = await connect(postgres_server.url, timeout=5, statement_timeout=60, name="test")
        with connection.limited(5):
            await connection.execute("SELECT 1")
        assert connection.usable
        assert not connection.gone
        await connection.close()
        assert connection.gone

    run(story())


def test_a_timeout_is_not_retried_and_leaves_the_outcome_unknown(postgres_server: PostgresServer) -> None:
    async def story() -> None:
        database = make(postgres_server.url, db_timeout=0.2)
        error = await refusal(database, sleep, repeatable=True)
        assert (error.reason, error.body["outcome"]) == ("timeout", "unknown")
        assert (database.pool.opened, database.pool.discarded, database.breaker.failures) == (1, 1, 1)

    run(story())


def test_the_servers_own_timeout_costs_no_connection_and_undoes_the_statement(postgres_server: PostgresServer) -> None:
    async def story() -> None:
        database = make(postgres_server.url, db_timeout=0.3)
        error = await refusal(database, lambda connection: connection.execute("SELECT pg_sleep(10)"))
        assert (error.reason, error.body["outcome"]) == ("timeout", "not done")
        assert (database.pool.discarded, database.pool.idle) == (0, 1)
        await database.pool.close()

    run(story())


def test_where_nothing_was_sent_even_what_cannot_be_repeated_is_retried() -> None:
    async def story() -> None:
        database = make(f"postgresql://postgres@127.0.0.1:{free_port()}/test", retry_attempts=3)
        error = await refusal(database, sleep)
        assert (error.reason, error.body["outcome"]) == ("refused", "not done")
        assert database.breaker.state is State.OPEN  # three attempts were made
        assert (await refusal(database, sleep)).reason == "breaker open"

    run(story())


@pytest.mark.parametrize(("repeatable", "attempts"), [(True, 2), (False, 1)])
def test_a_lost_connection_is_retried_only_for_what_can_be_repeated(
    postgres_server: PostgresServer, repeatable: bool, attempts: int
) -> None:
    made = 0

    async def cut_first(connection: Connection) -> None:
        nonlocal made
        made += 1
        if made == 1:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def story() -> None:
        database = make(postgres_server.url)
        if repeatable:
            await database.run(cut_first, repeatable=True)
        else:
            assert (await refusal(database, cut_first)).reason == "lost"
        assert made == attempts
        await database.pool.close()

    run(story())


def test_an_answer_that_is_no_says_nothing_against_the_database(postgres_server: PostgresServer) -> None:
    async def story() -> None:
        database = make(postgres_server.url)
        for _ in range(5):
            with pytest.raises(psycopg.errors.DivisionByZero):
                await database.read("SELECT 1 / 0")
        standby = await refusal(database, lambda connection: connection.execute("BEGIN READ ONLY; CREATE TABLE t ()"))
        assert (standby.reason, standby.body["outcome"]) == ("failing", "not done")
        assert (database.breaker.state, database.pool.discarded) == (State.CLOSED, 1)
        await database.pool.close()

    run(story())
