"""Ingest: an upload of any size, read in flat memory and answered with its checksum."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator

from clinic.bugs import planted
from clinic.errors import Refusal
from clinic.metrics import Metrics
from clinic.spool import Part, Spool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response


class Ingest:
    """Takes uploads. Needs neither Postgres nor Redis."""

    def __init__(self, metrics: Metrics, spool: Spool, *, limit: int, idle: float) -> None:
        self._metrics, self._spool, self._limit, self._idle = metrics, spool, limit, idle
        self._left: list[object] = []  # behind, by uploads, where a bug is planted

    async def create(self, request: Request) -> Response:
        """POST /ingest: {bytes, sha256}; 422 where X-Checksum (a SHA-256 in hex) says otherwise; 507 on a full disk."""
        with self._spool.part() as part:
            actual, size = await self._receive(request, part)
            expected = request.headers.get("X-Checksum", "").lower().removeprefix("sha256:")
            if expected and expected != actual and not planted("checksum-ignored"):
                raise Refusal(422, "checksum_mismatch", expected=expected, actual=actual, bytes=size)
            part.keep(actual)
        if planted("descriptor-leak"):
            self._left.append(os.open(os.devnull, os.O_RDONLY))
        if planted("thread-leak"):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        return JSONResponse({"bytes": size, "sha256": actual})

    async def _receive(self, request: Request, part: Part) -> tuple[str, int]:
        digest, size = hashlib.sha256(), 0
        whole: list[bytes] = []
        try:
            async for chunk in self._chunks(request):
                digest.update(chunk)
                size += len(chunk)
                if size > self._limit:
                    raise Refusal(413, "body_too_large", limit=self._limit)
                if planted("upload-in-memory"):
                    whole.append(chunk)
                if planted("memory-leak"):
                    self._left.append(chunk)
                part.write(chunk)
        except asyncio.TimeoutError:
            raise Refusal(408, "body_too_slow", seconds=self._idle, bytes=size) from None
        except ClientDisconnect:
            raise Refusal(400, "client_left", bytes=size) from None
        finally:
            self._metrics.count("clinic_ingested_bytes_total", size)
        return digest.hexdigest(), size

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        stream = request.stream()
        while True:
            try:
                yield await asyncio.wait_for(stream.__anext__(), self._idle)
            except StopAsyncIteration:
                return
