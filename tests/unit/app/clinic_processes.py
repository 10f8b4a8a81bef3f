"""Processes of the clinic's tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Server:
    """A process with an address."""

    process: subprocess.Popen[bytes]
    url: str = ""
    log: Path = Path(os.devnull)

    def end(self, how: int = signal.SIGKILL) -> int:
        """End it and return its exit status."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        return self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(argv: list[str], log: Path, *, env: Mapping[str, str] | None = None) -> Server:
    with log.open("ab") as output:
        process = subprocess.Popen(argv, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    return Server(process, log=log)


Start = Callable[..., Server]
