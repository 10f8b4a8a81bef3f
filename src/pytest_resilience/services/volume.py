"""A volume: a directory of a fixed size, a file system in memory that belongs to one unit and outlives its crashes."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

from pytest_resilience.errors import Unsupported, UsageError
from pytest_resilience.janitor import Janitor, RemoveDirectory, Unmount
from pytest_resilience.services.backend import Space

_NOSUID, _NODEV = 2, 4
_BALLAST = ".pytest-resilience-ballast"


class Tmpfs:
    """A tmpfs on a directory of ours.

    :param size: in bytes; rounded up to whole pages.
    :param inside: its path as the unit sees it, where that is another.
    :raises Unsupported: it may not be mounted here.
    """

    def __init__(self, janitor: Janitor, name: str, size: int, *, inside: str | None = None) -> None:
        self.source = Path(tempfile.mkdtemp(prefix=f"{name}-disk-", dir=janitor.directory))
        self.inside = inside or str(self.source)
        self._closed = False
        self._promise = janitor.promise(Unmount(self.source))
        try:
            _mount(self.source, size)
        except OSError as error:
            self.close()
            raise Unsupported(
                f"{name}: a disk of its own is a file system in memory, which may not be mounted here "
                f"({error.strerror}); run pytest as root with the capability SYS_ADMIN (in "
                "Docker: --cap-add=SYS_ADMIN --security-opt apparmor=unconfined)"
            ) from error

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

    def close(self) -> None:
        """Take it off and remove the directory."""
        if not self._closed:
            self._closed = True
            Unmount(self.source).undo()
            self._promise.kept()
            RemoveDirectory(self.source).undo()

    def _taken(self) -> int:
        try:
            return (self.source / _BALLAST).stat().st_blocks * 512
        except FileNotFoundError:
            return 0

    def __repr__(self) -> str:
        return f"<Tmpfs {self.source}: {'closed' if self._closed else self.space()}>"


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
