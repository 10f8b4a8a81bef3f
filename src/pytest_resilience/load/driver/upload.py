"""An upload: a body that is written part by part, as fast as the service takes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError

if TYPE_CHECKING:
    from pytest_resilience.load.request import Stream


class Upload:
    """Writes the parts of one body. One part and what the transport has buffered are all that is in memory.

    :ivar written: how many bytes of it have been written.
    :ivar over: whether that is all.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        parts: Stream,
        length: int | None,
        failed: Callable[[Exception], None],
    ) -> None:
        """Begin; call `failed` with what the parts raise, or with `UsageError` if they are not `length` bytes."""
        self._transport, self._parts, self._length, self._failed = transport, parts, length, failed
        self._room = asyncio.Event()
        self._room.set()
        self.over = False
        self.written = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    def pause(self) -> None:
        """Write nothing more until there is room."""
        self._room.clear()

    def resume(self) -> None:
        """Go on."""
        self._room.set()

    def cancel(self) -> None:
        """Write nothing more at all."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._write()
        except Exception as error:  # noqa: BLE001  (a user's generator; what it raises is the outcome of the call)
            self._failed(error)
        else:
            self.over = True

    async def _write(self) -> None:
        write, length = self._transport.write, self._length
        chunked = length is None
        async with aclosing(_each(self._parts)) as parts:
            async for part in parts:
                size = len(part)
                self.written += size
                if length is not None and self.written > length:
                    raise UsageError(f"body= gave more than the {length} bytes that length= says")
                if size:  # an empty chunk would be the last
                    write(b"%x\r\n%b\r\n" % (size, part) if chunked else part)
                # The loop gets its turn after every part, and may find that there is no room.
                await asyncio.sleep(0)
                await self._room.wait()
        if length is not None and self.written < length:
            raise UsageError(f"body= gave {self.written} bytes, and length= says {length}")
        if chunked:
            write(b"0\r\n\r\n")


async def _each(parts: Stream) -> AsyncGenerator[bytes, None]:
    """Yield the parts, and close the generator that they come from."""
    try:
        if isinstance(parts, AsyncIterable):
            async for part in parts:
                yield part
        else:
            for part in parts:
                yield part
    finally:
        close = getattr(parts, "aclose", None) or getattr(parts, "close", None)
        closing = close() if close is not None else None
        if closing is not None:
            await closing
