"""Flaws: what those bugs do that take more than a line at their place."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MIB = 2**20


async def shut_when_full() -> None:
    """Turn everybody away who comes in the 8 seconds after no descriptor was left."""
    begin, until = HttpToolsProtocol.connection_made, 0.0

    def turn_away(self: HttpToolsProtocol, transport: asyncio.Transport) -> None:
        begin(self, transport)
        if time.monotonic() < until:
            transport.abort()

    HttpToolsProtocol.connection_made = turn_away  # type: ignore[method-assign]
    while True:
        try:
            os.close(os.dup(0))
        except OSError:
            until = time.monotonic() + 8
        await asyncio.sleep(0.02)


def keep_sockets() -> None:
    """Let the server hold on to the socket of each connection: the client gets no end of the stream."""
    begin, kept = HttpToolsProtocol.connection_made, list[int]()

    def keep(self: HttpToolsProtocol, transport: asyncio.Transport) -> None:
        kept.append(os.dup(transport.get_extra_info("socket").fileno()))
        begin(self, transport)

    HttpToolsProtocol.connection_made = keep  # type: ignore[method-assign]


@dataclass(frozen=True)
class Host:
    """What all who live on the host use together."""

    memory: int  # bytes that are free, as all that follows
    disk: int
    files: int  # that are open
    processor: tuple[int, int]  # time that was worked, and time that has passed
    at: float = field(default_factory=time.monotonic)

    @classmethod
    def now(cls) -> Host:
        """Read it all."""
        free = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        user, nice, system, idle, waiting, *_ = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
        disk = os.statvfs(tempfile.gettempdir())
        return cls(
            memory=int(free[1]) * 1024 if free else 0,
            disk=disk.f_bavail * disk.f_frsize,
            files=int(Path("/proc/sys/fs/file-nr").read_text().split()[0]),
            processor=(user + nice + system, user + nice + system + idle + waiting),
        )


class Neighbours:
    """Whether the host has much to do, which says nothing of this service."""

    def __init__(self) -> None:
        self._calm = self._last = Host.now()
        self._busy = False

    def busy(self) -> bool:
        """Look, twice a second."""
        if time.monotonic() - self._last.at > 0.5:
            now = Host.now()
            worked, passed = (b - a for a, b in zip(self._last.processor, now.processor, strict=True))
            self._busy = (
                worked > 0.9 * passed
                or now.memory < self._calm.memory - 200 * MIB
                or now.disk < self._calm.disk - 200 * MIB
                or now.files > self._calm.files + 5000
            )
            self._last = now
        return self._busy


neighbours = functools.cache(Neighbours)
