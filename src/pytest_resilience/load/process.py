"""A driver process, as the process sees it that started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_resilience import errors
from pytest_resilience.errors import DriverDied, ResilienceError
from pytest_resilience.load.driver.wire import Batch, Failed, Final, Go, Job, Message, Ready, Stop, Unpacker, pack
from pytest_resilience.load.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_resilience.janitor import Child

PROGRAM = "pytest_resilience.load.driver"
LOG_TAIL = 2000  # characters of the driver's own output that an error shows
RETIRE = 2.0  # seconds that a driver has to end by itself after its last frame


class Launcher(Protocol):
    """The part of a janitor that starts processes."""

    @property
    def directory(self) -> Path:
        """Where its log goes."""

    def launch(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        output: Path | int | None = None,
        pass_fds: Sequence[int] = (),
        restore_signals: bool = True,
    ) -> Child:
        """Start a process that is ended when we die."""


class DriverProcess:
    """Starts a driver, talks to it, and keeps its accounts.

    A thread reads what the driver reports, so that the test's own thread never has to. `changed` is
    called from it whenever there is news: it is ready, it failed, it died, it is done.
    """

    def __init__(self, job: Job, ledger: Ledger, *, launcher: Launcher, changed: Callable[[], None]) -> None:
        self._ledger, self._changed = ledger, changed
        self._ready = False
        self._final: Final | None = None
        self._failure: ResilienceError | None = None
        self._ended = False
        self._log = launcher.directory / f"driver-{time.monotonic_ns()}-{job.share}.log"
        ours, theirs = socket.socketpair()
        self._end = ours
        with theirs:
            argv = [sys.executable, "-m", PROGRAM, str(theirs.fileno())]
            try:
                self._child = launcher.launch(
                    argv,
                    env=_environment(),
                    cwd=launcher.directory,
                    output=self._log,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                ours.close()
                raise
        self._reader = threading.Thread(target=self._read, name="driver reports", daemon=True)
        self._reader.start()
        self._send(job)

    # What it is told

    def go(self, begin: float) -> None:
        """Let the first arrival be due at `begin`, in monotonic seconds."""
        self._send(Go(begin))

    def stop(self, until: float, *, drain: bool) -> None:
        """Let the last arrival be due at `until`; wait for what is in flight, or give it up."""
        self._send(Stop(until, drain))

    def _send(self, message: Message) -> None:
        try:
            self._end.sendall(pack(message))
        except OSError:  # it has died, which the reader finds out and tells with its reason
            return

    # What it tells

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.process.pid

    @property
    def ready(self) -> bool:
        """Whether it has opened what it needs."""
        return self._ready

    @property
    def over(self) -> bool:
        """Whether it has nothing more to tell, well or badly."""
        return self._ended or self._final is not None

    def check(self) -> None:
        """Raise what is wrong with it, if anything is.

        :raises DriverDied: its process ended too early, or lost samples.
        :raises SetupFailed: what the user's generator opens or closes failed.
        :raises NotPortable: the driver could not unpack what it was given.
        """
        if self._failure is not None:
            raise self._failure
        if self._ended and self._final is None:
            raise DriverDied(self._obituary())

    def _obituary(self) -> str:
        status = self._exit_status()
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        text = self._log.read_text(errors="replace").strip() if self._log.exists() else ""
        said = f"; the last it wrote:\n{text[-LOG_TAIL:]}" if text else "; it wrote nothing"
        return f"the driver process {self.pid} {how} before the run did, so nothing may be judged{said}"

    def _exit_status(self) -> int:
        """Return how it ended; it has closed its end of the line, so it is dead or about to be."""
        try:
            return self._child.process.wait(RETIRE)
        except subprocess.TimeoutExpired:
            self._child.process.kill()
            return self._child.process.wait()

    def _read(self) -> None:
        unpacker = Unpacker()
        try:
            while data := self._end.recv(1 << 18):
                for message in unpacker.feed(data):
                    self._take(message)
        except ConnectionResetError:
            pass
        except Exception as error:  # noqa: BLE001  (kept, and raised in the test's own thread by check)
            self._failure = self._failure or _as_failure(error)
        finally:
            self._ended = True
            self._changed()

    def _take(self, message: Message) -> None:
        if isinstance(message, Batch):
            self._ledger.accept(message)
            return
        if isinstance(message, Ready):
            self._ready = True
        elif isinstance(message, Failed):
            self._failure = self._failure or _known(message)
        elif isinstance(message, Final):
            self._final = message
        self._changed()

    # Its end

    def settle(self, *, whole: bool) -> None:
        """Close the accounts, with its totals.

        :raises DriverDied: they do not agree.
        """
        if self._final is not None:
            self._ledger.close(self._final, whole=whole)

    def retire(self, *, at_once: bool) -> None:
        """Let it end, by force if it does not or is not to; nothing of it is left."""
        process = self._child.process
        try:
            if not at_once:
                process.wait(RETIRE)
        except subprocess.TimeoutExpired:
            at_once = True
        if at_once or process.poll() is None:
            _kill_group(process.pid)
            process.wait()
        self._end.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._end.close()
        self._child.promise.kept()


def _environment() -> dict[str, str]:
    """Return our environment, with this package on the path where it is used from its source."""
    home = str(Path(__file__).parents[2])
    if home in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        return dict(os.environ)
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}{path}" if path else home}


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _known(failed: Failed) -> ResilienceError:
    kind = getattr(errors, failed.error, ResilienceError)
    return kind(failed.message) if issubclass(kind, ResilienceError) else ResilienceError(failed.message)


def _as_failure(error: Exception) -> ResilienceError:
    if isinstance(error, ResilienceError):
        return error
    failure = DriverDied(f"what the driver reported cannot be read: {error!r}, so nothing may be judged")
    failure.__cause__ = error
    return failure
