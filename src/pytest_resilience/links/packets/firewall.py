"""The firewall of one end of the cable: drops a share of the packets that arrive there, and counts them.

Packets are dropped where they arrive, not where they leave: a sender that is told at once that its packet did
not go (as a rule for outgoing packets tells it) does not retransmit as one does whose packet was lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol

from pytest_resilience.links.packets.tools import ToolFailed, tool

_MILLION = 1_000_000
_COUNTER = re.compile(r"counter packets (\d+)")


class Dropped(NamedTuple):
    """What rules have met: packets that arrived, and of these the ones that were dropped."""

    seen: int
    dropped: int


class Firewall(Protocol):
    """What can drop packets. Rules are held under names; all methods raise `ToolFailed`."""

    name: str

    def strike(self, name: str, share: float) -> None:
        """From now on drop this share of the packets that arrive."""

    def count(self, name: str) -> Dropped:
        """Return what the rule of this name has met."""

    def heal(self, name: str) -> None:
        """Take the rule away; fine when it is not there."""


class Nft:
    """nftables: one table a name. The choice of each packet is by the kernel's own random numbers."""

    name = "nft"

    def strike(self, name: str, share: float) -> None:
        """See `Firewall`."""
        chosen = "" if share >= 1 else f"numgen random mod {_MILLION} < {round(share * _MILLION)} "
        script = (
            f"table ip {name} {{\n"
            "chain drops {\n"
            "type filter hook input priority -10; policy accept;\n"
            f"counter\n{chosen}counter drop\n"
            "}\n}\n"
        )
        tool("nft", "-f", "-", text=script)

    def count(self, name: str) -> Dropped:
        """See `Firewall`."""
        seen, dropped = map(int, _COUNTER.findall(tool("nft", "list", "table", "ip", name)))
        return Dropped(seen, dropped)

    def heal(self, name: str) -> None:
        """See `Firewall`."""
        _unless_absent(lambda: tool("nft", "delete", "table", "ip", name))


class Iptables:
    """iptables with its statistic module, where there is no nft: one chain a name."""

    name = "iptables"

    def strike(self, name: str, share: float) -> None:
        """See `Firewall`."""
        chosen = () if share >= 1 else ("-m", "statistic", "--mode", "random", "--probability", f"{share:.6f}")
        tool("iptables", "-w", "-N", name)
        tool("iptables", "-w", "-A", name)
        tool("iptables", "-w", "-A", name, *chosen, "-j", "DROP")
        tool("iptables", "-w", "-I", "INPUT", "-j", name)

    def count(self, name: str) -> Dropped:
        """See `Firewall`."""
        rules = tool("iptables", "-w", "-L", name, "-v", "-x", "-n").splitlines()[2:]
        seen, dropped = (int(rule.split()[0]) for rule in rules)
        return Dropped(seen, dropped)

    def heal(self, name: str) -> None:
        """See `Firewall`."""
        for words in (("-D", "INPUT", "-j", name), ("-F", name), ("-X", name)):
            _unless_absent(lambda words=words: tool("iptables", "-w", *words))  # type: ignore[misc]


def find_firewall() -> Firewall:
    """Return what can drop packets in this network namespace, as tried.

    :raises ToolFailed: nothing can; the message says why not.
    """
    refusals = []
    firewalls: tuple[Firewall, ...] = (Nft(), Iptables())
    for firewall in firewalls:
        try:
            firewall.strike("trial", 0.5)
            firewall.count("trial")
            firewall.heal("trial")
        except (ToolFailed, ValueError) as refusal:
            refusals.append(str(refusal))
        else:
            return firewall
    raise ToolFailed("; ".join(refusals))


def _unless_absent(act: Callable[[], object]) -> None:
    try:
        act()
    except ToolFailed as refusal:
        if not re.search(r"No such file|No chain|does not exist|Bad rule", str(refusal)):
            raise
