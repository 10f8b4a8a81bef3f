"""The undoing of places: directories and mounts."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UndoFailed, UsageError
from pytest_resilience.janitor.mounts import detach, mounts

_TRIES = 5


@dataclass(frozen=True)
class RemoveDirectory:
    """Remove a directory and what is in it. What is mounted in it is taken off first, and never emptied.

    :raises UsageError: the path is relative or the root.
    """

    path: Path

    def __post_init__(self) -> None:
        _check(self.path)

    def undo(self) -> None:
        """Return when it is gone; fine when it is not there.

        :raises UndoFailed: it is not a directory, or something in it cannot be unmounted or removed.
        """
        for mount in reversed(mounts(_real(self.path))):
            _detach(mount, f"{self}: something is mounted at {mount}")
        tries = 0
        while os.path.lexists(self.path):
            if self.path.is_symlink() or not self.path.is_dir():
                raise UndoFailed(f"{self}: this is no directory any more, so it is not ours; remove it by hand")
            tries += 1
            try:
                shutil.rmtree(self.path)
            except OSError as error:
                if tries == _TRIES:
                    raise UndoFailed(f"{self}: {error}; remove it by hand") from error
                # A directory in it is read-only, or a process that was just killed wrote once more.
                _open_up(self.path)

    def __str__(self) -> str:
        return f"remove directory {self.path}"


@dataclass(frozen=True)
class Unmount:
    """Take everything that is mounted on a directory off it, at once, also while it is in use.

    :raises UsageError: the path is relative or the root.
    """

    path: Path

    def __post_init__(self) -> None:
        _check(self.path)

    def undo(self) -> None:
        """Return when nothing is mounted there; fine when nothing is.

        :raises UndoFailed: not allowed to.
        """
        path = _real(self.path)
        while path in mounts(path):
            _detach(path, f"{self}")

    def __str__(self) -> str:
        return f"unmount {self.path}"


def _detach(path: Path, what: str) -> None:
    try:
        detach(path)
    except OSError as error:
        raise UndoFailed(f"{what}: cannot be unmounted ({error.strerror}); run `umount -l {path}` as root") from error


def _open_up(top: Path) -> None:
    """Let us list and change every directory in `top`, from the top down."""
    try:
        if not stat.S_ISDIR(top.lstat().st_mode):
            return
        top.chmod(0o700)
        with os.scandir(top) as entries:
            inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # the removal that follows says what is wrong
    for directory in inner:
        _open_up(directory)


def _real(path: Path) -> Path:
    # As the kernel lists it. The last part is left: a link there is not followed.
    return path.parent.resolve() / path.name


def _check(path: Path) -> None:
    if not path.is_absolute() or path == Path(path.anchor) or ".." in path.parts:
        raise UsageError(f"{path} is not the absolute path of a directory of ours; pass an absolute path without '..'")
