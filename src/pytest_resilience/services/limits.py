"""Limits: the faults of a service that let it have less than it needs, inside its own bounds and nobody else's.

Each limit is read back when it is set. What happened at it is counted by the kernel where the kernel counts, and
watched for where it does not; a limit that was not reached is no fault, and raises `FaultDidNotBite`.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from pathlib import Path

from pytest_resilience.errors import FaultDidNotBite, ServiceNotReady, UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.services.backend import Curb, Limit, Volume
from pytest_resilience.services.tended import Tended
from pytest_resilience.timeline import Receipt

_WORDS: dict[Limit, str] = {"memory": "memory", "descriptors": "fds", "disk": "disk", "cpu": "cpu"}
_LEAST_CPU = 0.01  # processors: the kernel gives no less than a thousandth of a second in each tenth


class Limits(Tended):
    """A service that can be given less than it needs."""

    def capped(
        self, *, memory: int | None = None, fds: int | None = None, disk: int | None = None, optional: bool = False
    ) -> Fault:
        """Let it have no more than so much memory, so many open descriptors, so much in its own disk.

        Give one or several. At the heal they are lifted, and the service is started again if it has ended.
        Receipt, for each: the limit as it was read back, what holds it, and what happened at it.

        :param memory: bytes, resident memory as `usage().rss` has it. Beyond it the kernel's out-of-memory killer
            takes a process of this service; where no control group can be made, allocations fail instead.
        :param fds: descriptors that each of its processes may have open. Those that are open stay open.
        :param disk: bytes that may be in the disk that `service(..., disk=SIZE)` or `on_disk(SIZE)` gave it; see
            `disk_used`.
        :param optional: it need not be reached, nor the service be running.
        :raises UsageError: none is given, or one cannot be meant. When it is struck, also: more is in use already,
            or it has no disk.
        """
        given: dict[Limit, int | None] = {"memory": memory, "descriptors": fds, "disk": disk}
        wanted = {limit: value for limit, value in given.items() if value is not None}
        if not wanted:
            raise UsageError(f"{self.name}.capped() caps nothing; pass memory=BYTES, fds=NUMBER or disk=BYTES")
        for limit, value in wanted.items():
            least = 0 if limit == "disk" else 1
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"{self.name}.capped({_WORDS[limit]}={value!r}): pass a whole number, {least} or more")
        return Fault(f"{self.name}.capped", lambda: self._curbed("capped", dict(wanted), optional=optional))

    def throttled(self, cpu: float, *, optional: bool = False) -> Fault:
        """Let it have only a share of a processor.

        Receipt: the share as it was read back, what holds it, and how often and how long it had to wait; where no
        control group can be made, the processors that it used instead.

        :param cpu: processors that all of it may use together: 0.1 is a tenth of one. From 0.01 up.
        :param optional: it need not be made to wait, nor the service be running.
        :raises UsageError: the share is none of this machine's.
        """
        most = os.cpu_count() or 1
        number = isinstance(cpu, (int, float)) and not isinstance(cpu, bool) and math.isfinite(cpu)
        if not number or not _LEAST_CPU <= cpu < most:
            raise UsageError(
                f"{self.name}.throttled(cpu={cpu!r}): pass processors, from {_LEAST_CPU} to below the {most} there are"
            )
        return Fault(f"{self.name}.throttled", lambda: self._curbed("throttled", {"cpu": cpu}, optional=optional))

    @property
    def disk(self) -> Path:
        """The directory on this host that is its own disk, to look at what it has written.

        :raises UsageError: it has none.
        """
        return self._volume().source

    @property
    def disk_used(self) -> int:
        """How many bytes are in its own disk.

        :raises UsageError: it has none.
        """
        return self._volume().space().used

    def _volume(self) -> Volume:
        volume = self._unit.spec.volume
        if volume is None:
            raise UsageError(
                f"{self.name}: has no disk of its own; start it with service(..., disk=SIZE), or call on_disk(SIZE)"
            )
        return volume

    def _curbed(self, verb: str, wanted: dict[Limit, float], *, optional: bool) -> Breakage:
        if self._absent(verb, optional=optional):
            yield Receipt(optional=True)
            return
        self._must_have_room(wanted)
        curbs: dict[Limit, Curb] = {}
        receipt = Receipt(optional=optional)
        with ExitStack() as struck:
            for limit, value in wanted.items():
                curbs[limit] = self._unit.curb(limit, value)
                struck.callback(curbs[limit].lift)
                self._must_hold(verb, limit, value, curbs[limit], receipt)
            lifts = struck.pop_all()
        yield receipt
        try:
            # The last one first, and each after it was asked: what it counts may go with it.
            lifts.close()
        finally:
            for curb in curbs.values():
                receipt.note(**curb.met())
            self._come_back()
        unmet = [f"{_WORDS[limit]}={wanted[limit]}" for limit, curb in curbs.items() if not curb.reached]
        receipt.unreached = f"never reached {', '.join(unmet)}" if unmet else ""

    def _come_back(self) -> None:
        try:
            self._bring_back()
        except ServiceNotReady:
            if self.running:
                raise
            self.start()  # what the kernel has killed a part of was about to end when it was looked at

    def _must_have_room(self, wanted: dict[Limit, float]) -> None:
        if "memory" in wanted and wanted["memory"] <= (held := self.usage().rss):
            raise UsageError(
                f"{self.name}.capped(memory={wanted['memory']}): it has {held} bytes already and would be killed at "
                "once; pass more, or use killed()"
            )

    def _must_hold(self, verb: str, limit: Limit, value: float, curb: Curb, receipt: Receipt) -> None:
        read, word = curb.read(), _WORDS[limit]
        receipt.note(**{f"{word}_limit": read if limit == "cpu" else int(read), f"{word}_limited_by": curb.means})
        # The kernel keeps memory and disk by the page.
        grain = {"memory": 4096, "disk": 4096, "descriptors": 0, "cpu": 0.001}[limit]
        if abs(read - value) > grain:
            raise FaultDidNotBite(
                f"{self.name}.{verb}({word}={value}): set by {curb.means}, and {read} is read back; something else "
                "limits it at the same time"
            )
