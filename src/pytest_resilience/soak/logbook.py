"""The logbook: the folder in which a soak keeps its rounds, so that one that was interrupted goes on from there."""

from __future__ import annotations

import fcntl
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.duration import spelled
from pytest_resilience.replacing import replace_file
from pytest_resilience.soak.round import Round

FLAG = "--resilience-soak-state"
FORMAT = 1


@dataclass(frozen=True)
class Identity:
    """Which soak it is.

    :ivar test: the node id.
    :ivar seed: of the session.
    :ivar duration: seconds of load in all.
    """

    test: str
    seed: int
    duration: float


class Logbook:
    """The rounds of one soak, on disk.

    :ivar segment: how often the soak has been resumed; 0 for one that has just begun.
    :ivar last: the last round that is there; None for none.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        """Open the folder's book of this test, or begin one.

        :raises UsageError: it is of another soak, over, damaged, or being written by another pytest.
        """
        self.path = folder / re.sub(r"[^\w.-]+", "-", identity.test).strip("-")[-150:]
        self._identity = identity
        self._head = self.path / "soak.json"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
        except OSError as error:
            raise UsageError(f"{FLAG}={folder}: cannot be written: {error}") from error
        try:
            self._check()
            paths = self._paths()
            self.last = Round.read(paths[-1]) if paths else None
        except BaseException:
            self.close()
            raise
        self.segment = 0 if self.last is None else self.last.segment + 1
        if self.last is None:
            self._write(over=False)

    def _locked(self) -> IO[bytes]:
        lock = (self.path / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise UsageError(f"{FLAG}: {self.path} is being written by another pytest: give each its folder") from None
        return lock

    def _check(self) -> None:
        if not self._head.exists():
            if self._paths():
                raise UsageError(f"{FLAG}: {self.path} has rounds and no soak.json: remove it to begin anew")
            return
        try:
            told = json.loads(self._head.read_bytes())
            over, known = told.pop("over"), told.pop("format")
            found = Identity(**told)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(
                f"{FLAG}: {self._head} was not written by a soak ({type(error).__name__}: {error}); "
                "remove it to begin anew, or name another folder"
            ) from error
        mine = self._identity
        if known != FORMAT:
            raise UsageError(f"{FLAG}: {self._head} has format {known}, expected {FORMAT}: remove it to begin anew")
        if found.test != mine.test:
            raise UsageError(f"{FLAG}: {self.path} is the soak of {found.test}, not of {mine.test}")
        if over:
            raise UsageError(f"{FLAG}: {self.path}: this soak is over: remove it to begin anew")
        if found.seed != mine.seed:
            raise UsageError(
                f"{FLAG}: the soak in {self.path} has the seed {found.seed}, not {mine.seed}: go on with it by "
                f"--resilience-seed={found.seed}, or remove it to begin anew"
            )
        if found.duration != mine.duration:
            raise UsageError(
                f"{FLAG}: the soak in {self.path} takes {spelled(found.duration)}, not {spelled(mine.duration)}: give "
                f"--resilience-duration={found.duration:g}s, or remove it to begin anew"
            )

    def _write(self, *, over: bool) -> None:
        head = {"format": FORMAT, "over": over, **asdict(self._identity)}
        replace_file(self._head, json.dumps(head).encode(), durable=True)

    def _paths(self) -> list[Path]:
        return sorted(self.path.glob("round-*.json.gz"))

    def add(self, one: Round) -> None:
        """Write a round."""
        one.write(self.path)
        self.last = one

    def rounds(self) -> Iterator[Round]:
        """Read all rounds, one after the other.

        :raises UsageError: one is missing or damaged.
        """
        for number, path in enumerate(self._paths(), 1):
            one = Round.read(path)
            if one.number != number:
                raise UsageError(f"{FLAG}: {self.path}: round {number} is missing: remove the folder to begin anew")
            yield one

    def end(self) -> None:
        """Note that the soak is over."""
        self._write(over=True)

    def close(self) -> None:
        """Let others open it."""
        self._lock.close()
