"""A round: some seconds or minutes of a soak, as it is kept on disk."""

from __future__ import annotations

import gzip
import json
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.course import Track, Tracks
from pytest_resilience.measure.frozen import Frozen
from pytest_resilience.replacing import replace_file

Columns = dict[str, tuple[list[float], list[float], list[int]]]


@dataclass(frozen=True)
class Round:
    """What happened in one round; all instants are monotonic seconds of the machine that it ran on.

    :ivar number: from 1.
    :ivar segment: how often the soak had been resumed.
    :ivar ahead: what to add to an instant for the time of the day, in seconds since the epoch.
    :ivar began: when its load began; likewise `ended`.
    :ivar held: the seconds that it counts for.
    :ivar calm: what happened away from faults; `struck`, the rest.
    :ivar services: what was read of services; `harness`, of pytest and the drivers.
    :ivar strikes: the name and the seconds in force of each fault that was struck in it.
    :ivar touched: how much the faults of this segment have touched so far, by name.
    :ivar examples: the first message of each category of failure.
    """

    number: int
    segment: int
    ahead: float
    began: float
    ended: float
    held: float
    calm: Frozen
    struck: Frozen
    services: Columns
    harness: Columns
    strikes: list[tuple[str, float]]
    touched: dict[str, float]
    examples: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write it whole or not at all."""
        path = folder / f"round-{self.number:05}.json.gz"
        text = json.dumps(asdict(self), separators=(",", ":"))
        replace_file(path, gzip.compress(text.encode(), compresslevel=6, mtime=0), durable=True)

    @classmethod
    def read(cls, path: Path) -> Round:
        """Read one.

        :raises UsageError: it is none, or was changed.
        """
        try:
            return cls(**json.loads(gzip.decompress(path.read_bytes())))
        except (OSError, EOFError, ValueError, TypeError) as error:
            raise UsageError(
                f"--resilience-soak-state: {path} is no round of a soak ({type(error).__name__}: {error}); "
                "remove the folder to begin anew"
            ) from error


def columns(tracks: Tracks) -> Columns:
    """Return readings as plain lists."""
    return {name: (list(track.at), list(track.value), list(track.life)) for name, track in tracks.items()}


def joined(rounds: list[tuple[Columns, int, float]]) -> Tracks:
    """Return the readings of rounds as one, each with its segment and by how many seconds it is moved.

    What a segment read was of other processes than what the one before it read: their lives are others, too.
    """
    lives: dict[tuple[str, int, int], int] = {}
    tracks: Tracks = {}
    for told, segment, moved in rounds:
        for name, (at, value, life) in told.items():
            track = tracks.setdefault(name, Track())
            track.at.extend(array("d", [one + moved for one in at]))
            track.value.extend(array("d", value))
            track.life.extend(array("l", [lives.setdefault((name, segment, one), len(lives)) for one in life]))
    return tracks
