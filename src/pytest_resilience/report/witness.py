"""A witness: reads what the services of a test use while it lasts, where there is to be a report.

It looks from a thread of its own, four times a second at most. A look is followed by a pause of twenty times the
processor time that it took, so that it takes a twentieth of a core at the most, whatever a reading costs (5 ms on
either backend), and of twice its length, as the daemon of a Docker that is elsewhere takes a second for each. It keeps
no more than 240 readings of a service: when there are more it drops every other, and looks half as often from then on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_resilience.errors import ResilienceError
from pytest_resilience.report.findings import Use, Used
from pytest_resilience.report.logs import Logs

if TYPE_CHECKING:
    from pytest_resilience.report.story import Served

EVERY = 0.25  # seconds between two looks, at least
SPARING = 20  # times the processor time of a look, and
WAITING = 2  # times its length is paused after it
MOST = 240  # readings of each service
PATIENCE = 5.0  # seconds that a last look may take


class Witness:
    """Looks at services from `begin` to `end`.

    :param services: those of the test, which may become more.
    :param origin: when its timeline began, in monotonic seconds.
    :param note: is told what could not be read.
    :ivar logs: what they write.
    """

    def __init__(
        self,
        services: Mapping[str, Served],
        *,
        origin: float,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services, self._origin, self._note, self._clock = services, origin, note, clock
        self.logs = Logs(services, note=note)
        self._uses: dict[str, list[Use]] = {}
        self._seconds: dict[str, tuple[float, float]] = {}  # when processor time was read last, and how much it was
        self._unread: set[str] = set()
        self._every = EVERY
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look from now on; a test may have used up the threads that there are, and then nothing is seen."""
        self.logs.mark()
        thread = threading.Thread(target=self._work, name="usage of services", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._note(f"what services used was not read: {error}")
            return
        self._thread = thread

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    @property
    def used(self) -> tuple[Used, ...]:
        """What each service used."""
        return tuple(Used(name=name, uses=tuple(uses)) for name, uses in sorted(self._uses.items()))

    def look(self) -> None:
        """Read each service once; one that cannot be read for other reasons than that it is down is let be."""
        for name, service in [*self._services.items()]:
            if name in self._unread:
                continue
            try:
                use = self._read(name, service)
            except ResilienceError:
                use = Use(at=self._clock() - self._origin)
                self._seconds.pop(name, None)
            except Exception as error:  # noqa: BLE001  (told at the end; it is no part of the test)
                self._unread.add(name)
                self._note(f"what {name} used was not read any more: {error!r}")
                continue
            self._uses.setdefault(name, []).append(use)
        if any(len(uses) > MOST for uses in self._uses.values()):
            self._uses = {name: uses[::2] for name, uses in self._uses.items()}
            self._every *= 2

    def _read(self, name: str, service: Served) -> Use:
        now = service.usage()
        at = self._clock()
        then, before = self._seconds.get(name, (at, now.cpu_seconds))
        self._seconds[name] = at, now.cpu_seconds
        # Processor time that went back is that of a service that was started again, and counts from zero.
        used = now.cpu_seconds if now.cpu_seconds < before else now.cpu_seconds - before
        return Use(
            at=at - self._origin,
            memory=now.rss,
            cpu=used / (at - then) if at > then else None,
            descriptors=now.descriptors,
            threads=now.threads,
        )

    def _work(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            began, used = time.monotonic(), time.thread_time()
            self.look()
            took = time.monotonic() - began
            pause = max(self._every, SPARING * (time.thread_time() - used), WAITING * took)
