"""The owner's hold on its janitor process: starts it, notices when it is gone, ends it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor.journal import Journal
from pytest_resilience.janitor.kill import JANITOR
from pytest_resilience.janitor.nameless import give_name, open_nameless
from pytest_resilience.janitor.program import QUIT

_PROGRAM = Path(__file__).with_name("program.py")
_PATIENCE = 10.0


class Keeper:
    """One janitor process over one journal, replaced when it dies; safe between threads."""

    def __init__(self, journal: Journal) -> None:
        """Start one over a journal that was begun, and publish that: nothing is to be found that nobody looks after."""
        self._journal = journal
        self._log = journal.path.with_suffix(".log")
        self._stillborn = 0
        self._socket: socket.socket | None = None
        # Held while this process forks: no child is born with an end of a socket that is not yet in its place.
        self._lock = threading.RLock()
        _let_go_in_forks(self._lock, weakref.ref(self))
        with self._lock:
            self._start(open_nameless(self._log))
        journal.publish()

    @property
    def pid(self) -> int:
        """The pid of the janitor process."""
        return self._process.pid

    def ensure(self) -> None:
        """See that the janitor process is there; replace one that has been killed.

        :raises JanitorError: it does not come up.
        """
        with self._lock:
            while not self._there():
                self._process.wait()
                self._stillborn += 1
                if self._stillborn > 2:
                    raise JanitorError(
                        f"the janitor process of {self._journal.path} ended {self._stillborn} times before it was up, "
                        f"with status {self._process.returncode}; what it says is in {self._log}: {self._said()}"
                    )
                self._start(os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def dismiss(self) -> None:
        """End the janitor process; it undoes nothing. The journal's lock is free after that."""
        with self._lock:
            if self._socket is not None:
                with contextlib.suppress(ConnectionError):  # it is gone already
                    self._socket.send(QUIT, socket.MSG_NOSIGNAL)
            self.let_go()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                # Someone has stopped it, and nothing is left for it to do.
                self._process.kill()
                self._process.wait()
            self._log.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Close our end of the socket. In a forked child that leaves the owner the only one to hold it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _start(self, log: int) -> None:
        self.let_go()
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        ours, theirs = socket.socketpair()
        # The lock belongs to the open file, so it is held without a gap from here on, and by the
        # janitor process alone as soon as we have closed ours.
        lock = self._journal.open_again()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROGRAM), str(self._journal.path), str(lock)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=(lock,),
                start_new_session=True,
                # Without the mark: a pytest that was itself launched may be killed by its mark, and
                # its janitor has to outlive it.
                env={**kept, JANITOR: self._journal.path.stem},
            )
            give_name(log, self._log)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(lock)
            os.close(log)
        self._socket = ours

    def _there(self) -> bool:
        if self._socket is None:
            return False
        try:
            heard = self._socket.recv(16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        if heard:
            self._stillborn = 0
            return self._there()
        return False

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace").strip() or "nothing"


def _let_go_in_forks(lock: threading.RLock, known: weakref.ref[Keeper]) -> None:
    # Weakly: such a hook cannot be taken back, and must not keep what it is for.
    def in_child() -> None:
        lock.release()
        keeper = known()
        if keeper is not None:
            keeper.let_go()

    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=in_child)
