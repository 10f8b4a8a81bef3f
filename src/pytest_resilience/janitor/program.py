"""The janitor process: a program that waits for its owner's end and then plays the owner's journal back.

Run as `python -I -S program.py JOURNAL LOCK` with one end of a socket pair as its stdin, whose other
end only the owner holds. The end of file there is the owner's death, of whatever kind; a `q` before
it says that the owner has seen to everything. LOCK is a descriptor that holds the journal's lock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

HELLO, QUIT = b"!", b"q"
# A container that the daemon was asked for just before the owner died may appear a little later.
_LATER = (0.3, 0.7, 1.0)


def main(path: Path) -> None:
    """Wait for the owner's end, undo, and throw the journal away unless something could not be undone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    # Only now can the package be found. All of it is loaded before it is needed: the owner's
    # installation may be gone when the owner is.
    from pytest_resilience.janitor.journal import Journal, read
    from pytest_resilience.janitor.playback import play
    from pytest_resilience.janitor.undo import RemoveContainers

    with socket.socket(fileno=0) as owner:
        with contextlib.suppress(ConnectionError):  # its life may have been shorter than our start
            owner.sendall(HELLO)
        while heard := _hear(owner):
            if QUIT in heard:
                if not path.exists():  # nothing is left to do, and the owner may be killed before it tidies up
                    path.with_suffix(".log").unlink(missing_ok=True)
                return
    try:
        journal = Journal.resume(path)
    except FileNotFoundError:
        path.with_suffix(".log").unlink(missing_ok=True)
        return  # the owner had seen to everything, and died before it could say so
    contents = read(path)
    failed = play(contents.outstanding, journal).failed
    if any(isinstance(undo, RemoveContainers) for undo in contents.outstanding.values()):
        for pause in _LATER:
            time.sleep(pause)
            again = {n: undo for n, undo in contents.outstanding.items() if isinstance(undo, RemoveContainers)}
            failed += play(again, journal).failed
    sys.stderr.writelines(f"{why}\n" for why in failed + contents.unreadable)
    if not failed and not contents.unreadable:
        path.unlink(missing_ok=True)
        path.with_suffix(".log").unlink(missing_ok=True)


def _hear(owner: socket.socket) -> bytes:
    try:
        return owner.recv(64)
    except ConnectionResetError:  # it died with words of ours unread
        return b""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
