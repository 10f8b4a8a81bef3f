"""The processes of a primary that send its log to standbys, told from others by the title that Postgres gives them."""

from __future__ import annotations

import signal

from pytest_resilience.errors import Unsupported
from pytest_resilience.janitor.process import PROC, Process, look
from pytest_resilience.services.family import STOPPED, send
from pytest_resilience.services.postgres_node import PostgresNode
from pytest_resilience.waiting import wait_until

WITHIN = 10.0


def freeze_senders(primary: PostgresNode) -> list[Process]:
    """Stop all of them and return them.

    :raises Unsupported: the server's processes cannot be seen, as those of a daemon on another host, or not be told.
    """
    pids = primary.pids
    if pids and look(pids[0]) is None:
        raise Unsupported(
            f"{primary.name}: the processes that send its log cannot be frozen, for they are not on this host; run "
            "with a Docker daemon on this host, or with --resilience-backend=process"
        )
    senders = [one for pid in pids if _sends(pid) and (one := look(pid)) is not None]
    try:
        for sender in senders:
            send(sender, signal.SIGSTOP)
    except PermissionError as error:
        raise Unsupported(
            f"{primary.name}: the processes that send its log cannot be frozen, for they are another user's; run "
            "pytest as root, or with --resilience-backend=process"
        ) from error
    wait_until(lambda: all(_is(sender, STOPPED) for sender in senders), within=WITHIN, what="walsenders are stopped")
    return senders


def thaw(senders: list[Process]) -> None:
    """Let those go on that are still there."""
    for sender in senders:
        send(sender, signal.SIGCONT)


def _sends(pid: int) -> bool:
    try:
        return b"walsender" in (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is(sender: Process, state: str) -> bool:
    now = look(sender.pid)
    return now is None or now.started != sender.started or now.state == state
