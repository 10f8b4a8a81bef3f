"""The owner of a journal: a process, told apart from all others over reboots and containers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from pytest_resilience.janitor.process import lives, started


class Owner(NamedTuple):
    """A process, the boot in which it runs, and the pid namespace in which its pid means something."""

    pid: int
    started: int
    boot: str
    namespace: str

    @classmethod
    def ourselves(cls) -> Owner:
        """Return this process."""
        return cls(os.getpid(), started(os.getpid()), _boot(), _namespace())

    @property
    def of_this_boot(self) -> bool:
        """Whether the machine has not been restarted since: else none of its processes and mounts is left."""
        return self.boot == _boot()

    @property
    def in_sight(self) -> bool:
        """Whether its pid means the same here as there (containers may share one temporary directory)."""
        return self.namespace == _namespace()

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as it is in sight."""
        return self.of_this_boot and lives(self.pid, self.started)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _namespace() -> str:
    return str(Path("/proc/self/ns/pid").readlink())
