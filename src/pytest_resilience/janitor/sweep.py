"""The sweep: at the start of an owner, what earlier pairs of owner and janitor left when both were killed."""

from __future__ import annotations

from pathlib import Path

from pytest_resilience.janitor.journal import Contents, Journal, beginning, read
from pytest_resilience.janitor.playback import play
from pytest_resilience.janitor.undo import KillGroup, KillMarked, Undo


def sweep(directory: Path) -> list[str]:
    """Play back all journals in `directory` whose owner and whose janitor are dead; return what was done, in words.

    A journal of which something could not be undone or understood is kept, and tried again by the next sweep.
    """
    said: list[str] = []
    for path in sorted(directory.glob("*.journal")):
        try:
            journal = Journal.resume(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            said.append(f"{path} cannot be opened ({error.strerror}): left as it is")
            continue
        try:
            if journal.try_lock():
                said += _swept(path, journal)
        finally:
            journal.close()
    return said


def _swept(path: Path, journal: Journal) -> list[str]:
    contents = read(path)
    owner = contents.owner
    if owner is None:
        return _ownerless(path)
    if owner.of_this_boot and not owner.in_sight:
        return [f"{path} is of process {owner.pid} of another container, which cannot be seen from here: kept"]
    if owner.alive:
        return []  # it starts a new janitor by itself
    played = play(_left(contents), journal)
    said = [f"process {owner.pid} and its janitor were killed; done now: {', '.join(played.undone) or 'nothing'}"]
    kept = [f"{why} ({path} is kept)" for why in played.failed + contents.unreadable]
    if not kept:
        path.unlink(missing_ok=True)
        path.with_suffix(".log").unlink(missing_ok=True)
    return said + kept


def _ownerless(path: Path) -> list[str]:
    with beginning(path.parent, alone=True) as certain:
        # Several may start at the same moment, such as the workers of xdist: one may be about to write the first line.
        contents = read(path)
        if not certain or contents.owner is not None:
            return []
        if path.stat().st_size and (contents.outstanding or contents.unreadable):
            return [f"{path} names no owner: kept; look into it and remove it", *contents.unreadable]
        path.unlink(missing_ok=True)  # its owner died while it wrote the first line
        return []


def _left(contents: Contents) -> dict[int, Undo]:
    if contents.owner is None or contents.owner.of_this_boot:
        return contents.outstanding
    # A reboot ended all processes, and handed their numbers out anew.
    gone = (KillGroup, KillMarked)
    return {number: undo for number, undo in contents.outstanding.items() if not isinstance(undo, gone)}
