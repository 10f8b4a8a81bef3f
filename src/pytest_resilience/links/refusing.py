"""Refusing: a road that is down, for as long as it takes or by turns."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from random import Random

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.links.receipt import LiveReceipt
from pytest_resilience.links.road import Road
from pytest_resilience.links.scope import seconds
from pytest_resilience.links.toxiproxy import Stats, Toxiproxy
from pytest_resilience.timeline import Count

_SHORTEST = 0.001  # seconds


def durations(seed: str, up: float, down: float, jitter: float) -> Iterator[float]:
    """Yield how long each turn lasts, in seconds, without end: down, up, down, ..."""
    random = Random(f"{seed}/flapping")
    while True:
        for each in (down, up):
            yield each * (1 + random.uniform(-jitter, jitter))


class Turns:
    """A thread that takes a proxy up and down by turns until it is told to stop.

    :param lasting: how long each turn lasts; the first one is down.
    """

    def __init__(self, client: Toxiproxy, name: str, lasting: Iterator[float]) -> None:
        self._client = client
        self._name = name
        self._lasting = lasting
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"flapping {name}", daemon=True)
        self.downs = 1  # it is down when the turns begin

    def start(self) -> None:
        """Begin with the proxy down."""
        self._thread.start()

    def stop(self) -> None:
        """End the turns, wherever they are; raise what went wrong in them."""
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._turn()
        except Exception as failure:  # noqa: BLE001  it is raised in the thread of the test, by stop
            self._failure = failure

    def _turn(self) -> None:
        moment = time.monotonic()
        up = False
        for lasting in self._lasting:
            moment += lasting
            if self._over.wait(max(0.0, moment - time.monotonic())):
                return
            up = not up
            self._client.update(self._name, enabled=up)
            self.downs += not up


class Refusing(Road):
    """The faults in which connections are closed and refused as a whole."""

    def flapping(self, *, up: float, down: float, jitter: float = 0.0, optional: bool = False) -> Fault:
        """Take the road down and up by turns: connections are closed and new ones refused while it is down.

        It begins with down, and is up once it is healed. Receipt: times down, connections cut, connections refused.

        :param up: seconds that it stays up each time; `down`: seconds that it stays down.
        :param jitter: each of these is drawn from ± this share of it (0–1), the same for the same seed.
        :param optional: it may touch nothing; that it was down counts for nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.flapping"
        for name, value in (("up", up), ("down", down)):
            seconds(who, name, value, unit=_SHORTEST, least=1)
        if not isinstance(jitter, int | float) or not 0 <= jitter < 1:
            raise UsageError(f"{who}: jitter={jitter!r} must be a share, from 0 and below 1")
        return Fault(who, lambda: self._by_turns(who, up, down, jitter, optional=optional))

    def _down(self, who: str, *, optional: bool) -> Fault:
        return Fault(who, lambda: self._refusing(who, optional=optional))

    def _refusing(self, who: str, *, optional: bool) -> Breakage:
        with self._disabled(who) as (before, struck):
            receipt = LiveReceipt(lambda: _counts(before, struck, self._client.stats(self.name)), optional=optional)
            yield receipt
            receipt.settle()

    def _by_turns(self, who: str, up: float, down: float, jitter: float, *, optional: bool) -> Breakage:
        with self._disabled(who) as (before, struck):
            lasting = durations(f"{self._seed}/{self.name}", up, down, jitter)
            turns = Turns(self._client, self.name, lasting)

            def read() -> Mapping[str, Count]:
                touched = _counts(before, struck, self._client.stats(self.name))
                return {**({"times_down": turns.downs} if any(touched.values()) else {}), **touched}

            turns.start()
            with ExitStack() as ending:
                ending.callback(turns.stop)
                receipt = LiveReceipt(read, optional=optional)
                yield receipt
            receipt.settle()

    @contextmanager
    def _disabled(self, who: str) -> Iterator[tuple[Stats, Stats]]:
        """Take it down for as long as it lasts; give what had happened at it before and just after that."""
        if not self._opened:
            raise UsageError(f"{who}: the link is not open yet, so nothing can be cut; open() it first")
        before = self._client.stats(self.name)
        with ExitStack() as healing:
            healing.callback(self._client.update, self.name, enabled=True)
            self._client.update(self.name, enabled=False)
            self._must_refuse(who)
            yield before, self._client.stats(self.name)  # the attempt that was just made is not the service's

    def _must_refuse(self, who: str) -> None:
        try:
            socket.create_connection((self.host, self.port), timeout=self._client.timeout).close()
        except ConnectionRefusedError:
            return
        raise FaultDidNotBite(f"{who}: {self.address} still accepts connections")


def _counts(before: Stats, struck: Stats, now: Stats) -> dict[str, Count]:
    refused = "connections_refused" if struck.refused_exactly else "connects_failed_on_host"
    return {"connections_cut": now.cut - before.cut, refused: now.refused - struck.refused}
