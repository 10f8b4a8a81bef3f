"""What the `hogs` fixture gives: faults that take what the host has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.hogs import asked
from pytest_resilience.hogs.connections import ConnectionsHog, Reachable, aim
from pytest_resilience.hogs.cpu import CpuHog
from pytest_resilience.hogs.descriptors import DescriptorsHog
from pytest_resilience.hogs.disk import DiskHog
from pytest_resilience.hogs.floor import MIB
from pytest_resilience.hogs.guard import Guard
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.io import IoHog
from pytest_resilience.hogs.memory import MemoryHog
from pytest_resilience.hogs.process import HogProcess, Launcher
from pytest_resilience.hogs.taker import Counts, Task
from pytest_resilience.hogs.vram import VramHog
from pytest_resilience.janitor import RemoveDirectory
from pytest_resilience.timeline import Receipt


class Hog(Protocol):
    """One resource that is to be taken.

    :ivar path: a directory on the filesystem that it fills; None if it fills none.
    :ivar patience: seconds that it may take to get there.
    """

    @property
    def name(self) -> str:
        """The name of the fault."""

    @property
    def optional(self) -> bool:
        """Whether it may take nothing."""

    @property
    def path(self) -> str | None:
        """See above."""

    @property
    def patience(self) -> float:
        """See above."""

    def tasks(self, place: str) -> list[Task]:
        """Return what each of its processes is told."""

    def reached(self, reports: list[Counts]) -> Counts:
        """Return what was reached; raise if it is not what was asked for."""

    def freed(self, finals: list[Counts]) -> Counts:
        """Return what there is to say in the end."""


class Hogs:
    """Makes faults of which each takes one resource of the host, with processes of its own, and gives it back.

    Every one stops at a floor that keeps the host alive, and a guard watches the host while one is in force; see
    docs/hogs.md.

    :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
    """

    def __init__(self, launcher: Launcher, *, allowed: Callable[[str], object], host: Host | None = None) -> None:
        self._launcher, self._allowed = launcher, allowed
        self._host = host or Host()
        self._guard = Guard(self._host)

    def cpu(self, *, share: float = 1.0, nice: int = 0, fall_short: bool = False, optional: bool = False) -> Fault:
        """Keep the CPUs that pytest may use busy for a share of their time. Receipt: cpus, busy share.

        :param share: of the time of all CPUs together, of which others' work is a part.
        :param nice: the niceness of its processes, 0 to 19: 0 competes with the service as an equal.
        :param fall_short: less will do, and the receipt says how much it was; without it, less is an error.
        :param optional: having nothing to do, because others keep the CPUs as busy, is expected.
        :raises UsageError: a share or niceness out of range.
        """
        part = asked.share("hogs.cpu", share)
        if isinstance(nice, bool) or not isinstance(nice, int) or not 0 <= nice <= 19:
            raise UsageError(f"hogs.cpu(nice={nice!r}): expected a whole number from 0 to 19")
        return self._fault(CpuHog(part, nice, fall_short, optional, self._host))

    def memory(
        self,
        *,
        share: float | None = None,
        bytes: int | None = None,  # noqa: A002
        fall_short: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Take memory until a share of it is in use, or so many bytes. Receipt: bytes taken, share in use.

        :param share: of all memory, what others use included; of the control group's, where one limits pytest. 0.9
            where nothing is given.
        :param bytes: how much to take instead.
        :param fall_short: less will do, where the floor is nearer; the receipt says how much it was.
        :param optional: taking nothing, because others hold as much already, is expected.
        :raises UsageError: the amount cannot be meant; when it is entered, also if it would leave less than the floor.
        """
        part = 0.9 if share is None and bytes is None else share
        part, size = asked.share_or_bytes("hogs.memory", part, bytes)
        return self._fault(MemoryHog(part, size, fall_short, optional, self._host))

    def disk(
        self,
        *,
        share: float | None = None,
        bytes: int | None = None,  # noqa: A002
        path: str | os.PathLike[str] | None = None,
        fall_short: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Fill a filesystem until a share of it is in use, or with so many bytes. Receipt: bytes taken, share in use.

        :param share: of what the filesystem has for ordinary users, what is in use included.
        :param bytes: how much to take instead.
        :param path: a directory on it; that of temporary files if None.
        :param fall_short: less will do, where the floor or a quota is nearer; the receipt says how much it was.
        :param optional: taking nothing, because others hold as much already, is expected.
        :raises UsageError: the amount or path cannot be meant; when it is entered, also if it would leave less than the
            floor.
        """
        part, size = asked.share_or_bytes("hogs.disk", share, bytes)
        return self._fault(DiskHog(part, size, directory("hogs.disk", path), fall_short, optional, self._host))

    def descriptors(self, n: int, *, fall_short: bool = False) -> Fault:
        """Have `n` files open, each counted by the host. Receipt: descriptors, processes, how many the host has left.

        :param fall_short: fewer will do, where the floor or a limit is nearer; the receipt says how many there were.
        :raises UsageError: `n` is no count; when it is entered, also if the host would have less than its floor left.
        """
        return self._fault(DescriptorsHog(asked.count("hogs.descriptors", "n", n), fall_short, self._host))

    def connections(self, to: Reachable | str, n: int = 1000, *, fall_short: bool = False) -> Fault:
        """Hold `n` connections open on which nothing is said. Receipt: established, closed by peer.

        :param to: a service, a link, `host:port` or a URL.
        :param fall_short: fewer will do, where some are refused or not accepted within 5 s; the receipt says how many.
        :raises TargetNotAllowed: it is neither loopback nor allowed by option.
        :raises UsageError: it has no address, or `n` is no count; when it is entered, also for more than one process
            or address can hold.
        """
        host, port = aim(to)
        self._allowed(host)
        name = getattr(to, "name", None) or f"{host}:{port}"
        return self._fault(ConnectionsHog(host, port, asked.count("hogs.connections", "n", n), fall_short, str(name)))

    def io(
        self,
        *,
        workers: int = 2,
        bytes: int = 64 * MIB,  # noqa: A002
        path: str | os.PathLike[str] | None = None,
    ) -> Fault:
        """Keep the device of a filesystem busy. Receipt: bytes written and read, flushes, bytes a second written.

        Each worker writes, flushes (fdatasync) and reads blocks of 1 MiB as fast as it can.

        :param workers: how many processes.
        :param bytes: the size of each worker's file, which it goes through again and again.
        :param path: a directory on the filesystem; that of temporary files if None.
        :raises UsageError: an argument cannot be meant; when it is entered, also if the files do not fit.
        """
        what = "hogs.io"
        count, size = asked.count(what, "workers", workers), asked.count(what, "bytes", bytes)
        return self._fault(IoHog(count, size, directory(what, path), self._host))

    def vram(self, *, share: float = 0.9, gpu: int = 0, fall_short: bool = False, optional: bool = False) -> Fault:
        """Take memory of an NVIDIA GPU until a share of it is in use. Receipt: bytes taken, share in use.

        :param gpu: which one, of those that CUDA_VISIBLE_DEVICES leaves.
        :param fall_short: less will do, where the floor is nearer; the receipt says how much it was.
        :param optional: taking nothing, because others hold as much already, is expected.
        :raises UsageError: an argument cannot be meant.
        :raises Unsupported: when it is entered: there is no such GPU here; the test is skipped with the reason.
        """
        part = asked.share("hogs.vram", share)
        if isinstance(gpu, bool) or not isinstance(gpu, int) or gpu < 0:
            raise UsageError(f"hogs.vram(gpu={gpu!r}): expected the number of a GPU, from 0 on")
        return self._fault(VramHog(part, gpu, fall_short, optional))

    def _fault(self, hog: Hog) -> Fault:
        return Fault(hog.name, lambda: self._hold(hog))

    def _hold(self, hog: Hog) -> Breakage:
        with self._guard.over(hog.name, hog.path) as watched, ExitStack() as ends:
            place = ends.enter_context(self._place(hog.path)) if hog.path is not None else ""
            processes: list[HogProcess] = []
            watched.kill = lambda: _kill(processes)
            for task in hog.tasks(place):
                processes.append(ends.enter_context(HogProcess(self._launcher, hog.name, task)))  # noqa: PERF401
            receipt = Receipt(optional=hog.optional)
            receipt.note(**hog.reached([one.struck(hog.patience) for one in processes]))
            yield receipt
            receipt.note(**hog.freed([one.release() for one in processes]))

    @contextmanager
    def _place(self, path: str) -> Iterator[str]:
        """Make a directory of our own in `path`, to be removed whatever happens."""
        name = tempfile.mktemp(prefix=".pytest-resilience-hog-", dir=path)  # noqa: S306  (promised before it is made)
        place = Path(name).resolve()
        promise = self._launcher.promise(RemoveDirectory(place))
        try:
            place.mkdir(mode=0o700)
            yield str(place)
        finally:
            promise.undo.undo()
            promise.kept()

    def __repr__(self) -> str:
        return "<Hogs: cpu, memory, disk, descriptors, connections, io, vram>"


def directory(what: str, path: str | os.PathLike[str] | None) -> str:
    """Return a directory that can be written to.

    :raises UsageError: it is none.
    """
    wanted = tempfile.gettempdir() if path is None else path
    if not isinstance(wanted, (str, os.PathLike)) or not Path(wanted).is_dir():
        raise UsageError(f"{what}(path={path!r}): expected a directory that exists, on the filesystem to fill")
    if not os.access(wanted, os.W_OK | os.X_OK):
        raise UsageError(f"{what}(path={path!r}): cannot be written to; name a directory of yours on that filesystem")
    return str(Path(wanted).resolve())


def _kill(processes: list[HogProcess]) -> None:
    for process in processes:
        process.kill()
