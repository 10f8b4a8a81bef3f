"""A stand-in for the reader's own service: it takes orders as long as its database answers."""

from __future__ import annotations

import argparse
import asyncio
import os
from http import HTTPStatus
from urllib.parse import urlsplit

PATIENCE = 1.0
SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"  # the shortest question that Postgres answers, with one letter


async def database_answers() -> bool:
    database = urlsplit(os.environ["DATABASE_URL"])

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(database.hostname, database.port)
        try:
            writer.write(SSL_REQUEST)
            return await reader.read(1)
        finally:
            writer.close()

    try:
        return await asyncio.wait_for(ask(), PATIENCE) in {b"S", b"N"}
    except (OSError, asyncio.TimeoutError):
        return False


async def answer(method: str, path: str) -> HTTPStatus:
    if (method, path) == ("GET", "/health"):
        return HTTPStatus.OK
    if (method, path) == ("POST", "/orders"):
        return HTTPStatus.CREATED if await database_answers() else HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.NOT_FOUND


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            method, path, _ = head.decode().split(" ", 2)
            fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
            await reader.readexactly(int(fields.get("content-length", "0")))
            status = await answer(method, path)
            writer.write(f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Length: 0\r\n\r\n".encode())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has gone
    finally:
        writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    server = await asyncio.start_server(serve, "127.0.0.1", parser.parse_args().port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
