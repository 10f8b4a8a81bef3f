"""The undoing of control groups: what is in one goes back to where it came from, and the group is removed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UndoFailed, UsageError

PREFIX = "pytest-resilience-"
_WITHIN = 2.0  # seconds in which processes that are about to end, end
_MEMBERS = "cgroup.procs"
# What freezes a group, and the word that lets it go on: versions 1 and 2.
_FREEZERS = (("freezer.state", "THAWED"), ("cgroup.freeze", "0"))


@dataclass(frozen=True)
class RemoveCgroup:
    """Remove a control group that was made for some processes, which go on without its limits.

    :ivar path: its directory; its name begins with `pytest-resilience-`.
    :ivar home: the directory of the group that they came from.
    :raises UsageError: the path is not one of a group of ours, or one of them is relative.
    """

    path: Path
    home: Path

    def __post_init__(self) -> None:
        if not self.path.is_absolute() or not self.home.is_absolute() or ".." in self.path.parts:
            raise UsageError(f"RemoveCgroup: {self.path} and {self.home} have to be absolute paths; pass such")
        if not self.path.name.startswith(PREFIX):
            raise UsageError(
                f"RemoveCgroup: {self.path} is no control group of ours; the name of one begins with {PREFIX!r}"
            )

    def undo(self) -> None:
        """Return when it is gone; fine when it is not there.

        :raises UndoFailed: not allowed to, or something stays in it.
        """
        deadline = time.monotonic() + _WITHIN
        while self.path.exists():
            try:
                self._empty()
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise UndoFailed(f"{self}: {error}; move what is in it elsewhere and rmdir it as root") from error
                # A process that was forked meanwhile. `wait_until` lives on a higher floor than the janitor.
                time.sleep(0.01)

    def __str__(self) -> str:
        return f"remove control group {self.path}"

    def _empty(self) -> None:
        # A frozen process could not be killed later, nor go on.
        for name, word in _FREEZERS:
            with suppress(FileNotFoundError):
                if (self.path / name).exists():
                    (self.path / name).write_text(word)
        home = self.home if self.home.exists() else self.path.parent
        for pid in (self.path / _MEMBERS).read_text().split():
            with suppress(ProcessLookupError):  # it ended just now
                (home / _MEMBERS).write_text(pid)
