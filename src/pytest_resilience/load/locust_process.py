"""A Locust process, as the test's process sees it: started here, or joined from another machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience import errors
from pytest_resilience.errors import DriverDied, ResilienceError, SetupFailed
from pytest_resilience.load.driver.locust_wire import Head, Plan, Unpacker, batch_of, final_of, pack
from pytest_resilience.load.driver.wire import Final
from pytest_resilience.load.ledger import Ledger

if TYPE_CHECKING:
    from pytest_resilience.janitor import Child

LOG_TAIL = 3000  # characters of Locust's own output that an error shows
RETIRE = 5.0  # seconds that Locust has for its teardowns


class LocustProcess:
    """Tells a Locust process what to do and keeps its accounts; a thread reads what it reports.

    :ivar hosts: the base URLs of its users, once it is ready.
    :ivar port: where a master takes its workers, once that is known.
    """

    def __init__(
        self,
        name: str,
        end: socket.socket,
        ledger: Ledger,
        *,
        changed: Callable[[], None],
        pid: int,
        child: Child | None = None,
        log: Path | None = None,
        unpacker: Unpacker | None = None,
    ) -> None:
        """Take over the socket `end`.

        :param name: what it is called in messages, such as "Locust worker 2".
        :param changed: called from the thread whenever there is news.
        :param child: the process, where it is ours.
        :param log: where it writes.
        :param unpacker: what has read from `end` so far.
        """
        self._name, self._end, self._ledger, self._changed = name, end, ledger, changed
        self._child, self._log = child, log
        self._unpacker = Unpacker() if unpacker is None else unpacker
        self._final: Final | None = None
        self._failure: ResilienceError | None = None
        self._ready = self._ended = False
        self.pid = pid
        self.hosts: tuple[str, ...] = ()
        self.port: int | None = None
        self._reader = threading.Thread(target=self._read, name=f"reports of {name}", daemon=True)
        self._reader.start()

    # What it is told

    def plan(self, plan: Plan) -> None:
        """Give it what to do."""
        self._send(plan.head())

    def go(self, begin: float) -> None:
        """Let the profile begin at `begin`, in monotonic seconds."""
        self._send({"kind": "go", "begin": begin})

    def stop(self, until: float, *, drain: bool) -> None:
        """Let nothing begin after `until`; wait for what is in flight, or give it up."""
        self._send({"kind": "stop", "until": until, "drain": drain})

    def quit(self) -> None:
        """Let Locust end as it does."""
        self._send({"kind": "quit"})

    def _send(self, head: Head) -> None:
        try:
            self._end.sendall(pack(head))
        except OSError:  # it has died, which the reader finds out and tells with its reason
            return

    # What it tells

    @property
    def ready(self) -> bool:
        """Whether it can begin."""
        return self._ready

    @property
    def over(self) -> bool:
        """Whether it has nothing more to tell, well or badly."""
        return self._ended or self._final is not None

    def check(self) -> None:
        """Raise what is wrong with it, if anything is.

        :raises SetupFailed: Locust could not begin: the file cannot be imported, or names no such user.
        :raises UsageError: the file does not fit what was asked of it.
        :raises DriverDied: the process ended before the run did, or samples were lost.
        """
        if self._failure is not None:
            raise self._failure
        if self._ended and self._final is None:
            raise self._obituary()

    def _obituary(self) -> ResilienceError:
        text = self._log.read_text(errors="replace").strip() if self._log is not None and self._log.exists() else ""
        said = f"; the last it wrote:\n{text[-LOG_TAIL:]}" if text else ""
        kind = DriverDied if self._ready else SetupFailed
        before = "the run did, so nothing may be judged" if self._ready else "it could begin"
        return kind(f"the {self._name} (process {self.pid}) {self._how()} before {before}{said}")

    def _how(self) -> str:
        if self._child is None:
            return "was lost"
        try:
            status = self._child.process.wait(RETIRE)
        except subprocess.TimeoutExpired:
            return "closed its line"
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def _read(self) -> None:
        try:
            while data := self._end.recv(1 << 18):
                for head, body in self._unpacker.feed(data):
                    self._take(head, body)
        except (ConnectionError, TimeoutError):
            pass
        except Exception as error:  # noqa: BLE001  (kept, and raised in the test's own thread by check)
            self._failure = self._failure or _as_failure(self._name, error)
        finally:
            self._ended = True
            self._changed()

    def _take(self, head: Head, body: bytes) -> None:
        kind = head["kind"]
        if kind == "batch":
            self._ledger.accept(batch_of(head, body))
            return
        if kind == "ready":
            self.hosts = tuple(head["hosts"])
            self._ready = True
        elif kind == "bound":
            self.port = head["port"]
        elif kind == "failed":
            self._failure = self._failure or self._known(head)
        elif kind == "final":
            self._final = final_of(head, body)
        self._changed()

    def _known(self, head: Head) -> ResilienceError:
        kind = getattr(errors, head["error"], ResilienceError)
        kind = kind if issubclass(kind, ResilienceError) else ResilienceError
        text = self._log.read_text(errors="replace").strip() if self._log is not None and self._log.exists() else ""
        said = f"\n\nLocust wrote:\n{text[-LOG_TAIL:]}" if kind is SetupFailed and text else ""
        return kind(f"the {self._name}: {head['message']}{said}")

    # Its end

    def settle(self, *, whole: bool) -> None:
        """Close the accounts, with its totals.

        :raises DriverDied: they do not agree.
        """
        if self._final is not None:
            self._ledger.close(self._final, whole=whole)

    def retire(self, *, at_once: bool) -> None:
        """Let it end, by force if it does not or is not to; nothing of it is left here."""
        if self._child is not None:
            process = self._child.process
            try:
                if not at_once:
                    process.wait(RETIRE)
            except subprocess.TimeoutExpired:
                at_once = True
            # Its group, also when it has ended by itself: the file may have started something.
            _kill_group(process.pid)
            process.wait()
        with contextlib.suppress(OSError):  # it has closed its end before
            self._end.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._end.close()
        if self._child is not None:
            self._child.promise.kept()


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _as_failure(name: str, error: Exception) -> ResilienceError:
    if isinstance(error, ResilienceError):
        return error
    failure = DriverDied(f"what the {name} reported cannot be read: {error!r}, so nothing may be judged")
    failure.__cause__ = error
    return failure
