"""The program of one hog.

Run as `python -I -S program.py LINE TASK`: LINE is the descriptor of a socket, TASK what to take, in JSON. It says in a
line of JSON when it has what it was asked for, or why it has less. When it hears anything it gives everything back,
says so in a second line, and ends; when the line is closed it ends as well.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_resilience.hogs.taker import Counts, Taker, Task

_TAKERS = {
    "connections": "ConnectionsTaker",
    "cpu": "CpuTaker",
    "descriptors": "DescriptorsTaker",
    "disk": "DiskTaker",
    "io": "IoTaker",
    "memory": "MemoryTaker",
    "vram": "VramTaker",
}


def main(line: socket.socket, task: Task) -> None:
    """Take what `task` says, until the other end says otherwise."""
    # The kernel's out-of-memory killer takes a hog before anything that is under test.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run by its path, it has to find the package
    from pytest_resilience.hogs.taker import TAKING, NotHere

    try:
        resource = str(task["resource"])
        taker: Taker = getattr(import_module(f"pytest_resilience.hogs.{resource}"), _TAKERS[resource])(task)
        state = TAKING
        while state == TAKING and not _heard(line):
            state = taker.step()
    except NotHere as reason:
        _say(line, {"state": "not here", "why": str(reason)})
        return
    _say(line, _report(taker, state))
    while not _heard(line):
        taker.step()
    left = taker.release()
    _say(line, _report(taker, "released") | {"left": left})


def _report(taker: Taker, state: str) -> Counts:
    why: Counts = {"why": taker.why} if taker.why else {}
    return {"state": state, **taker.counts(), **why}


def _heard(line: socket.socket) -> bool:
    return bool(select.select([line], [], [], 0)[0])


def _say(line: socket.socket, words: Counts) -> None:
    with suppress(ConnectionError):  # who asked is gone, and so are we in a moment
        line.sendall(json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is the test's business
    main(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2]))
    sys.stdout.flush()
    os._exit(0)  # there is nothing to tidy up that the kernel does not do faster
