"""A hog's process, as seen from the test."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_resilience.errors import HostInDanger, ResilienceError, UndoFailed, Unsupported
from pytest_resilience.hogs.taker import Counts, Task

if TYPE_CHECKING:
    from pytest_resilience.janitor import Child, Promise, Undo

_PROGRAM = Path(__file__).with_name("program.py")
_RELEASE = 60.0  # seconds to give everything back; terabytes of a file take some
_END = 5.0


class Launcher(Protocol):
    """The part of a janitor that starts processes and writes down what to undo."""

    @property
    def directory(self) -> Path:
        """Where its log goes."""

    def launch(self, argv: Sequence[str | Path], *, output: Path, pass_fds: Sequence[int]) -> Child:
        """Start a process that is ended when we die."""

    def promise(self, undo: Undo) -> Promise:
        """Write down what has to be undone."""


class HogProcess:
    """Starts a hog, hears what it has reached, and makes it give everything back; leaving it ends it.

    :param name: of the fault, for messages.
    """

    def __init__(self, launcher: Launcher, name: str, task: Task) -> None:
        self._name = name
        self._log = launcher.directory / f"hog-{time.monotonic_ns()}.log"
        self._line, theirs = socket.socketpair()
        self._lines = self._line.makefile("rb")
        with theirs:
            argv = [sys.executable, "-I", "-S", str(_PROGRAM), str(theirs.fileno()), json.dumps(dict(task))]
            try:
                self._child = launcher.launch(argv, output=self._log, pass_fds=[theirs.fileno()])
            except BaseException:
                self._hang_up()
                raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def struck(self, within: float) -> Counts:
        """Return what it has reached, when it has.

        :raises Unsupported: this machine has none of what was to be taken.
        :raises HostInDanger: it was killed, by the kernel's out-of-memory killer as a rule.
        """
        said = self._hear(within)
        if said["state"] == "not here":
            raise Unsupported(f"{self._name}: {said['why']}")
        return said

    def release(self) -> Counts:
        """Have it give everything back; return its accounts.

        :raises UndoFailed: something is left.
        :raises HostInDanger: it was killed while it held what it had taken.
        """
        try:
            self._line.sendall(b"release\n")
        except OSError as error:
            raise self._obituary() from error
        said = self._hear(_RELEASE)
        if said["left"]:
            raise UndoFailed(f"{self._name}: process {self.pid} gave everything back, and {said['left']} is left of it")
        return said

    def kill(self) -> None:
        """End it at once, from any thread; what it held is free when this returns."""
        self._child.promise.undo.undo()

    def close(self) -> None:
        """End it; may be called again."""
        self._hang_up()
        process = self._child.process
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            self.kill()
            process.wait()
        finally:
            self.kill()  # whatever is left of its group
            self._child.promise.kept()

    def __enter__(self) -> HogProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hang_up(self) -> None:
        self._lines.close()
        self._line.close()

    def _hear(self, within: float) -> Counts:
        self._line.settimeout(within)
        try:
            line = self._lines.readline()
        except ConnectionError as error:
            raise self._obituary() from error
        except OSError as error:
            raise ResilienceError(
                f"{self._name}: process {self.pid} has said nothing for {within:g} s ({error}); the machine is too slow"
            ) from error
        if not line:
            raise self._obituary()
        said: Mapping[str, str | int | float] = json.loads(line)
        return dict(said)

    def _obituary(self) -> ResilienceError:
        try:
            status = self._child.process.wait(_END)
        except subprocess.TimeoutExpired:
            return ResilienceError(f"{self._name}: process {self.pid} hung up without having ended")
        if status == -signal.SIGKILL:
            return HostInDanger(
                f"{self._name}: its process {self.pid} was killed by SIGKILL while it was in force, as the kernel does "
                "when memory runs out (see dmesg), so what was tested is not what was asked for; take less"
            )
        text = self._log.read_text(errors="replace").strip()[-2000:] if self._log.exists() else ""
        return ResilienceError(f"{self._name}: its process ended with status {status}; it said: {text or 'nothing'}")
