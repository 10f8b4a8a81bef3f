"""A packet road: a port on 127.0.0.1 from where connections reach a service through a cable of our own."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_resilience.errors import LinkServerError, Unsupported
from pytest_resilience.links.packets.firewall import Dropped
from pytest_resilience.waiting import wait_until

if TYPE_CHECKING:
    from pytest_resilience.janitor import Child

_PROGRAM = Path(__file__).with_name("program.py")
_PATIENCE = 30.0  # seconds for the start and for each answer; they take some hundredths of one
_END = 2.0


class Launcher(Protocol):
    """The part of a janitor that starts processes."""

    @property
    def directory(self) -> Path:
        """Where its log goes."""

    def launch(self, argv: Sequence[str | Path], *, output: Path, pass_fds: Sequence[int]) -> Child:
        """Start a process that is ended when we die."""


class PacketRoad:
    """A road in a process of its own: TCP from end to end of a cable in which packets can be dropped.

    The host's own firewall and interfaces are not touched, and nothing is left when the process has ended.

    :param target: `host:port` of the service.
    :ivar port: where clients connect, on 127.0.0.1.
    :ivar firewall: what drops the packets: `nft` or `iptables`.
    :raises Unsupported: this machine does not allow it; the message says why, and what would.
    :raises LinkServerError: the process does not come up.
    """

    def __init__(self, launcher: Launcher, target: str) -> None:
        self.target = target
        self._asking = threading.Lock()
        self._log = launcher.directory / f"packets-{time.monotonic_ns()}.log"
        self._control, theirs = socket.socketpair()
        self._lines = self._control.makefile("rb")
        self._control.settimeout(_PATIENCE)
        with theirs:
            argv = [sys.executable, "-I", "-S", str(_PROGRAM), str(theirs.fileno()), target]
            try:
                self._child = launcher.launch(argv, output=self._log, pass_fds=[theirs.fileno()])
            except BaseException:
                self._hang_up()
                raise
        try:
            hello = self._hear()
        except BaseException:
            self.close()
            raise
        if "refused" in hello:
            self.close()
            raise Unsupported(f"packet faults: {hello['refused']}")
        self.port = int(str(hello["port"]))
        self.firewall = str(hello["firewall"])

    def drop(self, name: str, share: float, directions: Sequence[str]) -> None:
        """Drop a share of the packets of these directions until `mend` of the same name, a plain word."""
        self._ask(do="drop", name=name, share=share, directions=list(directions))

    def dropped(self, name: str, directions: Sequence[str]) -> Dropped:
        """Return what the rules of this name have met."""
        said = self._ask(do="dropped", name=name, directions=list(directions))
        return Dropped(seen=int(str(said["seen"])), dropped=int(str(said["dropped"])))

    def mend(self, name: str, directions: Sequence[str]) -> None:
        """Stop dropping; fine when nothing is dropped."""
        self._ask(do="mend", name=name, directions=list(directions))

    def narrow(self, rate: int, queue: float, directions: Sequence[str]) -> None:
        """Let through at most `rate` bytes per second; what would wait longer than `queue` seconds is dropped.

        :raises Unsupported: the kernel or the machine lacks what does it.
        """
        try:
            self._ask(do="narrow", rate=rate, queue=queue, directions=list(directions))
        except LinkServerError as refusal:
            raise Unsupported(
                f"packet faults: the bandwidth cannot be limited here: {refusal}; install iproute2 and have the kernel "
                "module sch_tbf"
            ) from refusal

    def held_back(self, directions: Sequence[str]) -> tuple[int, int]:
        """Return how many packets the limit made wait, and how many it dropped."""
        said = self._ask(do="held_back", directions=list(directions))
        return int(str(said["met"])), int(str(said["dropped"]))

    def widen(self, directions: Sequence[str]) -> None:
        """Lift the limit; fine when there is none."""
        self._ask(do="widen", directions=list(directions))

    def retransmitted(self) -> dict[str, int]:
        """Return how many TCP segments were sent again so far, `upstream` and `downstream`, as the kernel counts."""
        said = self._ask(do="retransmitted")
        return {direction: int(str(count)) for direction, count in said.items()}

    def point_at(self, target: str) -> None:
        """Lead to another `host:port` from here on; close the connections that there are."""
        self._ask(do="target", address=target)
        self.target = target

    def close(self) -> None:
        """End it; may be called again."""
        self._hang_up()
        process = self._child.process
        try:
            wait_until(lambda: process.poll() is not None, within=_END, what="the packet road to end")
        finally:
            if process.poll() is None:
                self._child.promise.undo.undo()
                process.wait()
            self._child.promise.kept()

    def _hang_up(self) -> None:
        self._lines.close()
        self._control.close()

    def _ask(self, **question: object) -> Mapping[str, object]:
        with self._asking:
            try:
                self._control.sendall(json.dumps(question).encode() + b"\n")
            except (OSError, ValueError) as error:
                raise LinkServerError(f"the packet road to {self.target} is gone ({error}){self._said()}") from error
            answer = self._hear()
        if "error" in answer:
            raise LinkServerError(str(answer["error"]))
        return answer

    def _hear(self) -> Mapping[str, object]:
        try:
            line = self._lines.readline()
        except ConnectionError as error:
            raise LinkServerError(f"the packet road to {self.target} is gone ({error}){self._said()}") from error
        except OSError as error:
            raise LinkServerError(
                f"the packet road to {self.target} has not answered within {_PATIENCE:g} s ({error}){self._said()}"
            ) from error
        if not line:
            raise LinkServerError(f"the packet road to {self.target} has ended{self._said()}")
        answer: Mapping[str, object] = json.loads(line)
        return answer

    def _said(self) -> str:
        said = self._log.read_text(errors="replace").strip()[-2000:] if self._log.exists() else ""
        return f"; it said: {said}" if said else ""

    def __repr__(self) -> str:
        return f"<PacketRoad 127.0.0.1:{self.port} -> {self.target}>"
