"""Processes as the kernel tells them apart: a pid together with the moment at which it started."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_resilience.errors import UndoFailed

PROC = Path("/proc")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD


class Process(NamedTuple):
    """One line of `/proc/PID/stat` (proc(5)), of which `(pid, started)` is never used twice between two boots.

    `started` is in clock ticks since the boot.
    """

    pid: int
    started: int
    state: str
    parent: int
    group: int
    session: int
    threads: int

    @property
    def gone(self) -> bool:
        """Whether it has ended: a zombie whose last thread is gone too."""
        return self.state in "ZX" and self.threads <= 1


def look(pid: int) -> Process | None:
    """Return the process of this pid, None when there is none; a zombie is returned too."""
    try:
        text = _slurp(f"{PROC}/{pid}/stat").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold blanks and parentheses itself.
    state, parent, group, session, *rest = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(rest[15]), state, int(parent), int(group), int(session), int(rest[13]))


def started(pid: int) -> int:
    """Return when the process of this pid started, in ticks since the boot; 0 when there is none."""
    process = look(pid)
    return process.started if process else 0


def lives(pid: int, start: int) -> bool:
    """Tell whether the very process that had this pid and start is alive."""
    process = look(pid)
    return process is not None and process.started == start and not process.gone


def living() -> Iterator[Process]:
    """Yield all processes that can be seen and have not ended."""
    with os.scandir(PROC) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if name.isdigit() and (process := look(int(name))) and not process.gone:
            yield process


def descendants(roots: set[int], among: Sequence[Process]) -> list[Process]:
    """Return those of `among` that come from one of the pids `roots`, over any number of generations."""
    family = set(roots)
    found: list[Process] = []
    rest = [process for process in among if process.pid not in family]
    while children := [process for process in rest if process.parent in family]:
        found += children
        family |= {child.pid for child in children}
        rest = [process for process in rest if process.pid not in family]
    return found


def lineage() -> set[int]:
    """Return the pids of this process and of its ancestors."""
    pids, pid = set[int](), os.getpid()
    while pid and pid not in pids:
        pids.add(pid)
        process = look(pid)
        pid = process.parent if process else 0
    return pids


def environment(pid: int) -> bytes | None:
    """Return what the process was started with as `NAME=value` ended by NUL each; None if it cannot be read.

    A program that writes its title over it (Redis, Postgres) leaves NULs, or words without a `=`.
    """
    # While a process changes programs, its environment reads as nothing for some microseconds, or for
    # longer where it is interrupted in the middle. Nothing is believed when it has been seen for a while.
    deadline = time.monotonic() + 0.05
    try:
        while not (env := _slurp(f"{PROC}/{pid}/environ")) and _has_memory(pid) and time.monotonic() < deadline:
            time.sleep(0.001)
    except OSError:
        return None
    return env


def _has_memory(pid: int) -> bool:
    """Tell whether a process could have an environment: kernel threads and zombies have no memory to keep it in."""
    rest = _slurp(f"{PROC}/{pid}/stat").rpartition(b")")[2].split()
    return rest[0] not in (b"Z", b"X") and not int(rest[6]) & _KERNEL_THREAD


def kill(process: Process) -> None:
    """Send SIGKILL to this very process and to no later one of the same pid; fine when it is gone.

    :raises PermissionError: it is another user's.
    """
    with contextlib.suppress(ProcessLookupError), _handle(process) as handle:
        if not lives(process.pid, process.started):
            return
        if handle is None:
            os.kill(process.pid, signal.SIGKILL)
        else:
            signal.pidfd_send_signal(handle, signal.SIGKILL)


def end_all(
    find: Callable[[], Sequence[Process]],
    what: str,
    *,
    strike: Callable[[], None] = lambda: None,
    within: float = 10.0,
) -> None:
    """Kill what `find()` returns, and ask it again, until it returns nothing.

    :param strike: called after each `find()`, to kill many at once.
    :param within: seconds; what has not gone by then hangs in the kernel.
    :raises UndoFailed: something is still alive.
    """
    deadline = time.monotonic() + within
    while found := find():
        strike()
        refused = [str(process.pid) for process in found if not _killed(process)]
        if refused:
            raise UndoFailed(f"{what}: not allowed to kill {', '.join(refused)}; end them as their own user or as root")
        await_end(found, within=max(0.0, deadline - time.monotonic()))
        if time.monotonic() >= deadline:
            left = ", ".join(str(process.pid) for process in find())
            if left:
                raise UndoFailed(f"{what}: {left} still alive {within:g} s after SIGKILL, likely stuck in the kernel")


def await_end(processes: Sequence[Process], *, within: float) -> None:
    """Return when all of `processes` have ended, or after `within` seconds."""
    deadline = time.monotonic() + within
    for process in processes:
        with contextlib.suppress(ProcessLookupError), _handle(process) as handle:
            while lives(process.pid, process.started) and (left := deadline - time.monotonic()) > 0:
                if handle is None:
                    time.sleep(min(0.005, left))
                else:
                    poll = select.poll()
                    poll.register(handle, select.POLLIN)
                    poll.poll(left * 1000)


@contextlib.contextmanager
def _handle(process: Process) -> Iterator[int | None]:
    """Hold a descriptor that means this process for ever (pidfd_open(2)).

    It is None where there is no such thing: a kernel before 5.3, a Python built for one, a sandbox
    that does not know the call, or no descriptors left.

    :raises ProcessLookupError: there is no such process.
    """
    handle: int | None = None
    if hasattr(os, "pidfd_open"):
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            raise
        except OSError:
            handle = None
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _slurp(path: str) -> bytes:
    # All processes are read for each group that is undone: pathlib would take twice the time.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)


def _killed(process: Process) -> bool:
    try:
        kill(process)
    except PermissionError:
        return False
    return True
