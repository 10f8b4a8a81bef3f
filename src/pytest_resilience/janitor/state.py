"""The state directory: where the journals of one user are kept, private to that user."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from pytest_resilience.errors import JanitorError


def state_directory(directory: Path | None = None) -> Path:
    """Return the directory of the journals, made if need be.

    It is `pytest-resilience-<uid>` in the temporary directory unless another is given. Others can write
    to the temporary directory, so what is found there is trusted only if it is ours alone: a journal
    is a list of things to kill and to remove.

    :raises JanitorError: it is a symbolic link, is not ours, others may enter it, or it cannot be made.
    """
    path = (directory or Path(tempfile.gettempdir()) / f"pytest-resilience-{os.geteuid()}").absolute()
    try:
        path.mkdir(mode=0o700, parents=directory is not None)
    except FileExistsError:
        pass
    except OSError as error:
        raise JanitorError(f"{path} cannot be made ({error.strerror}); set TMPDIR to a directory of yours") from error
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no directory"
        raise JanitorError(f"{path} is {what}, which someone else may have put there; remove it")
    if found.st_uid != os.geteuid():
        raise JanitorError(f"{path} belongs to user {found.st_uid}, not to us ({os.geteuid()}); have it removed")
    if found.st_mode & 0o077:
        raise JanitorError(f"{path} can be entered by others (mode {found.st_mode & 0o777:o}); run `chmod 700 {path}`")
    return path
