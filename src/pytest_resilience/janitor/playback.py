"""The playing back of a journal: undo what is outstanding, newest first, and go on past what fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_resilience.errors import ResilienceError
from pytest_resilience.janitor.journal import Journal
from pytest_resilience.janitor.undo import Undo


class Played(NamedTuple):
    """What playing back did: the undone, newest first, and the failures, each in words."""

    undone: list[str]
    failed: list[str]


def play(outstanding: Mapping[int, Undo], journal: Journal) -> Played:
    """Undo all of `outstanding`, the highest number first, and write down in the journal how each went."""
    played = Played([], [])
    for number in sorted(outstanding, reverse=True):
        undo = outstanding[number]
        try:
            undo.undo()
        except (ResilienceError, OSError) as error:
            journal.failed(number, str(error))
            played.failed.append(str(error))
        except Exception as error:  # noqa: BLE001  (a mistake in one undo must not leave the others undone)
            journal.failed(number, repr(error))
            played.failed.append(f"{undo}: {error!r}")
        else:
            journal.kept(number)
            played.undone.append(str(undo))
    return played
