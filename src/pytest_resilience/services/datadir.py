"""The data directory of a Postgres server on this host: a copy of a template, made equal to it again for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_resilience.janitor import Promise
from pytest_resilience.janitor.process import look
from pytest_resilience.services.mirror import mirror
from pytest_resilience.services.spares import Spares


class DataDirectory:
    """A data directory at `path`, which nobody else writes to.

    :ivar template: finds or builds the directory that it is a copy of.

    :param template: finds or builds the directory that it is a copy of; asked when it is first needed.
    :param owner: the uid and gid that Postgres will have; None for our own.
    :param spares: whether one may be taken from those that others gave back, and given back, which have to be on the
        same file system.
    :param remains: the promise to remove what a killed server leaves outside of the directory.
    """

    def __init__(
        self,
        path: Path,
        template: Callable[[], Path],
        *,
        owner: int | None = None,
        remains: Promise | None = None,
        spares: bool = True,
    ) -> None:
        self.path = path
        self.template = template
        self._owner = owner
        self._remains = remains
        self._spares = spares

    @property
    def made(self) -> bool:
        """Whether there is one to start a server on."""
        return (self.path / "PG_VERSION").exists()

    def reset(self) -> int:
        """Make it equal to its template, and return how many files were written; no server may run on it."""
        template = self.template()
        if not self.made and self._spares:
            Spares(template).take(self.path)
        return mirror(template, self.path, owner=self._owner)

    def close(self) -> None:
        """Give it to the spares, without what was done to it; no server may run on it."""
        if self._remains is not None:
            self._remains.undo.undo()
            self._remains.kept()
        if self.made and self._spares:
            self.reset()
            Spares(self.template()).keep(self.path)

    def unlock(self) -> None:
        """Remove the lock of a server that was killed where Postgres itself could not tell that it is stale.

        Postgres takes a lock for stale when no process has the pid that it names. A pid comes round again,
        and then it refuses to start. Call it when the server is known not to run. A lock whose pid is
        free is left to Postgres, which finds the remains of the killed server's shared memory by it.
        """
        lock = self.path / "postmaster.pid"
        if not lock.exists():
            return
        first = lock.read_text(errors="replace").partition("\n")[0].strip()
        if not first.isdigit() or look(int(first)) is not None:
            lock.unlink()

    def __repr__(self) -> str:
        return f"<DataDirectory {self.path}: {'made' if self.made else 'not made yet'}>"
