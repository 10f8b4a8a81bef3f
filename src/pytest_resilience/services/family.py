"""The processes of one unit: its leader, the leader's group and session, and all that descend from these.

The group alone is not enough: Postgres, for one, puts each of its backends in a session of its own.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience.janitor.process import PROC, Process, descendants, environment, lineage, living, look
from pytest_resilience.services.backend import Usage

if TYPE_CHECKING:
    import psutil

STOPPED = "T"
ASLEEP = "D"  # uninterruptibly, in the kernel


def family(leader: int, started: int) -> list[Process]:
    """Return the living processes of the unit that `leader` leads or led, the leader first.

    :param started: when the leader started, in clock ticks since the boot; no other member is older.
    """
    among = [process for process in living() if process.started >= started]
    led = [process for process in among if leader in (process.pid, process.group, process.session)]
    led.sort(key=lambda process: process.pid != leader)
    return led + descendants({process.pid for process in led}, among)


def dwellers(directory: Path) -> list[Process]:
    """Return the living processes whose working directory is `directory` or lies in it, without us and our ancestors.

    Postgres' backends are known by it when the one that started them is dead: no tie is left, and
    they have written their titles over their environments.
    """
    spared = lineage()
    return [process for process in living() if process.pid not in spared and _dwells(process, directory)]


def _dwells(process: Process, directory: Path) -> bool:
    try:
        where = (PROC / str(process.pid) / "cwd").readlink()
    except OSError:  # gone, or another user's
        return False
    return where == directory or directory in where.parents


def bearers(mark: str) -> list[Process]:
    """Return the living processes that have `mark` (`NAME=value`) in their environment, without us and our ancestors.

    A worker that put itself into a session of its own is known by it when the one that started it is dead.
    """
    spared = lineage()
    among = [process for process in living() if process.pid not in spared]
    return [process for process in among if mark.encode() in (environment(process.pid) or b"").split(b"\0")]


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal to this very process; one that has gone is let be."""
    now = look(process.pid)
    if now is not None and now.started == process.started:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def has_stopped(process: Process) -> bool:
    """Tell whether a signal has stopped it."""
    return process.state == STOPPED


def goes_on(process: Process) -> bool:
    """Tell whether it is not stopped."""
    return process.state != STOPPED


def measure(pids: Iterable[int]) -> Usage:
    """Return what these processes use together; one that ends meanwhile is left out.

    `descriptors` is None when those of one of them may not be counted (another user's).
    """
    import psutil

    cpu, rss, threads, count = 0.0, 0, 0, 0
    descriptors: int | None = 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                cpu += sum(process.cpu_times()[:4])  # its own and its children's that it waited for
                rss += process.memory_info().rss
                threads += process.num_threads()
        except psutil.NoSuchProcess:
            continue
        count += 1
        descriptors = _plus(descriptors, process)
    return Usage(cpu_seconds=cpu, rss=rss, descriptors=descriptors, threads=threads, processes=count)


def _plus(sum_so_far: int | None, process: psutil.Process) -> int | None:
    import psutil

    try:
        return None if sum_so_far is None else sum_so_far + process.num_fds()
    except psutil.AccessDenied:
        return None
    except psutil.NoSuchProcess:
        return sum_so_far
