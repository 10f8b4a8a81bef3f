"""The program of a remote worker: `python -m pytest_resilience.load.driver.locust_join HOST:PORT TOKEN`.

It asks the test's machine for something to do, runs Locust for it, and asks again, until it is interrupted.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_resilience.load.driver.locust_wire import Head, Unpacker, pack

AGAIN = 0.5  # seconds between two attempts
EXCHANGES = 8  # of clocks; the fastest counts
BOOT = Path("/proc/sys/kernel/random/boot_id")


def clock_offset(line: socket.socket, frames: Iterator[Head], token: str) -> float:
    """Return what the test's clock shows more than ours, in seconds, within half of the fastest round trip.

    Each exchange tells that the test's clock was read between two readings of ours (Cristian, Distributed
    Computing 3, 1989). On one host both are the same clock, and a difference below a round trip is none.
    """
    best, offset = float("inf"), 0.0
    for _ in range(EXCHANGES):
        before = time.monotonic()
        line.sendall(pack({"kind": "clock", "token": token}))
        answer = next(frames)["now"]
        after = time.monotonic()
        if after - before < best:
            best, offset = after - before, answer - (before + after) / 2
    return 0.0 if abs(offset) <= best else offset


def frames_of(line: socket.socket) -> Iterator[Head]:
    """Yield what comes."""
    unpacker = Unpacker()
    while data := line.recv(1 << 16):
        for head, _ in unpacker.feed(data):
            yield head


def join(host: str, port: int, token: str) -> int | None:
    """Do one run; return how Locust ended, or None if there was nothing to do."""
    try:
        line = socket.create_connection((host, port), timeout=10)
    except OSError:
        return None
    with line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            offset = clock_offset(line, frames_of(line), token)
            line.sendall(pack({"kind": "hello", "token": token, "pid": os.getpid(), "host": socket.gethostname()}))
        except (OSError, StopIteration):  # it is not a test that listens there, or not one that knows the token
            return None
        line.settimeout(None)
        argv = [sys.executable, "-m", "pytest_resilience.load.driver.locust_main", str(line.fileno()), repr(offset)]
        return subprocess.run(argv, pass_fds=(line.fileno(),)).returncode


def main() -> None:
    """Join one run after the other."""
    address, token = sys.argv[1:]
    host, _, port = address.rpartition(":")
    while True:
        status = join(host, int(port), token)
        if status is not None:
            print(f"a run has ended; Locust's status was {status}", flush=True)  # noqa: T201  (a program's output)
        time.sleep(AGAIN)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
