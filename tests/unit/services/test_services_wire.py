"""The smallest clients of Redis and Postgres, against servers that answer from a script."""

from __future__ import annotations

import struct

import pytest
from wire_server import scripted

from pytest_resilience.services.pgwire import PgConnection, PostgresRefused
from pytest_resilience.services.resp import RedisRefused, RespConnection

HOST = "127.0.0.1"


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def row(*values: bytes | None) -> bytes:
    cells = [b"\xff\xff\xff\xff" if value is None else struct.pack("!i", len(value)) + value for value in values]
    return message(b"D", struct.pack("!h", len(cells)) + b"".join(cells))


WELCOME = message(b"R", b"\0\0\0\0") + message(b"S", b"a\0b\0") + message(b"K", b"\0" * 8) + message(b"Z", b"I")
DONE = message(b"C", b"SELECT 1\0") + message(b"Z", b"I")


def postgres(port: int, **options: float) -> PgConnection:
    return PgConnection(HOST, port, user="postgres", database="test", **options)


@pytest.mark.parametrize(
    ("raw", "reply"),
    [
        (b"+PONG\r\n", "PONG"),
        (b":-12\r\n", -12),
        (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*3\r\n:1\r\n$-1\r\n*1\r\n+x\r\n", [1, None, ["x"]]),
    ],
)
def test_every_kind_of_reply_of_redis_is_read(raw: bytes, reply: object) -> None:
    with scripted(raw) as port, RespConnection(HOST, port) as connection:
        assert connection.command("ANY", 1) == reply


def test_an_error_of_redis_is_raised_with_the_command() -> None:
    with scripted(b"-WRONGTYPE no\r\n") as port, RespConnection(HOST, port) as connection:
        with pytest.raises(RedisRefused, match="INCR: WRONGTYPE no"):
            connection.command("INCR", "key", "with a secret")


def test_an_error_inside_a_list_is_raised() -> None:
    with scripted(b"*2\r\n+OK\r\n-ERR no\r\n") as port, RespConnection(HOST, port) as connection:
        with pytest.raises(RedisRefused, match="ERR no"):
            connection.command("EXEC")


@pytest.mark.parametrize("raw", [b"", b"$5\r\nab", b"+PO", b"HTTP/1.1 400\r\n"])
def test_what_is_not_a_whole_reply_of_redis_is_a_connection_error(raw: bytes) -> None:
    with scripted(raw) as port, RespConnection(HOST, port) as connection:
        with pytest.raises(ConnectionError):
            connection.command("PING")


def test_a_redis_that_does_not_answer_times_out() -> None:
    with scripted(b"+OK\r\n", b"") as port, RespConnection(HOST, port, timeout=0.05) as connection:
        connection.command("PING")
        with pytest.raises((TimeoutError, ConnectionError)):
            connection.command("PING")


def test_rows_of_postgres_are_read_with_their_nulls() -> None:
    with scripted(WELCOME, message(b"T", b"\0\0") + row(b"1", None) + row(b"", b"\xc3\xa9") + DONE, b"") as port:
        with postgres(port) as connection:
            assert connection.query("SELECT") == [("1", None), ("", "é")]


def test_only_the_rows_of_the_last_statement_are_returned() -> None:
    answer = message(b"T", b"\0\0") + row(b"1") + message(b"C", b"x\0") + message(b"T", b"\0\0") + row(b"2") + DONE
    with scripted(WELCOME, answer, b"") as port, postgres(port) as connection:
        assert connection.query("SELECT 1; SELECT 2") == [("2",)]


def test_after_an_error_of_postgres_the_session_goes_on() -> None:
    error = message(b"E", b"SERROR\0VERROR\0C42P01\0Mno such table\0\0") + message(b"Z", b"I")
    with scripted(WELCOME, error, DONE, b"") as port, postgres(port) as connection:
        with pytest.raises(PostgresRefused, match=r"no such table \[42P01\]") as caught:
            connection.query("SELECT")
        assert (caught.value.code, caught.value.fatal) == ("42P01", False)
        assert connection.query("SELECT") == []


def test_a_postgres_that_is_starting_says_so_and_is_gone() -> None:
    error = message(b"E", b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0")
    with scripted(error) as port, pytest.raises(PostgresRefused, match="starting up") as caught:
        postgres(port)
    assert caught.value.fatal


def test_a_postgres_that_wants_a_password_is_refused() -> None:
    with scripted(message(b"R", b"\0\0\0\x0a")) as port, pytest.raises(PostgresRefused, match="password"):
        postgres(port)


@pytest.mark.parametrize("raw", [b"", b"R\0\0", message(b"R", b"\0\0\0\0")[:-2]])
def test_half_a_message_of_postgres_is_a_connection_error(raw: bytes) -> None:
    with scripted(raw) as port, pytest.raises(ConnectionError):
        postgres(port)


def test_a_postgres_that_died_can_be_left() -> None:
    with scripted(WELCOME) as port:
        connection = postgres(port)
    connection.close()
