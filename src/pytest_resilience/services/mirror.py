"""A mirror of a directory: a second one that is made equal to it, at the price of what differs.

A file is taken for equal when its size and the time of its last change are those of the original, to the
nanosecond. Every copy is given its original's time, which lies in the past, so whatever is written to it later shows.

It works on plain path strings: a data directory has more than a thousand files, and it is made between two tests.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Entry:
    """What tells a file from its copy."""

    size: int
    changed: int
    mode: int

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


def mirror(original: Path, copy: Path, *, owner: int | None = None) -> int:
    """Make `copy` equal to `original` and return how many files were written; `original` has plain files only.

    Nobody may write to either meanwhile. Links in `copy` are removed, never followed.

    :param owner: the uid and gid that all of the copy belongs to.
    """
    wanted, found = _list(original), _list(copy)
    for name in sorted(found, reverse=True):  # what is in a directory before the directory
        theirs = wanted.get(name)
        if theirs is None or stat.S_IFMT(theirs.mode) != stat.S_IFMT(found[name].mode):
            _remove(copy / name, found.pop(name))
    written = 0
    for name in sorted(wanted):  # a directory before what is in it
        entry = wanted[name]
        target = f"{copy}/{name}"
        if entry.is_directory:
            if name not in found:
                Path(target).mkdir(stat.S_IMODE(entry.mode))
            if name not in found or not name:
                _give(target, owner)
        elif not _same(entry, found.get(name)):
            _copy(f"{original}/{name}", target, entry, owner)
            written += 1
    return written


def _list(top: Path) -> dict[str, _Entry]:
    """Return everything in `top`, and itself, by its path below `top`."""
    entries: dict[str, _Entry] = {}
    if not top.exists():
        return entries
    status = top.lstat()
    entries[""] = _Entry(0, 0, status.st_mode)
    rest = [""]
    while rest:
        inside = rest.pop()
        with os.scandir(f"{top}/{inside}") as listing:
            for one in listing:
                name = f"{inside}/{one.name}" if inside else one.name
                status = one.stat(follow_symlinks=False)
                entries[name] = _Entry(status.st_size, status.st_mtime_ns, status.st_mode)
                if one.is_dir(follow_symlinks=False):
                    rest.append(name)
    return entries


def _same(wanted: _Entry, found: _Entry | None) -> bool:
    return found is not None and (wanted.size, wanted.changed) == (found.size, found.changed)


def _remove(path: Path, entry: _Entry) -> None:
    if entry.is_directory:
        shutil.rmtree(path)
    else:
        path.unlink()


def _copy(source: str, target: str, entry: _Entry, owner: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    writing = os.open(target, flags, stat.S_IMODE(entry.mode))
    try:
        _give(writing, owner)
        if entry.size:
            _fill(writing, source, entry.size)
        os.utime(writing, ns=(entry.changed, entry.changed))
    finally:
        os.close(writing)


def _fill(writing: int, source: str, size: int) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        left = size
        while left:
            sent = os.sendfile(writing, reading, None, left)
            if not sent:
                raise OSError(errno.EIO, "it became shorter while it was copied", source)
            left -= sent
    finally:
        os.close(reading)


def _give(target: str | int, owner: int | None) -> None:
    if owner is not None:
        os.chown(target, owner, owner)
