"""The guard: ends a scenario when the host itself comes into danger."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_resilience import timeline
from pytest_resilience.errors import HostInDanger
from pytest_resilience.hogs import floor
from pytest_resilience.hogs.host import Host, Room

EVERY = 0.1  # seconds between two looks


@dataclass(eq=False)
class Watched:
    """What one hog that is in force has told the guard.

    :ivar path: on the filesystem that it fills, if it does.
    :ivar kill: ends its processes at once; set when there are any.
    """

    name: str
    path: str | None
    kill: Callable[[], None] = field(default=lambda: None)


class Guard:
    """Watches the host for as long as hogs are in force, from a thread.

    At a critical threshold it ends the processes of all hogs, which frees what they hold, and breaks the test's
    timeline off: load that is being held ends at once, and the fault raises `HostInDanger` when it is left.

    :param every: seconds between two looks.
    """

    def __init__(self, host: Host, *, every: float = EVERY, cpus: int | None = None) -> None:
        self._host, self._every = host, every
        self._cpus = cpus or os.cpu_count() or 1
        self._watched: list[Watched] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.danger: str | None = None

    @contextmanager
    def over(self, name: str, path: str | None) -> Iterator[Watched]:
        """Watch while the body runs.

        :raises HostInDanger: a critical threshold was crossed meanwhile, or had been before.
        """
        watched = Watched(name, path)
        with self._changed:
            if not self._watched:
                self.danger = None
            self._watched.append(watched)
            if self._thread is None:
                line = timeline.current()
                self._thread = threading.Thread(target=self._work, args=(line,), name="host guard", daemon=True)
                self._thread.start()
        try:
            yield watched
        except Exception as error:
            if self.danger is not None:
                raise HostInDanger(self.danger) from error
            raise
        finally:
            self._leave(watched)
        if self.danger is not None:
            raise HostInDanger(self.danger)

    def _leave(self, watched: Watched) -> None:
        with self._changed:
            self._watched.remove(watched)
            over = None
            if not self._watched:
                over, self._thread = self._thread, None
                self._changed.notify_all()
        if over is not None:
            over.join()

    def look(self) -> str | None:
        """Return which critical threshold the host has crossed, None for none."""
        memory = self._host.memory()
        least = int(floor.memory(memory.total) * floor.CRITICAL)
        if memory.left < least:
            return _below("memory", memory, least)
        for path in {watched.path for watched in self._watched if watched.path is not None}:
            room = self._host.disk(path)
            least = int(floor.disk(room.total) * floor.CRITICAL)
            if room.left < least:
                return _below(path, room, least)
        load, most = self._host.load(), floor.LOAD_PER_CPU * self._cpus
        if load > most:
            return f"load average {load:g} on {self._cpus} CPUs, critical is {most:g}"
        return None

    def _looked(self) -> str | None:
        try:
            return self.look()
        except Exception as error:  # noqa: BLE001  (told to the test: a host that cannot be watched is not to be filled)
            return f"it cannot be watched any more: {error!r}"

    def _work(self, line: timeline.Timeline) -> None:
        with self._changed:
            while self._watched:
                reason = self._looked()
                if reason is not None:
                    names = ", ".join(watched.name for watched in self._watched)
                    self.danger = (
                        f"the host came into danger: {reason}; {names} was ended at once, and so is the scenario. "
                        "Take less, or give the host more"
                    )
                    line.break_off(HostInDanger(self.danger))
                    for watched in self._watched:
                        watched.kill()
                    return
                self._changed.wait(self._every)


def _below(what: str, room: Room, least: int) -> str:
    return f"{what}: {floor.words(room.left)} left of {floor.words(room.total)}, and {floor.words(least)} is critical"
