"""The undo journal: one file, to which what has to be undone is appended before it is done.

Each line is one JSON object: `{"owner": …}` once and first, `{"promise": 3, "undo": …}` before the
deed, `{"kept": 3}` after its undo, `{"failed": 3, "why": …}` when an undo did not succeed. A line
that is not whole is of a process that died, or met a full disk, while writing: its deed was never done. The file
needs no fsync: it has to outlive processes, not the machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor.nameless import give_name, open_nameless, opened
from pytest_resilience.janitor.owner import Owner
from pytest_resilience.janitor.undo import Undo, decode, encode


@dataclass
class Contents:
    """What a journal says.

    :ivar outstanding: what has been promised and not kept, by number, oldest first.
    :ivar unreadable: what cannot be understood, in words; such a journal is not thrown away.
    """

    owner: Owner | None = None
    outstanding: dict[int, Undo] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


class Journal:
    """A journal open for appending."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._torn = False

    @classmethod
    def begin(cls, path: Path) -> Journal:
        """Begin a new journal, owned by this process, that nobody finds before it is `published`.

        :raises FileExistsError: there is one of this name.
        """
        first = json.dumps({"owner": Owner.ourselves()._asdict()})
        with beginning(path.parent):
            journal = cls(path, open_nameless(path))
            journal._write(first)
        return journal

    def publish(self) -> Journal:
        """Let it be found at its path, and return it.

        :raises FileExistsError: there is one of this name.
        """
        give_name(self._descriptor, self.path)
        return self

    def open_again(self) -> int:
        """Return another descriptor of it, to be read; a lock of one is none of the other."""
        return os.open(opened(self._descriptor), os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def resume(cls, path: Path) -> Journal:
        """Go on with an existing journal.

        :raises FileNotFoundError: there is none.
        """
        journal = cls(path, os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW))
        size = os.fstat(journal._descriptor).st_size
        journal._torn = size > 0 and os.pread(journal._descriptor, 1, size - 1) != b"\n"
        return journal

    def promise(self, number: int, undo: Undo) -> None:
        """Write down that `undo` is outstanding.

        :raises OSError: it could not be written, and the deed must not be done.
        """
        self._write(f'{{"promise": {number}, "undo": {encode(undo)}}}')

    def kept(self, number: int) -> None:
        """Write down that it has been undone."""
        self._write(f'{{"kept": {number}}}')

    def failed(self, number: int, why: str) -> None:
        """Write down that undoing it was tried in vain; it stays outstanding."""
        self._write(json.dumps({"failed": number, "why": why}))

    def try_lock(self) -> bool:
        """Take the lock that says that a living process looks after this journal; False if one does already."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return os.fstat(self._descriptor).st_nlink > 0  # else it was just played back and thrown away

    def close(self) -> None:
        """Close the file; a lock goes with it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _write(self, line: str) -> None:
        # A line that was cut short by a full disk must not swallow the one after it.
        data = f"{chr(10) if self._torn else ''}{line}\n".encode()
        self._torn = True
        written = os.write(self._descriptor, data)
        if written < len(data):
            raise JanitorError(f"{self.path}: only {written} of {len(data)} bytes were written; is the disk full?")
        self._torn = False


@contextlib.contextmanager
def beginning(directory: Path, *, alone: bool = False) -> Iterator[bool]:
    """Hold the lock under which journals are begun; a journal without an owner is not a dead one's while others do.

    :param alone: hold it only while nobody begins a journal, and do not wait for that; give whether it is held.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    try:
        yield True
    finally:
        os.close(descriptor)


def read(path: Path) -> Contents:
    """Read a journal.

    :raises FileNotFoundError: there is none.
    """
    contents = Contents()
    for number, line in enumerate(path.read_bytes().decode(errors="replace").split("\n"), 1):
        try:
            entry: object = json.loads(line)
        except ValueError:
            continue  # not whole
        try:
            _take(entry, contents)
        except JanitorError as error:
            contents.unreadable.append(f"line {number} of {path}: {error}")
    return contents


def _take(entry: object, contents: Contents) -> None:
    match entry:
        case {"owner": {"pid": int(pid), "started": int(start), "boot": str(boot), "namespace": str(namespace)}}:
            contents.owner = Owner(pid, start, boot, namespace)
        case {"promise": int(number), "undo": undo}:
            contents.outstanding[number] = decode(json.dumps(undo))
        case {"kept": int(number)}:
            contents.outstanding.pop(number, None)
        case {"failed": int()}:
            pass
        case _:
            raise JanitorError(f"{entry!r} is no entry that this version of pytest-resilience knows")
