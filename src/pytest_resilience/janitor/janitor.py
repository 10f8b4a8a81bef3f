"""The janitor: undoes what we did to the machine, also when we are killed in the middle of it."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor.engine import LABEL
from pytest_resilience.janitor.journal import Journal
from pytest_resilience.janitor.keeper import Keeper
from pytest_resilience.janitor.launch import Child, launch
from pytest_resilience.janitor.playback import play
from pytest_resilience.janitor.state import state_directory
from pytest_resilience.janitor.sweep import sweep
from pytest_resilience.janitor.undo import KillMarked, RemoveDirectory, Undo


class Promise:
    """One entry of the journal: an undo that happens, by whoever is alive to do it."""

    def __init__(self, janitor: Janitor, number: int, undo: Undo) -> None:
        self._janitor = janitor
        self._number = number
        self.undo = undo

    @property
    def outstanding(self) -> bool:
        """Whether it has yet to be undone."""
        return self._janitor.holds(self._number)

    def kept(self) -> None:
        """Say that it has been undone in the ordinary way; may be said again."""
        self._janitor.strike_out(self._number)

    def __repr__(self) -> str:
        return f"<Promise to {self.undo}: {'outstanding' if self.outstanding else 'kept'}>"


class Janitor:
    """The journal of this process and the janitor process that watches over it; safe between threads.

    :ivar directory: a private directory for scratch files, removed at the end.
    :ivar token: a word that no other janitor has; the value of `PYTEST_RESILIENCE_RUN` in every child.
    :ivar label: the label and its value that every container of ours carries.
    :ivar swept: what the start undid after others that were killed together with their janitor, in words.
    """

    def __init__(self, journal: Journal, keeper: Keeper, token: str, directory: Path, swept: list[str]) -> None:
        self.directory = directory
        self.token = token
        self.label = (LABEL, token)
        self.swept = swept
        self._journal = journal
        self._keeper = keeper
        self._owner = os.getpid()
        self._outstanding: dict[int, Undo] = {}
        self._last = 0
        self._launched: list[subprocess.Popen[bytes]] = []
        self._closed = False
        # A signal handler of the owner may close us while its main thread is inside a promise.
        self._lock = threading.RLock()

    @classmethod
    def start(cls, *, directory: Path | None = None) -> Janitor:
        """Sweep what killed pairs left, and start a janitor process over a new journal.

        :param directory: where the journals are; `pytest-resilience-<uid>` in the temporary directory if None.
        :raises JanitorError: the directory is not ours alone.
        """
        if not Path("/proc/self/stat").exists():
            raise JanitorError("the janitor needs the /proc of Linux, which is not here; run the tests on Linux")
        state = state_directory(directory)
        swept = sweep(state)
        token = secrets.token_hex(8)
        journal = Journal.begin(state / f"{token}.journal")
        janitor = cls(journal, Keeper(journal), token, state / token, swept)
        try:
            # Promised first and so undone last, when all else is: whatever escaped from its group, then the files.
            janitor.promise(RemoveDirectory(janitor.directory))
            janitor.promise(KillMarked(token))
            janitor.directory.mkdir(mode=0o700)
        except BaseException:
            janitor.close()
            raise
        return janitor

    @property
    def pid(self) -> int:
        """The pid of the janitor process."""
        return self._keeper.pid

    def promise(self, undo: Undo) -> Promise:
        """Write down that `undo` has to happen; when this returns, do the deed.

        :raises JanitorError: the janitor was closed, is another process's, or does not come up; do not do the deed.
        :raises OSError: the journal cannot be written to; do not do the deed.
        """
        self._must_be_ours(str(undo))
        with self._lock:
            if self._closed:
                raise JanitorError(f"{undo}: cannot be promised, the janitor of run {self.token} is closed")
            self._keeper.ensure()
            self._last += 1
            self._journal.promise(self._last, undo)
            self._outstanding[self._last] = undo
            return Promise(self, self._last, undo)

    def holds(self, number: int) -> bool:
        """Tell whether the promise of this number is outstanding."""
        return number in self._outstanding

    def strike_out(self, number: int) -> None:
        """Note that the promise of this number has been kept. In a forked child, whose it is not, do nothing."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            if self._outstanding.pop(number, None) is not None:
                self._journal.kept(number)

    def launch(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: Path | int | None = None,
        pass_fds: Sequence[int] = (),
        restore_signals: bool = True,
        before: Callable[[int], object] | None = None,
    ) -> Child:
        """Start a process in its own session, which is in the journal before its program runs.

        Its stdin is /dev/null. It inherits no descriptors but `pass_fds`. When this returns, the gate is
        open, and its program may still be about to run.

        :param env: its complete environment, to which the mark is added; ours if None.
        :param output: a file to append its stdout and stderr to, or a descriptor; /dev/null if None.
        :param restore_signals: False leaves SIGXFSZ and SIGPIPE ignored in it.
        :param before: called with its pid before its program runs: to promise what else that will leave behind. Such
            promises are undone after the process was ended.
        :raises BackendUnavailable: the program does not exist or is not executable.
        :raises JanitorError: as `promise` does.
        """
        self._must_be_ours(f"launch {argv[0] if argv else ''}")
        child = launch(
            argv,
            promise=self.promise,
            token=self.token,
            env=os.environ if env is None else env,
            cwd=cwd,
            output=output,
            pass_fds=pass_fds,
            restore_signals=restore_signals,
            before=before,
        )
        self._launched = [process for process in self._launched if process.poll() is None] + [child.process]
        return child

    def close(self) -> list[str]:
        """Undo all that is outstanding, newest first, and end the janitor process; may be called again.

        Return what was outstanding, in words. What cannot be undone is said there too, stays in the
        journal, and is tried again by the next start. In a forked child this does nothing.
        """
        if os.getpid() != self._owner:
            return []
        with self._lock:
            if self._closed:
                return []
            self._closed = True
            own = {number for number, undo in self._outstanding.items() if self._is_own(undo)}
            said = [str(undo) for number, undo in reversed(self._outstanding.items()) if number not in own]
            failed = play(self._outstanding, self._journal).failed
            self._outstanding.clear()
            for process in self._launched:
                process.poll()  # so that none is left a zombie
            if not failed:
                self._journal.path.unlink(missing_ok=True)
            self._keeper.dismiss()
            self._journal.close()
            return said + [f"{why} ({self._journal.path} is kept)" for why in failed]

    def _is_own(self, undo: Undo) -> bool:
        return undo in (RemoveDirectory(self.directory), KillMarked(self.token))

    def _must_be_ours(self, what: str) -> None:
        if os.getpid() != self._owner:
            raise JanitorError(
                f"{what}: this process {os.getpid()} was forked from {self._owner}, whose janitor this is; "
                "start one here with Janitor.start()"
            )

    def __enter__(self) -> Janitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._outstanding)} outstanding"
        return f"<Janitor {self.token}: {state}>"
