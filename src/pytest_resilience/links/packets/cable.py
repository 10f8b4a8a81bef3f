"""The cable: two network namespaces of our own with one pair of interfaces between them, and nothing else.

The process that makes it lives in it and keeps it alive: when that and the sockets made there are gone, so is the
cable, with its rules and limits, whatever way they went. Nothing on the host knows of it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pytest_resilience.links.packets import namespace
from pytest_resilience.links.packets.firewall import Dropped, Firewall, find_firewall
from pytest_resilience.links.packets.tools import ToolFailed, tool

# RFC 5737 keeps 192.0.2.0/24 for documentation: it is nobody's, so nothing can be mistaken for it.
CLIENTS, SERVICE = "192.0.2.1", "192.0.2.2"
# At which end packets of a direction arrive, and from which interface they leave.
_ARRIVE = {"upstream": "service", "downstream": "clients"}
_LEAVE = {"upstream": "clients", "downstream": "service"}
_MTU = 1500
_HZ = 100  # timer ticks per second that any kernel has at least: a bucket must hold what flows in one
_SENT = re.compile(r"dropped (\d+), overlimits (\d+)")


class NoCable(Exception):
    """This machine does not let us lay a cable; the message says why and what would allow it."""


class Cable:
    """Two ends, `clients` and `service`. Its maker is a process with one thread, which moves between them."""

    def __init__(self, ends: dict[str, int], firewall: Firewall) -> None:
        self._ends = ends
        self._firewall = firewall

    @classmethod
    def lay(cls) -> Cable:
        """Lay one and move this process into it.

        :raises NoCable: it is not allowed, or a program is missing.
        """
        if forbidden := namespace.isolate():
            raise NoCable(
                f"a network namespace of our own cannot be made here ({forbidden}); allow user namespaces (sysctl "
                "user.max_user_namespaces above 0; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; in Docker "
                "--security-opt seccomp=unconfined), or run as root with CAP_SYS_ADMIN and CAP_NET_ADMIN"
            )
        try:
            ends = {"clients": namespace.current()}
            namespace.another()
            ends["service"] = namespace.current()
            there = f"/proc/self/fd/{ends['clients']}"
            tool(
                "ip", "link", "add", "service", "type", "veth", "peer", "name", "clients", "netns", there,
                pass_fds=[ends["clients"]],
            )  # fmt: skip
            for end, address in (("clients", CLIENTS), ("service", SERVICE)):
                namespace.enter(ends[end])
                # One segment a packet: otherwise the kernel hands over 64 KB in one piece, to be lost as one.
                set_up = f"address add {address}/30 dev {end}\nlink set dev {end} mtu {_MTU} gso_max_segs 1 up\n"
                tool("ip", "-batch", "-", text=set_up)
        except (ToolFailed, OSError) as refusal:
            raise NoCable(
                f"a cable (veth) cannot be laid in a network namespace of our own: {refusal}; install iproute2 "
                "and have the kernel module veth"
            ) from refusal
        try:
            firewall = find_firewall()
        except ToolFailed as refusal:
            raise NoCable(
                f"nothing can drop packets in a network namespace of our own: {refusal}; install nftables, or iptables "
                "with the module xt_statistic"
            ) from refusal
        return cls(ends, firewall)

    @property
    def firewall(self) -> str:
        """What drops packets here: `nft` or `iptables`."""
        return self._firewall.name

    def socket(self, end: str) -> socket.socket:
        """Return a TCP socket of this end. It stays there, whoever it is given to."""
        namespace.enter(self._ends[end])
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def drop(self, name: str, share: float, directions: Sequence[str]) -> None:
        """Drop a share of the packets of these directions, until `mend` of the same name."""
        try:
            for direction in directions:
                namespace.enter(self._ends[_ARRIVE[direction]])
                self._firewall.strike(name, share)
                self._firewall.count(name)  # read back: it is in force
        except BaseException:
            with suppress(ToolFailed):  # the first failure is what has to be told
                self.mend(name, directions)
            raise

    def dropped(self, name: str, directions: Sequence[str]) -> Dropped:
        """Return what the rules of this name have met in these directions."""
        seen = dropped = 0
        for direction in directions:
            namespace.enter(self._ends[_ARRIVE[direction]])
            count = self._firewall.count(name)
            seen, dropped = seen + count.seen, dropped + count.dropped
        return Dropped(seen, dropped)

    def mend(self, name: str, directions: Sequence[str]) -> None:
        """Stop dropping; fine when nothing was dropped."""
        for direction in directions:
            namespace.enter(self._ends[_ARRIVE[direction]])
            self._firewall.heal(name)

    def narrow(self, rate: int, queue: float, directions: Sequence[str]) -> None:
        """Let at most `rate` bytes per second through; what waits longer than `queue` seconds is dropped."""
        for direction in directions:
            end = _LEAVE[direction]
            namespace.enter(self._ends[end])
            burst = max(2 * _MTU, rate // _HZ)
            tool(
                "tc", "qdisc", "replace", "dev", end, "root", "tbf",
                "rate", f"{rate * 8}bit", "burst", str(burst), "latency", f"{round(queue * 1_000_000)}us",
            )  # fmt: skip

    def held_back(self, directions: Sequence[str]) -> tuple[int, int]:
        """Return how many times the limit was met, and how many packets did not fit into its queue."""
        met = dropped = 0
        for direction in directions:
            end = _LEAVE[direction]
            namespace.enter(self._ends[end])
            for lost, over in _SENT.findall(tool("tc", "-s", "qdisc", "show", "dev", end)):
                met, dropped = met + int(over), dropped + int(lost)
        return met, dropped

    def widen(self, directions: Sequence[str]) -> None:
        """Lift the limit; fine when there is none."""
        for direction in directions:
            end = _LEAVE[direction]
            namespace.enter(self._ends[end])
            if "qdisc tbf" in tool("tc", "qdisc", "show", "dev", end):
                tool("tc", "qdisc", "del", "dev", end, "root")

    def retransmitted(self) -> dict[str, int]:
        """Return, of each direction, how many segments its sender has sent again since the cable was laid."""
        counts = {}
        for direction, end in _LEAVE.items():
            namespace.enter(self._ends[end])
            names, values = (
                line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
            )
            counts[direction] = int(values[names.index("RetransSegs")])
        return counts
