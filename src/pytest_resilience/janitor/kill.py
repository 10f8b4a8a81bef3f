"""The undoing of processes: of a group that was launched, and of all that carry a run's mark."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from pytest_resilience.janitor.process import (
    PROC,
    Process,
    descendants,
    end_all,
    environment,
    lineage,
    living,
    look,
)

MARK = "PYTEST_RESILIENCE_RUN"
JANITOR = "PYTEST_RESILIENCE_JANITOR"


@dataclass(frozen=True)
class KillGroup:
    """Kill a process that leads its own session, its group, its session, and all that descend from them.

    :ivar pid: the leader.
    :ivar started: when the leader started, in ticks since the boot; another process that has come
        to the same pid since then is left alone.
    """

    pid: int
    started: int

    def undo(self) -> None:
        """Return when none of them is alive; fine when there is none.

        :raises UndoFailed: one of them survives.
        """
        end_all(self._members, str(self), strike=self._strike)

    def __str__(self) -> str:
        return f"kill process group {self.pid}"

    def _leader(self) -> Process | None:
        leader = look(self.pid)
        return leader if leader is not None and leader.started == self.started else None

    def _members(self) -> list[Process]:
        if self._leader() is None and look(self.pid) is not None:
            return []  # the pid has passed on to a stranger, so the group had died out before
        led = self._leader() is not None
        spared = lineage()
        among = [process for process in living() if process.pid not in spared]
        # The kernel gives a number to no new process while a group or a session goes by it. When
        # the leader is gone, a stranger may still have led and left a group of that number since:
        # what plainly is not marked as ours is spared then.
        group = [
            process
            for process in among
            if self.pid in (process.pid, process.group, process.session)
            and process.started >= self.started
            and (led or not _strange(process))
        ]
        later = descendants({self.pid} | {process.pid for process in group}, among)
        return group + [process for process in later if process not in group and not _is_janitor(process)]

    def _strike(self) -> None:
        # All at once, so that a group that forks as fast as it can has no time to.
        if self._leader() is not None and os.getpgrp() != self.pid:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                return  # they are gone, or the one by one that follows names who refuses


@dataclass(frozen=True)
class KillMarked:
    """Kill every process of one run, whatever group or session it went to.

    Each process that is launched has `PYTEST_RESILIENCE_RUN=<token>` in its environment, and so have
    its children. A program that writes over its environment (Redis and Postgres show a title there)
    is known by its working directory, which lies in the run's own.
    """

    token: str

    def undo(self) -> None:
        """Return when none is alive; fine when there is none.

        :raises UndoFailed: one of them survives.
        """
        end_all(self._members, str(self))

    def __str__(self) -> str:
        return f"kill all processes of run {self.token}"

    def _members(self) -> list[Process]:
        spared = lineage()
        return [process for process in living() if process.pid not in spared and self._ours(process.pid)]

    def _ours(self, pid: int) -> bool:
        env = environment(pid)
        if env is None:
            return False
        if b"=" in env:
            return f"{MARK}={self.token}".encode() in env.split(b"\0")
        try:
            directory = str((PROC / str(pid) / "cwd").readlink())
        except OSError:
            return False
        return self.token in directory.removesuffix(" (deleted)").split("/")


def _strange(process: Process) -> bool:
    env = environment(process.pid)
    return env is not None and b"=" in env and not _has(env, MARK)


def _is_janitor(process: Process) -> bool:
    # The janitor of a pytest that was itself launched has to outlive it, to undo what is its own.
    return _has(environment(process.pid), JANITOR)


def _has(env: bytes | None, name: str) -> bool:
    return any(entry.startswith(f"{name}=".encode()) for entry in (env or b"").split(b"\0"))
