"""Replacing a file in one step: whoever reads it sees the old one or the new one, and never half of one."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write `data` beside `path`, and then put it in its place.

    :param durable: wait until it is on the disk, so that it is whole also when the machine loses power.
    :raises OSError: it cannot be written; the old one stays.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")  # another process may be writing the same
    try:
        with new.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
