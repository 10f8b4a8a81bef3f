"""A cluster: a primary and a standby that replicates it, one stable address, and the failover between the two.

What is the same for every kind of database is here: who is who, where the address leads to, and the order in which
a failover goes. How a standby is promoted, and how an old primary comes back as a standby, is each kind's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.service import Service
from pytest_resilience.timeline import Count, Receipt, current

Node = TypeVar("Node", bound=Service)


class Front(Protocol):
    """An address that stays, and can be led elsewhere; a link is one."""

    @property
    def url(self) -> str:
        """What clients connect to."""

    def point_at(self, other: Service) -> None:
        """Lead to another service from here on; connections to the one before are closed."""


class Cluster(Generic[Node]):
    """A primary, its standby, and an address that follows the primary.

    :param name: in messages, and in the names of its faults.
    :param primary: the service that takes writes at first; not started.
    :param standby: the one that is to replicate it; not started.
    :param front: puts the address that stays in front of a primary that runs.
    """

    def __init__(self, name: str, primary: Node, standby: Node, *, front: Callable[[Node], Front]) -> None:
        self.name = name
        self._nodes = (primary, standby)
        self._primary = primary
        self._make_front = front
        self._front: Front | None = None

    @property
    def nodes(self) -> tuple[Node, Node]:
        """Both services, in the order in which they were made; it does not change when they change places."""
        return self._nodes

    @property
    def primary(self) -> Node:
        """The service that takes writes now."""
        return self._primary

    @property
    def standby(self) -> Node:
        """The other one: the standby, or the old primary that has not come back as one yet."""
        return next(node for node in self._nodes if node is not self._primary)

    @property
    def url(self) -> str:
        """Where the primary is, whoever that is: the same for as long as the cluster lasts."""
        if self._front is None:
            raise UsageError(f"{self.name}: has no url before it was started; start() it first")
        return self._front.url

    def start(self) -> None:
        """Start both and return when the standby replicates.

        :raises ServiceNotReady: one of them did not become ready.
        :raises WaitTimeout: the standby does not replicate.
        """
        self._primary.start()
        self._begin(self.standby)
        self._await_whole()
        self._front = self._make_front(self._primary)

    def promote(self) -> float:
        """Make the standby the primary, lead `url` to it, and return the seconds until it took a write.

        The old primary is left as it is. One that is paused or cut off meanwhile comes back as a second primary that
        takes writes from whoever still reaches it: a split brain, as without fencing. `rejoin()` ends that.

        :raises ServiceStateError: there is no standby to promote.
        :raises WaitTimeout: it does not take writes.
        """
        began, standby = time.monotonic(), self.standby
        if not standby.running:
            raise ServiceStateError(
                f"{self.name}: cannot promote {standby.name}, it is not running; rejoin() brings it back as a standby"
            )
        self._must_be_standby(standby)
        self._promote(standby)
        took = time.monotonic() - began
        self._lead_to(standby)
        return took

    def rejoin(self) -> dict[str, Count]:
        """Make the old primary a standby of the new one, and return what it had that the new one never got.

        It is killed if it runs, and what it holds is replaced by a copy of the new primary's.

        :raises ServiceStateError: the new primary is not running, or the other one is its standby already.
        :raises ServiceNotReady: it did not come back.
        :raises WaitTimeout: it does not replicate.
        """
        if not self._primary.running:
            raise ServiceStateError(
                f"{self.name}: {self.standby.name} cannot rejoin, the primary {self._primary.name} is not running"
            )
        old = self.standby
        if old.running:
            if self._follows(old):
                raise ServiceStateError(f"{self.name}: {old.name} replicates {self._primary.name} already")
            self._ask_last(old)
            old.crash()
        lost = self._rejoin(old)
        self._await_whole()
        return lost

    @fault
    def failed_over(self, *, noticed_after: float = 0.0) -> Breakage:
        """Crash the primary and promote the standby; at the heal the old primary comes back as the new one's standby.

        It is in force when the new primary has taken a write and `url` leads to it, so the time without a primary is
        from the episode's `striking` to its `struck`, and in the body there is a primary without a standby. Receipt:
        processes killed, seconds until writes, what was lost, seconds the old primary took to come back.

        :param noticed_after: seconds until the primary's death is noticed, as a failover manager's time-out has it.
        :raises ServiceStateError: the cluster is not whole.
        """
        if not 0 <= noticed_after < float("inf"):
            raise UsageError(f"{self.name}.failed_over: noticed_after={noticed_after} has to be seconds, zero or more")
        old = self._primary
        self._must_be_whole()
        self._ask_last(old)
        began = time.monotonic()
        killed = old.crash()
        try:
            self._succeed(noticed_after)
        except BaseException:
            if self._primary is old:
                old.start()
            raise
        receipt = Receipt(processes_killed=killed, seconds_until_writes=time.monotonic() - began)
        yield receipt
        back = time.monotonic()
        receipt.note(**self.rejoin(), seconds_to_rejoin=time.monotonic() - back)

    def remove(self) -> None:
        """End both and leave nothing of them; their logs can still be read."""
        try:
            self.standby.remove()
        finally:
            self._primary.remove()

    def _succeed(self, noticed_after: float) -> None:
        """Give a cluster whose primary has just died another one."""
        threading.Event().wait(noticed_after)
        self.promote()

    def _lead_to(self, primary: Node) -> None:
        self._primary = primary
        if self._front is not None:
            self._front.point_at(primary)
        current().mark(f"{self.name}: {primary.name} is the primary")

    def _must_be_whole(self) -> None:
        for node in self._nodes:
            if not node.running:
                raise ServiceStateError(
                    f"{self.name}: {node.name} is not running, so there is nothing to fail over "
                    f"{'from' if node is self._primary else 'to'}; start() it, or rejoin() an old primary, first"
                )
        self._must_be_standby(self.standby)

    # Each kind's own

    def _ask_last(self, primary: Node) -> None:
        """Ask a primary that is about to be killed what cannot be found out later."""

    def _begin(self, standby: Node) -> None:
        """Start the standby for the first time."""
        raise NotImplementedError

    def _must_be_standby(self, node: Node) -> None:
        """Raise ServiceStateError if the node is not a standby."""
        raise NotImplementedError

    def _follows(self, standby: Node) -> bool:
        """Tell whether it replicates the primary, as it is meant to."""
        raise NotImplementedError

    def _promote(self, standby: Node) -> None:
        """Return when it has taken a write."""
        raise NotImplementedError

    def _rejoin(self, old: Node) -> dict[str, Count]:
        """Start what was the primary as a standby of the primary; return what was lost of it."""
        raise NotImplementedError

    def _await_whole(self) -> None:
        """Return when the standby replicates the primary, as it is meant to."""
        raise NotImplementedError

    def __repr__(self) -> str:
        where = "not started" if self._front is None else self._front.url
        return f"<{type(self).__name__} {self.name}: {where}, primary {self._primary!r}, other {self.standby!r}>"
