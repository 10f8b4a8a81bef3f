"""Files that have no name yet: whoever dies before it has named one leaves nothing of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# What a file system answers, or a kernel, that cannot do it.
_UNABLE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)


def open_nameless(path: Path) -> int:
    """Return a descriptor of a new file, to be appended to, that is to be `path` one day.

    Where the file system has no files without a name it has that name at once.

    :raises FileExistsError: there, one of this name is there already.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path.parent, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)


def give_name(descriptor: int, path: Path) -> None:
    """Let the file be found at `path`, unless it has a name.

    :raises FileExistsError: one of this name is there already.
    """
    if os.fstat(descriptor).st_nlink:
        return
    # linkat(2) follows the link in /proc only when it is given a directory, which an absolute path makes no use of.
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(opened(descriptor), path, src_dir_fd=directory)
    finally:
        os.close(directory)


def opened(descriptor: int) -> str:
    """Return a path under which the file of a descriptor of this process can be opened once more."""
    return f"/proc/self/fd/{descriptor}"
