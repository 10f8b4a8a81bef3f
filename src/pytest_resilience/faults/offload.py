"""Offloading: blocking work in a thread, which a cancelled task waits for before it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def offload(work: Callable[[], T]) -> T:
    """Return what `work` returns, having let the event loop go on meanwhile.

    Work that changes the world must not be left half known: a task that is cancelled meanwhile, once or more
    often, waits until the work is done, and is cancelled then. What the work raises comes before that.
    """
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.wait((doing,))
        except asyncio.CancelledError as error:
            cancelled = error
    done = doing.result()
    if cancelled is not None:
        raise cancelled
    return done
