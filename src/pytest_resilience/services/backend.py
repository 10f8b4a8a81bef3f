"""What a backend is: something that runs units, each a process group or a container.

A `Unit` is the thin, effectful half of a service: it starts, dies, freezes and speaks of itself.
What it means for a service to be ready, and every fault, is built on top of it in `service.py` and
is the same for both backends. A fake of it is kept to the same contract tests as the real ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from pytest_resilience.timeline import Count


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to run.

    :ivar name: how the unit is called in messages, container names and log files; unique in a session.
    :ivar command: the program and its arguments; empty for an image's own command.
    :ivar image: the image to run it in; only the container backend looks at it.
    :ivar env: environment variables, added to the ones a backend gives (the process backend: pytest's own).
    :ivar port: the port on 127.0.0.1 at which the unit is reached, the same over every restart;
        None for a unit that listens nowhere, such as a worker.
    :ivar container_port: the port that the image listens on, published as `port` on 127.0.0.1; None
        to run the container in the host's network, where the command listens on `port` itself. Services under
        test need that: links listen on the host's 127.0.0.1 alone.
    :ivar directory: the working directory of a process.
    :ivar as_user: the process must not look like root to itself (Postgres refuses to be root).
    :ivar stop_signal: the signal that asks it to end gracefully.
    :ivar volume: its own directory of a fixed size, where it has one.
    """

    name: str
    command: tuple[str, ...] = ()
    image: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    container_port: int | None = None
    directory: Path | None = None
    as_user: bool = False
    stop_signal: int = 15
    volume: Volume | None = None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a unit uses at one moment, summed over its processes.

    :ivar cpu_seconds: processor time used since it started, user and system.
    :ivar rss: resident memory in bytes.
    :ivar descriptors: open file descriptors; None where the backend cannot see them.
    :ivar threads: threads; None where the backend cannot see them.
    :ivar processes: processes.
    """

    cpu_seconds: float
    rss: int
    descriptors: int | None
    threads: int | None
    processes: int


class Volume(Protocol):
    """A directory of a fixed size, which a unit has to itself and keeps over every restart."""

    @property
    def inside(self) -> str:
        """Its path as the unit sees it."""

    @property
    def source(self) -> Path:
        """Its path on this host."""

    def entered(self, command: Sequence[str], cwd: Path | None) -> tuple[tuple[str, ...], Path | None]:
        """Return what to run on this host, and in which directory, for a process that is to see it."""

    def space(self) -> Space:
        """Return how much is in it and how much fits in."""

    def take(self, size: int) -> None:
        """Take `size` bytes of what is free away, in place of what was taken before; 0 gives all of it back."""

    def close(self) -> None:
        """Remove it with all that is in it; may be called again."""


class Space(NamedTuple):
    """How full a volume is, in bytes; what was taken away from it is in none but `size`."""

    size: int
    used: int
    free: int


Limit = Literal["memory", "descriptors", "disk", "cpu"]


class Curb(Protocol):
    """A limit that a unit is under."""

    @property
    def means(self) -> str:
        """What holds it, for the receipt: `cgroup v1`, `docker update`, `prlimit`."""

    def read(self) -> float:
        """Return the limit as it is read back from where it is kept: bytes, descriptors, or processors."""

    def met(self) -> Mapping[str, Count]:
        """Return what happened at the limit, for the receipt; still to be asked after it was lifted."""

    @property
    def reached(self) -> bool:
        """Whether the limit was reached since it is there."""

    def lift(self) -> None:
        """Take it away, also from one that has ended meanwhile; may be called again."""


class Unit(Protocol):
    """One process group or one container. Its address stays the same over every restart."""

    @property
    def spec(self) -> Spec:
        """What it runs."""

    @property
    def running(self) -> bool:
        """Whether its main process exists and has not ended (a paused one is running)."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The host's process ids of it, main process first; empty when it is not running."""

    def start(self) -> None:
        """Start it, or start it again after it ended; returns when its main process exists.

        :raises ServiceStateError: it is running.
        :raises BackendUnavailable: the program or the image is not there.
        """

    def kill(self) -> None:
        """End it as a crash does: SIGKILL to all of it. Returns when all of it is gone; fine when it is not running."""

    def stop(self, within: float) -> bool:
        """Ask it to end and wait `within` seconds; kill what is left; tell whether it ended by itself.

        Fine when it is not running (True); a paused one is resumed so that it can answer.
        """

    def pause(self) -> None:
        """Freeze all of its processes; returns when they are.

        :raises ServiceStateError: it is not running.
        """

    def resume(self) -> None:
        """Let frozen processes go on; fine when they are not frozen.

        :raises ServiceStateError: it is not running.
        """

    def curb(self, limit: Limit, value: float) -> Curb:
        """Put it under a limit, and return when it is.

        :param value: bytes of memory or in its volume, descriptors of each of its processes, or processors.
        :raises ServiceStateError: it is not running.
        :raises UsageError: it uses more than that already, or has no volume.
        :raises Unsupported: it cannot be done here.
        """

    def remove(self) -> None:
        """End it and leave nothing of it: the container, its anonymous volumes, its undo in the journal."""

    def exit_status(self) -> int | None:
        """Return how its main process last ended (negative: a signal), None while it runs."""

    def logs(self) -> str:
        """Return what it has written to stdout and stderr since it was first started, restarts included."""

    def usage(self) -> Usage:
        """Return what it uses now.

        :raises ServiceStateError: it is not running.
        """

    def set_clock(self, ahead: float) -> None:
        """Let its clock be `ahead` seconds ahead of the host's from the next start on; 0 for the host's own.

        :raises ServiceStateError: it is running.
        :raises Unsupported: there is no libfaketime for it.
        """

    def clock(self) -> float:
        """Return what a program that runs as it does reads from its clock, in Unix seconds.

        :raises ServiceStateError: it is not running.
        :raises Unsupported: it does not use the C library's clock, or there is no date(1) beside it.
        """


def word(name: str) -> str:
    """Return a name as it may stand in that of a file, a folder or a container."""
    return re.sub(r"[^\w.-]", "-", name)


class Backend(Protocol):
    """Where units run."""

    @property
    def name(self) -> str:
        """`process` or `docker`."""

    def describe(self) -> str:
        """Return what it is and which version, for the header: `Docker Engine 20.10.24`."""

    def unit(self, spec: Spec) -> Unit:
        """Return a unit that has not been started."""

    def volume(self, name: str, size: int) -> Volume:
        """Return a new empty volume of `size` bytes for a unit.

        :raises Unsupported: none can be made here.
        """
