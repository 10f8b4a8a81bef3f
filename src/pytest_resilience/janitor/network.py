"""The undoing of network state: named namespaces and firewall tables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UndoFailed, UsageError
from pytest_resilience.janitor.mounts import detach
from pytest_resilience.janitor.process import look

_NAMESPACES = Path("/var/run/netns")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True)
class DeleteNamespace:
    """Delete a named network namespace, as `ip netns del` does: its mount is taken off, its name removed.

    The namespace itself, with its links and firewall, goes when the last process in it does.

    :raises UsageError: the name is no plain word.
    """

    name: str

    def __post_init__(self) -> None:
        _check_word("network namespace", self.name)

    def undo(self) -> None:
        """Return when the name is gone; fine when it is not there.

        :raises UndoFailed: not allowed to.
        """
        handle = _NAMESPACES / self.name
        if not handle.exists():
            return
        try:
            detach(handle)
            handle.unlink(missing_ok=True)
        except OSError as error:
            raise UndoFailed(f"{self}: {error.strerror}; run `ip netns del {self.name}` as root") from error

    def __str__(self) -> str:
        return f"delete network namespace {self.name}"


@dataclass(frozen=True)
class DeleteTable:
    """Delete an nftables table.

    :ivar family: `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    :ivar table: its name.
    :ivar pid: a process in whose network namespace it is; None for our own.
    :raises UsageError: the family or the name is no plain word.
    """

    family: str
    table: str
    pid: int | None = None

    def __post_init__(self) -> None:
        _check_word("nftables family", self.family)
        _check_word("nftables table", self.table)

    def undo(self) -> None:
        """Return when it is gone; fine when it, or the process with its namespace, is not there.

        :raises UndoFailed: nft is missing or refuses.
        """
        if self.pid is not None and look(self.pid) is None:
            return
        inside = () if self.pid is None else (_found("nsenter", str(self)), "-t", str(self.pid), "-n")
        command = (*inside, _found("nft", str(self)), "delete", "table", self.family, self.table)
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=10, env={"LC_ALL": "C"}, check=False
        )
        if done.returncode == 0 or "No such file or directory" in done.stderr:
            return
        if self.pid is not None and look(self.pid) is None:
            return
        raise UndoFailed(f"{self}: nft says {done.stderr.strip()!r}; run `nft delete table {self.family} {self.table}`")

    def __str__(self) -> str:
        where = "" if self.pid is None else f" in the network namespace of process {self.pid}"
        return f"delete firewall table {self.family} {self.table}{where}"


def _found(program: str, what: str) -> str:
    # An ordinary user's PATH leaves out where these live.
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        raise UndoFailed(f"{what}: there is no `{program}` on PATH or in /usr/sbin; install it")
    return path


def _check_word(what: str, word: str) -> None:
    if not _NAME.match(word):
        raise UsageError(f"{word!r} is no name of a {what}: use letters, digits, '_', '.' and '-'")
