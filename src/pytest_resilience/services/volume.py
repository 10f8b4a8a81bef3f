"""A volume: a directory of a fixed size, a file system in memory that belongs to one unit and outlives its crashes.

Root mounts it where everybody sees it. An ordinary user may mount one only in a user namespace, where nobody sees it
who has not entered; so one process keeps such a namespace, and the unit enters it each time that it is started.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pytest_resilience.errors import BackendUnavailable, Unsupported, UsageError
from pytest_resilience.janitor import Janitor, KillGroup, RemoveDirectory, Unmount
from pytest_resilience.services.backend import Space
from pytest_resilience.waiting import wait_until

_NOSUID, _NODEV = 2, 4
_BALLAST = ".pytest-resilience-ballast"
_NAMESPACES = ("unshare", "--user", "--map-current-user", "--mount", "--keep-caps")
_KEEP = 'mount -t tmpfs -o "nosuid,nodev,mode=1777,size=$1" tmpfs "$2" && exec sleep infinity'
_AT_ONCE = 10.0  # seconds for a mount, on any machine


class _Disk:
    """What a volume of ours is, wherever it is mounted.

    :ivar place: the directory that it is mounted on.
    :ivar inside: its path as the unit sees it.
    """

    def __init__(self, janitor: Janitor, name: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix=f"{name}-disk-", dir=janitor.directory))
        self.inside = str(self.place)
        self._closed = False

    @property
    def source(self) -> Path:
        """Its path on this host."""
        return self.place

    def space(self) -> Space:
        """Return its size, what the unit has in it, and what is free."""
        told = os.statvfs(self.source)
        size, free = told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize
        return Space(size, size - free - self._taken(), free)

    def take(self, size: int) -> None:
        """Fill `size` bytes with a file of ours, in place of the one before; 0 removes it."""
        ballast = self.source / _BALLAST
        ballast.unlink(missing_ok=True)
        if size <= 0:
            return
        handle = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, size)
        except BaseException:
            ballast.unlink()
            raise
        finally:
            os.close(handle)

    def _taken(self) -> int:
        try:
            return (self.source / _BALLAST).stat().st_blocks * 512
        except FileNotFoundError:
            return 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.place}: {'closed' if self._closed else self.space()}>"


class Tmpfs(_Disk):
    """A tmpfs on a directory of ours.

    :param size: in bytes; rounded up to whole pages.
    :param inside: its path as the unit sees it, where that is another.
    :raises Unsupported: it may not be mounted here.
    """

    def __init__(self, janitor: Janitor, name: str, size: int, *, inside: str | None = None) -> None:
        super().__init__(janitor, name)
        self.inside = inside or self.inside
        self._promise = janitor.promise(Unmount(self.place))
        try:
            _mount(self.place, size)
        except OSError as error:
            self.close()
            raise Unsupported(
                f"{name}: a disk of its own is a file system in memory, which may not be mounted here "
                f"({error.strerror}); run pytest as root with the capability SYS_ADMIN (in "
                "Docker: --cap-add=SYS_ADMIN --security-opt apparmor=unconfined)"
            ) from error

    def entered(self, command: Sequence[str], cwd: Path | None) -> tuple[tuple[str, ...], Path | None]:
        """Return the command and the directory as they are: everybody on this host sees it."""
        return tuple(command), cwd

    def close(self) -> None:
        """Take it off and remove the directory."""
        if not self._closed:
            self._closed = True
            Unmount(self.place).undo()
            self._promise.kept()
            RemoveDirectory(self.place).undo()


class EnclosedTmpfs(_Disk):
    """A tmpfs on a directory of ours, in a user and a mount namespace of its own, as an ordinary user may have one.

    :param size: in bytes; rounded up to whole pages.
    :raises Unsupported: no such namespaces may be made here, or util-linux is not there.
    """

    def __init__(self, janitor: Janitor, name: str, size: int) -> None:
        super().__init__(janitor, name)
        log = janitor.directory / f"{self.place.name}.log"
        argv = (*_NAMESPACES, "--", "sh", "-c", _KEEP, "sh", str(size), self.inside)
        try:
            self._keeper = janitor.launch(argv, output=log)
        except BackendUnavailable as error:
            RemoveDirectory(self.place).undo()
            raise Unsupported(f"{name}: {error}") from error
        try:
            wait_until(self._mounted_or_ended, within=_AT_ONCE, every=0.005, what=f"{name} has a disk of its own")
        except BaseException:
            self.close()
            raise
        if self._keeper.process.poll() is not None:
            self.close()
            raise Unsupported(
                f"{name}: a disk of its own is a file system in memory, which may be mounted neither here nor in a "
                f"user namespace ({' '.join(log.read_text().split())}); allow these (sysctl user.max_user_namespaces "
                "above 0; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt "
                "seccomp=unconfined), or run pytest as root with the capability SYS_ADMIN (in Docker: "
                "--cap-add=SYS_ADMIN --security-opt apparmor=unconfined)"
            )

    @property
    def source(self) -> Path:
        """Its path on this host: by way of who keeps it."""
        return Path(f"/proc/{self._keeper.pid}/root{self.inside}")

    def entered(self, command: Sequence[str], cwd: Path | None) -> tuple[tuple[str, ...], Path | None]:
        """Return the command with what enters in front of it; whoever enters begins at the root."""
        there = Path.cwd() if cwd is None else cwd
        target = f"--target={self._keeper.pid}"
        enter = ("nsenter", target, "--user", "--mount", "--preserve-credentials", "--", "env", f"--chdir={there}")
        return (*enter, *command), None

    def close(self) -> None:
        """End who keeps it, with which it is gone, and remove the directory."""
        if not self._closed:
            self._closed = True
            KillGroup(self._keeper.pid, self._keeper.started).undo()
            self._keeper.process.wait()
            self._keeper.promise.kept()
            RemoveDirectory(self.place).undo()

    def _mounted_or_ended(self) -> bool:
        if self._keeper.process.poll() is not None:
            return True
        try:
            return self.source.stat().st_dev != self.place.stat().st_dev
        except OSError:  # it is just about to end, or to change its namespaces
            return False


def _mount(path: Path, size: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # Whoever the unit is in its container or guise, it has to be able to write here; the directory above is ours alone.
    options = f"size={size},mode=1777".encode()
    if libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", _NOSUID | _NODEV, options):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def check_size(call: str, size: object) -> int:
    """Return `size` if it is one of a volume.

    :param call: who was given it, for the message: `service(name='shop'): disk`.
    :raises UsageError: it is not.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 4096:
        raise UsageError(f"{call}={size!r} is no size; pass bytes, 4096 or more")
    return size
