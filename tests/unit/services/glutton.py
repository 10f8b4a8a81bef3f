"""A service that takes what it is asked to take: `memory`, `descriptors`, `disk` or `cpu`, and a number.

Run as `python glutton.py PORT DISK`. It holds what it took until it is asked for `nothing`.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import IO

MIB = 2**20


def take(what: str, number: int, disk: Path, held: list[bytes | IO[str]]) -> None:
    """Take so many mebibytes, descriptors, blocks of 4096 bytes, or milliseconds of a processor."""
    if what == "memory":
        held.extend(b"x" * MIB for _ in range(number))
    elif what == "descriptors":
        held.extend(Path("/dev/null").open() for _ in range(number))  # noqa: SIM115 — to hold them
    elif what == "disk":
        with (disk / "food").open("ab", buffering=0) as file:
            for _ in range(number):
                file.write(b"x" * 4096)
    elif what == "cpu":
        end = time.process_time() + number / 1000
        while time.process_time() < end:
            pass
    else:
        held.clear()


def main(port: int, disk: Path) -> None:
    """Answer `ok`, or the name of what went wrong."""
    held: list[bytes | IO[str]] = []
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            with client:
                words = client.recv(64).decode().split()
                if not words:
                    continue
                try:
                    take(words[0], int(words[1]), disk, held)
                    client.sendall(b"ok")
                except (OSError, MemoryError) as error:
                    client.sendall(f"{type(error).__name__} {getattr(error, 'strerror', '')}".encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
