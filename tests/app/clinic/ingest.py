"""Ingest: an upload of any size, read in flat memory and answered with its checksum."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

from clinic.errors import Refusal
from clinic.metrics import Metrics
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response


class Ingest:
    """Takes uploads. Needs neither Postgres nor Redis."""

    def __init__(self, metrics: Metrics, *, limit: int, idle: float) -> None:
        self._metrics, self._limit, self._idle = metrics, limit, idle

    async def create(self, request: Request) -> Response:
        """POST /ingest: {bytes, sha256}; 422 where X-Checksum (a SHA-256 in hex) says otherwise."""
        digest, size = hashlib.sha256(), 0
        try:
            async for chunk in self._chunks(request):
                digest.update(chunk)
                size += len(chunk)
                if size > self._limit:
                    raise Refusal(413, "body_too_large", limit=self._limit)
        except asyncio.TimeoutError:
            raise Refusal(408, "body_too_slow", seconds=self._idle, bytes=size) from None
        except ClientDisconnect:
            raise Refusal(400, "client_left", bytes=size) from None
        finally:
            self._metrics.count("clinic_ingested_bytes_total", size)
        expected = request.headers.get("X-Checksum", "").lower().removeprefix("sha256:")
        actual = digest.hexdigest()
        if expected and expected != actual:
            raise Refusal(422, "checksum_mismatch", expected=expected, actual=actual, bytes=size)
        return JSONResponse({"bytes": size, "sha256": actual})

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        stream = request.stream()
        while True:
            try:
                yield await asyncio.wait_for(stream.__anext__(), self._idle)
            except StopAsyncIteration:
                return
