"""Clocks: the faults of a service that have to do with time: a clock that is wrong, a start that takes long."""

from __future__ import annotations

import http.client
import threading
import time
from email.utils import parsedate_to_datetime

from pytest_resilience.errors import FaultDidNotBite, ServiceNotReady, Unsupported, UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.services.checks import check_seconds
from pytest_resilience.services.faketime import is_sensible
from pytest_resilience.services.outages import STOP, Outages
from pytest_resilience.timeline import Receipt

# Seconds by which what is read may differ from what was set: date(1) and the Date header say whole seconds, of which
# servers keep the last one for a moment.
EXACT = 2.5
# A smaller offset cannot be told by whole seconds that may be old.
BY_HEADER = 10.0
PATIENCE = 2.0


class Clocks(Outages):
    """A service with a clock that can be set, and starts that can be drawn out."""

    def skewed(self, *, clock: float, optional: bool = False) -> Fault:
        """Run it with a clock that is wrong by `clock` seconds: as on a host whose clock is.

        It is restarted at the strike and at the heal, gracefully, for the clock of a running program cannot be set. Its
        time of day is wrong for it and all that it starts; the monotonic clock, and so its time-outs, stays right. This
        needs libfaketime, on this host or in the image; a program that does not take the time from the C library (a
        static one, Go's, musl's) cannot be had.

        The receipt has what was read back: the offset in seconds and who said it: Redis (`TIME`), Postgres
        (`clock_timestamp()`), the service's own `Date` header, or date(1) run as the service is.

        :param clock: seconds ahead of the host's clock; behind, if negative.
        :param optional: leave it alone, without an error, when it is not running.
        :raises UsageError: `clock` is no offset.
        """
        who = f"{self.name}.skewed"
        if not is_sensible(clock):
            raise UsageError(f"{who}: clock={clock!r} is no offset; pass seconds, such as 3600 or -0.5, and not 0")
        return Fault(who, lambda: self._skewed(clock, optional=optional))

    def slow_starting(self, seconds: float, *, optional: bool = False) -> Fault:
        """Draw out each start of it by so many seconds, in which it is not there yet: nothing listens at its port.

        Other faults make it start: `with service.slow_starting(2), service.killed(): ...` is down for 2 s longer. The
        time it is given to become ready begins when that is over. Receipt: starts held.

        :param seconds: for each start; one that is held at the heal is let go.
        :param optional: it may not be started.
        :raises UsageError: `seconds` cannot be meant.
        """
        who = f"{self.name}.slow_starting"
        check_seconds(who, "seconds", seconds, least=0.001)
        return Fault(who, lambda: self._held_back(seconds, optional=optional))

    def _own_clock(self) -> tuple[float, str] | None:
        """Return the Unix seconds that it says it is, and where it said so; None where it does not."""
        port = self._unit.spec.port
        if port is None or self._scheme != "http":
            return None
        connection = http.client.HTTPConnection(self.host, port, timeout=PATIENCE)
        try:
            connection.request("HEAD", "/", headers={"Connection": "close"})
            said = connection.getresponse().headers.get("Date")
        except (OSError, http.client.HTTPException):  # it does not speak HTTP
            return None
        finally:
            connection.close()
        return None if said is None else (parsedate_to_datetime(said).timestamp(), "its Date header")

    def _skewed(self, clock: float, *, optional: bool) -> Breakage:
        if self._absent("given another clock", optional=optional):
            yield Receipt(optional=True)
            return
        try:
            self._restart_with(clock)
            read, source = self._offset(clock)
            if abs(read - clock) > EXACT:
                raise FaultDidNotBite(
                    f"{self.name}: its clock was set {clock:+g} s off, and by {source} it is {read:+.2f} s off: it "
                    "does not take the time from the C library, as programs in Go do not"
                )
        except BaseException:
            self._restart_with(0)
            raise
        yield Receipt(optional=optional, clock_offset=read, read_from=source)
        self._restart_with(0)

    def _offset(self, clock: float) -> tuple[float, str]:
        before = time.time()
        own = self._own_clock()
        if own is None or (own[1] == "its Date header" and abs(clock) < BY_HEADER):
            before = time.time()
            own = self._unit.clock(), "date(1), run as it is"
        said, source = own
        return said - (before + time.time()) / 2, source

    def _restart_with(self, clock: float) -> None:
        self._unit.stop(STOP)
        self._unit.set_clock(clock)
        try:
            self.start()
        except ServiceNotReady as error:
            said = [line for line in self._logs_of_this_start().splitlines() if line.startswith("libfaketime:")]
            if not said:
                raise
            raise Unsupported(
                f"{self.name}: cannot be started with libfaketime ({said[0]}): an image that begins as root and goes "
                "on as another user cannot share what the library keeps; run it as that user from the start"
            ) from error

    def _held_back(self, seconds: float, *, optional: bool) -> Breakage:
        over = threading.Event()
        receipt = Receipt(optional=optional, starts_held=0)
        receipt.missed = "it was not started: restart it, or let another fault do that"
        held = 0

        def hold() -> None:
            nonlocal held
            held += 1
            receipt.note(starts_held=held)
            over.wait(seconds)

        before, self._hold = self._hold, hold
        yield receipt
        self._hold = before
        over.set()
