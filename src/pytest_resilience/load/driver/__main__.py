"""The driver's program: `python -m pytest_resilience.load.driver FD`."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Coroutine

from pytest_resilience.load.driver.session import serve
from pytest_resilience.load.driver.wire import Failed, Job, Unpacker, pack


def main(descriptor: int) -> None:
    """Take a job from the socket `descriptor` and do it."""
    end = socket.socket(fileno=descriptor)
    job = receive(end)
    if job is None:
        return
    # It started in a directory of our own, so that nothing of the user's could stand in for a module.
    os.chdir(job.directory)
    sys.path[:] = job.path
    try:
        what = pickle.loads(job.what)  # noqa: S301  (the parent runs the same code)
    except Exception:  # noqa: BLE001  (a user's module may raise anything while it is imported)
        message = f"what was given to load() cannot be unpacked in the driver process:\n\n{traceback.format_exc()}"
        end.sendall(pack(Failed("NotPortable", message)))
        return
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    run(serve(end, job, what))


def receive(end: socket.socket) -> Job | None:
    """Return the job; None if the parent ended before it sent one."""
    unpacker = Unpacker()
    while data := end.recv(1 << 20):
        for message in unpacker.feed(data):
            return message if isinstance(message, Job) else None
    return None


def run(main: Coroutine[object, object, None]) -> None:
    """Run `main` on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(main)


if __name__ == "__main__":
    status = 1
    try:
        main(int(sys.argv[1]))
        status = 0
    except BaseException:  # noqa: BLE001  (printed, and told by the status; see below)
        traceback.print_exc()
    # A user's thread that hangs must not keep the process, and all results are on their way.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
