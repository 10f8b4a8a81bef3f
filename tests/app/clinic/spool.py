"""Spool: uploads that are kept, each in a file of its checksum's name, which is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clinic.bugs import planted
from clinic.errors import Refusal

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Spool:
    """A directory of uploads; without one, nothing is kept."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory) if directory else None

    @contextlib.contextmanager
    def part(self) -> Iterator[Part]:
        """Give a file to write an upload to; what has not been kept at the end is removed.

        A full disk is refused with 507.
        """
        if self._directory is None:
            yield Part(None, self._directory)
            return
        try:
            handle, name = tempfile.mkstemp(prefix=".part-", dir=self._directory)
            try:
                yield Part(handle, self._directory, Path(name))
            finally:
                os.close(handle)
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            if error.errno in FULL:
                raise Refusal(507, "storage_full", outcome="not done") from None
            raise


class Part:
    """An upload that is being written."""

    def __init__(self, handle: int | None, directory: Path | None, path: Path | None = None) -> None:
        self._handle, self._directory, self._path = handle, directory, path

    def write(self, chunk: bytes) -> None:
        """Add to it; the kernel may take less than all of it, when the disk is nearly full."""
        while self._handle is not None and chunk:
            try:
                written = os.write(self._handle, chunk)
            except OSError:
                if not planted("full-disk-swallowed"):
                    raise
                return
            chunk = b"" if planted("short-write-ignored") else chunk[written:]

    def keep(self, checksum: str) -> None:
        """Give it the name under which it counts as kept."""
        if self._directory is not None and self._path is not None:
            self._path.rename(self._directory / checksum)
