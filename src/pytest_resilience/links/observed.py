"""A Toxiproxy that keeps no live counters, and what can be seen of it from outside.

The real server knows only, and only when a connection has ended, how many bytes it carried. What a receipt needs
besides comes from the kernel (which connections its port has, and what they have carried), from the server's log
where that is ours ("Accepted client"), and from the host's count of failed connects.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_resilience.links.server.refusals import attempt_fails
from pytest_resilience.links.toxiproxy import (
    DOWNSTREAM,
    UPSTREAM,
    ProxyState,
    RequestFailed,
    Stats,
    Touched,
    Toxic,
    Toxiproxy,
)
from pytest_resilience.measure.sockets import Ended, at_port

_METRIC = re.compile(
    r'^toxiproxy_proxy_received_bytes_total\{direction="(\w+)",.*proxy="((?:[^"\\]|\\.)*)",.*\} (\S+)$'
)
_ENDING = {"limit_data", "reset_peer", "slow_close", "timeout"}  # what these do shows in connections that end

Peer = tuple[str, int]


@dataclass
class _Found:
    """What was so when a toxic was put on."""

    toxic: Toxic
    known: set[Peer]
    live: dict[Peer, tuple[int, int]]
    totals: dict[str, int]


@dataclass
class _Watch:
    """What has been seen of one proxy.

    :ivar carried: all connections seen so far, with the bytes received from and sent to the client.
    :ivar live: those that were there at the last look.
    :ivar before: what the server had counted under this name before the proxy was made.
    """

    port: int
    before: dict[str, int]
    log_from: int
    carried: dict[Peer, tuple[int, int]] = field(default_factory=dict)
    live: set[Peer] = field(default_factory=set)
    totals: dict[str, int] = field(default_factory=lambda: {UPSTREAM: 0, DOWNSTREAM: 0})
    toxics: dict[str, _Found] = field(default_factory=dict)
    cut: int = 0
    refused: int = 0
    fails_before: int | None = None


class ObservedToxiproxy(Toxiproxy):
    """The client of such a server. Its `stats` are what was seen: never too much, and maybe too little.

    A connection counts as touched by a toxic that was in force while it carried bytes, either way, or ended.
    Chunks are not known. A connection that came and went between two looks is missed where there is no log; its bytes
    are not, where the server has `-proxy-metrics`. Refused connections are failed connects of the whole host.

    :param logs: returns the server's log; None where it is out of reach.
    :param look: returns the connections of a port.
    :param fails: returns how many connects have failed on this host.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float = 5.0,
        logs: Callable[[], str] | None = None,
        look: Callable[[int], list[Ended]] = at_port,
        fails: Callable[[], int] = attempt_fails,
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._logs = logs
        self._look = look
        self._fails = fails
        self._watches: dict[str, _Watch] = {}
        self._watching = threading.RLock()

    def create(self, name: str, *, listen: str, upstream: str, enabled: bool = True) -> ProxyState:
        """Make a proxy, and watch it from its beginning."""
        state = super().create(name, listen=listen, upstream=upstream, enabled=enabled)
        with self._watching:
            port = int(state.listen.rpartition(":")[2])
            self._watches[name] = _Watch(port, self._metered(name), len(self._log()))
        return state

    def update(
        self, name: str, *, listen: str | None = None, upstream: str | None = None, enabled: bool | None = None
    ) -> ProxyState:
        """Change what is given, and count what that cuts."""
        with self._watching:
            watch = self._seen(name)
            live = len(watch.live)
            was = self.proxy(name)
            state = super().update(name, listen=listen, upstream=upstream, enabled=enabled)
            if was.enabled and (not state.enabled or (state.listen, state.upstream) != (was.listen, was.upstream)):
                watch.cut += live
            if was.enabled and not state.enabled:
                watch.fails_before = self._fails()
            elif state.enabled and watch.fails_before is not None:
                watch.refused += self._fails() - watch.fails_before
                watch.fails_before = None
            watch.port = int(state.listen.rpartition(":")[2])
        return state

    def delete(self, name: str) -> None:
        """Remove a proxy, and forget it."""
        super().delete(name)
        with self._watching:
            self._watches.pop(name, None)

    def add_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Put a toxic on, and take note of what there is."""
        with self._watching:
            watch = self._seen(proxy)
            live = {peer: watch.carried[peer] for peer in watch.live}
            found = _Found(toxic, set(watch.carried), live, dict(watch.totals))
        added = super().add_toxic(proxy, toxic)
        with self._watching:
            watch.toxics[toxic.name] = found
        return added

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic off."""
        super().remove_toxic(proxy, name)
        with self._watching:
            self._seen(proxy).toxics.pop(name, None)

    def stats(self, proxy: str) -> Stats:
        """Return what has been seen at a proxy."""
        with self._watching:
            watch = self._seen(proxy)
            since = 0 if watch.fails_before is None else self._fails() - watch.fails_before
            return Stats(
                accepted=len(watch.carried),
                open=len(watch.live),
                unreached=0,
                cut=watch.cut,
                refused=watch.refused + since,
                refused_exactly=False,
                bytes_up=watch.totals[UPSTREAM],
                chunks_up=0,
                bytes_down=watch.totals[DOWNSTREAM],
                chunks_down=0,
                toxics={name: _touched(found, watch) for name, found in watch.toxics.items()},
            )

    def _seen(self, name: str) -> _Watch:
        """Look at a proxy, and return all that has been seen of it."""
        watch = self._watches.get(name)
        if watch is None:  # it was made by somebody else
            port = int(self.proxy(name).listen.rpartition(":")[2])
            watch = self._watches[name] = _Watch(port, self._metered(name), len(self._log()))
        ended = self._metered(name)  # before the look: a connection that ends in between is in neither, not in both
        ends = self._look(watch.port) if watch.port else []
        for peer in self._accepted(name, watch):
            watch.carried.setdefault(peer, (0, 0))
        watch.live = {end.peer for end in ends}
        watch.carried.update({end.peer: (end.received, end.sent) for end in ends})
        for side, direction in enumerate((UPSTREAM, DOWNSTREAM)):
            gone = ended.get(direction, 0) - watch.before.get(direction, 0)
            total = gone + sum((end.received, end.sent)[side] for end in ends)
            watch.totals[direction] = max(watch.totals[direction], total)
        return watch

    def _log(self) -> str:
        return "" if self._logs is None else self._logs()

    def _accepted(self, name: str, watch: _Watch) -> list[Peer]:
        """Return the clients that the log has named since the last look."""
        text = self._log()
        complete = text.rfind("\n") + 1
        lines = text[watch.log_from : complete].splitlines()
        watch.log_from = max(watch.log_from, complete)
        peers = []
        for line in lines:
            if '"Accepted client"' in line and (entry := json.loads(line)).get("name") == name:
                host, _, port = entry["client"].rpartition(":")
                peers.append((host.strip("[]"), int(port)))
        return peers

    def _metered(self, name: str) -> dict[str, int]:
        """Return the bytes of the connections that have ended, by direction; nothing where the server does not say."""
        try:
            page = self.page("/metrics")
        except RequestFailed as failure:
            if failure.status == 404:
                return {}
            raise
        counts: dict[str, int] = {}
        for match in filter(None, map(_METRIC.match, page.splitlines())):
            if match[2] == name:  # names of links need no escapes
                counts[match[1]] = counts.get(match[1], 0) + int(float(match[3]))
        return counts


def _touched(found: _Found, watch: _Watch) -> Touched:
    """Return what a toxic had in its hands, as far as can be seen."""
    moved = sum(watch.carried[peer] != found.live.get(peer, (0, 0)) for peer in watch.live)
    ended = sum(peer in found.live or peer not in found.known for peer in watch.carried.keys() - watch.live)
    direction = found.toxic.stream.lower()
    return Touched(
        connections=moved + ended,
        bytes=watch.totals[direction] - found.totals[direction],
        closed=ended if found.toxic.type in _ENDING else 0,
    )
