"""Limits by a control group that is made for the processes of a unit and removed when the limit is lifted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pytest_resilience.janitor import Janitor, Promise, RemoveCgroup
from pytest_resilience.janitor.cgroup import PREFIX
from pytest_resilience.services.group_files import MEMORY, CpuFiles, MemoryFiles
from pytest_resilience.services.hierarchy import Place, place_of
from pytest_resilience.timeline import Count

_numbers = itertools.count(1)


class NoGroup(Exception):
    """No control group can be made here; the message says why."""


class OwnGroup:
    """A control group below the one that the processes are in. They go back there when it is removed.

    In version 2 a group that has processes cannot have groups with limits below it, so it is made below the nearest
    group above that hands the controller down.

    :raises NoGroup: not allowed to.
    """

    def __init__(self, janitor: Janitor, controller: str, pids: tuple[int, ...]) -> None:
        if not pids:
            raise NoGroup("there is no process to put into it")
        home = place_of(pids[0], controller)
        if home is None:
            raise NoGroup(f"no control group with the controller {controller} is to be seen here")
        self.version = home.version
        refusals: list[str] = []
        self._pids = pids
        for parent in _parents(home, controller):
            self.path = parent / f"{PREFIX}{janitor.token}-{next(_numbers)}"
            self._promise: Promise = janitor.promise(RemoveCgroup(self.path, home.folder))
            try:
                self.path.mkdir()
            except OSError as error:
                refusals.append(f"mkdir {self.path}: {error.strerror}")
                self._promise.kept()
            else:
                return
        raise NoGroup("; ".join(refusals) or f"no group above hands the controller {controller} down")

    def take_in(self) -> None:
        """Move the processes into it. What they start from now on is in it too."""
        for pid in self._pids:
            with suppress(ProcessLookupError):
                (self.path / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Move what is in it back, and remove it; may be called again."""
        self._promise.undo.undo()
        self._promise.kept()


def _parents(home: Place, controller: str) -> list[Path]:
    if home.version == 1:
        return [home.folder]
    above = [home.folder, *home.folder.parents]
    above = above[: above.index(home.top) + 1]
    return [folder for folder in above if controller in _handed_down(folder)]


def _handed_down(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return []


class Files(Protocol):
    """The files of a group that hold a limit and count what happened at it."""

    def read(self) -> float:
        """Return the limit."""

    def met(self) -> Mapping[str, Count]:
        """Return what happened at it."""


class GroupCap:
    """A limit by a control group of its own, until it is lifted.

    :param impose: writes the limit.
    :raises NoGroup: not allowed to; the group is gone again.
    """

    def __init__(self, group: OwnGroup, files: Files, impose: Callable[[], None]) -> None:
        self._group, self._files = group, files
        self._last: Mapping[str, Count] = {}
        self._lifted = False
        try:
            impose()
            group.take_in()
        except BaseException as error:
            group.remove()
            if isinstance(error, OSError):
                raise NoGroup(f"{error.filename or group.path}: {error.strerror}") from error
            raise
        self.means = f"cgroup v{group.version}"

    def read(self) -> float:
        """Return the limit that the kernel has."""
        return self._files.read()

    def met(self) -> Mapping[str, Count]:
        """Return what happened at the limit, as the kernel counts it."""
        return self._last if self._lifted else self._files.met()

    @property
    def reached(self) -> bool:
        """Whether anything did: the kernel had to reclaim memory or to kill, or the unit was made to wait."""
        return any(self.met().values())

    def lift(self) -> None:
        """Remove the group; what is left of the unit goes on without."""
        if not self._lifted:
            self._last = self._files.met()
            self._lifted = True
            self._group.remove()


class GroupMemoryCap(GroupCap):
    """Kills what goes beyond `limit` bytes of memory, by the kernel's own out-of-memory killer, in the unit alone.

    The kernel leaves what a process has where it was charged, so the group has room for what comes on top of
    `held`, the resident memory that the unit has now.

    :param held: bytes, below `limit`.
    """

    def __init__(self, janitor: Janitor, pids: tuple[int, ...], limit: int, *, held: int) -> None:
        self._held = held
        group = OwnGroup(janitor, MEMORY, pids)
        files = MemoryFiles(group.path, group.version)
        super().__init__(group, files, lambda: files.limit(limit - held))

    def read(self) -> float:
        """Return what the kernel has as the limit, and what it leaves out of it."""
        return super().read() + self._held


class GroupCpuCap(GroupCap):
    """Gives a unit the processor for a share of each tenth of a second (`cpu.cfs_quota_us`, `cpu.max`)."""

    def __init__(self, janitor: Janitor, pids: tuple[int, ...], share: float) -> None:
        group = OwnGroup(janitor, "cpu", pids)
        files = CpuFiles(group.path, group.version)
        super().__init__(group, files, lambda: files.limit(share))
