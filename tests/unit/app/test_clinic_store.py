"""Whatever way Redis goes away, its client says so in words that the clinic expects."""

from __future__ import annotations

import asyncio
from typing import NoReturn

import pytest
from clinic.store import GONE, open_store

from pytest_resilience import RedisServer


async def lost(url: str) -> None:
    store = open_store(url, timeout=5)
    try:
        assert await store.ping()
        connection = await store.connection_pool.get_connection()

        async def closed(command: object) -> NoReturn:
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

        connection._send_packed_command = closed
        await store.connection_pool.release(connection)
        with pytest.raises(GONE, match="the handler is closed"):
            await store.get("key")
        del connection._send_packed_command
        assert await store.ping()  # it connects anew
    finally:
        await store.aclose()


def test_what_uvloop_says_of_a_connection_that_was_just_closed_is_known_too(redis_server: RedisServer) -> None:
    asyncio.run(lost(redis_server.url))
