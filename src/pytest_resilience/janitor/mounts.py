"""Mounts: which there are at a place, and how to take one off."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8


def mounts(below: Path) -> list[Path]:
    """Return the mount points at or below a directory, in the order in which they were mounted.

    One that is mounted over another at the same place is there twice. Source: mountinfo in proc(5).
    """
    text = os.fsdecode(Path("/proc/self/mountinfo").read_bytes())
    points = [Path(_unescaped(line.split(" ")[4])) for line in text.splitlines()]
    return [point for point in points if point == below or below in point.parents]


def detach(path: Path) -> None:
    """Take the topmost mount off `path`; what still uses it can go on until it ends (umount2(2), MNT_DETACH).

    Fine when nothing is mounted there.

    :raises OSError: not allowed to.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), _MNT_DETACH | _UMOUNT_NOFOLLOW):
        number = ctypes.get_errno()
        if path in mounts(path):
            raise OSError(number, os.strerror(number), str(path))


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
