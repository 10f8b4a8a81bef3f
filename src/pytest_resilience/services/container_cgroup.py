"""The control group of a container: what the kernel itself accounts to it, read from this host's files.

The daemon's own figures take a second to come; these take a millisecond, and they say which processes there are.
They can be read where the daemon's processes are this host's, and not where it runs in a virtual machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_resilience.services.backend import Usage
from pytest_resilience.services.hierarchy import mounted, numbers

_PROC = Path("/proc")


class Cgroup:
    """The control group of a running container, of version 1, where each controller has its own tree, or 2.

    Sources: the kernel's cgroup-v1/memory.rst, cgroup-v1/cpuacct.rst, cgroup-v2.rst.
    """

    def __init__(self, folders: Mapping[str, Path], *, proc: Path = _PROC) -> None:
        self._folders = folders
        self._proc = proc

    @classmethod
    def of(cls, pid: int, container: str, *, proc: Path = _PROC) -> Cgroup | None:
        """Return the control group of the container whose main process the daemon calls `pid`.

        None where it is not to be seen: the pid is another machine's, or the hierarchies are not mounted here.
        """
        try:
            lines = (proc / str(pid) / "cgroup").read_text().splitlines()
        except OSError:
            return None
        paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
        folders = {}
        for controllers, path in paths.items():
            # The same pid may be a stranger here; a container's group carries its id, whatever the daemon's layout.
            if container in path:
                for mount, names in mounted(proc, version=1 if controllers else 2):
                    if set(controllers.split(",")) <= names or not controllers:
                        folders.update(dict.fromkeys(controllers.split(","), mount / path.lstrip("/")))
        folders = {name: folder for name, folder in folders.items() if (folder / "cgroup.procs").exists()}
        return cls(folders, proc=proc) if folders else None

    def folder(self, controller: str) -> Path | None:
        """Return the directory that has the files of a controller (`memory`, `cpu`); None where there is none."""
        return self._folders.get(controller) or self._folders.get("")

    def pids(self) -> tuple[int, ...]:
        """Return the host's ids of all its processes; of a container that has ended since, none."""
        folder = next(iter(self._folders.values()))
        try:
            return tuple(int(line) for line in (folder / "cgroup.procs").read_text().split())
        except OSError:
            return ()

    def usage(self, pids: tuple[int, ...]) -> Usage | None:
        """Return what it uses; None where the kernel accounts neither memory nor processor time to it.

        Resident memory is what is its own plus the files and shared memory that it has mapped, each page once.
        """
        try:
            if "memory" in self._folders:
                memory = numbers(self._folders["memory"] / "memory.stat")
                rss = memory["total_rss"] + memory["total_mapped_file"]
                cpu = int((self._folders["cpuacct"] / "cpuacct.usage").read_text()) / 1e9
            else:
                memory = numbers(self._folders[""] / "memory.stat")
                rss = memory["anon"] + memory["file_mapped"]
                cpu = numbers(self._folders[""] / "cpu.stat")["usage_usec"] / 1e6
        except (OSError, KeyError):
            return None
        return Usage(
            cpu_seconds=cpu,
            rss=rss,
            descriptors=self._descriptors(pids),
            threads=sum(self._count(pid, "task") for pid in pids),
            processes=len(pids),
        )

    def _descriptors(self, pids: tuple[int, ...]) -> int | None:
        try:
            return sum(self._count(pid, "fd") for pid in pids)
        except PermissionError:
            return None  # another user's: only root may look

    def _count(self, pid: int, folder: str) -> int:
        try:
            return sum(1 for _ in (self._proc / str(pid) / folder).iterdir())
        except (FileNotFoundError, ProcessLookupError):
            return 0  # it has ended since
