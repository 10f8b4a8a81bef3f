"""A count of the connections that the kernel refused for us while a proxy was disabled.

A port on which nobody listens answers by itself, and nobody is told. Two things know:

- a packet socket on the loopback interface sees each request to connect (a SYN) to the port. It
  needs the right CAP_NET_RAW, which root has; the filter runs in the kernel, so that only
  those packets come up;
- the kernel counts the attempts to connect that failed in this network namespace (`AttemptFails`),
  whichever port they were for. It is what is left without the right: never too low, maybe too high.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
from pathlib import Path

_SNMP = Path("/proc/net/snmp")
_SO_ATTACH_FILTER = 26
_EVERY_PROTOCOL = 0x0003


def _filter(port: int) -> bytes:
    """Return a classic BPF program that lets IPv4 packets pass that ask to connect to `port`."""
    code = [
        (0x30, 0, 0, 9),  # the protocol
        (0x15, 0, 8, socket.IPPROTO_TCP),
        (0x28, 0, 0, 6),  # a fragment?
        (0x45, 6, 0, 0x1FFF),
        (0xB1, 0, 0, 0),  # X = the length of the IP header
        (0x48, 0, 0, 2),  # the port it is for
        (0x15, 0, 3, port),
        (0x50, 0, 0, 13),  # the flags: SYN and no ACK
        (0x54, 0, 0, 0x12),
        (0x15, 1, 0, 0x02),
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFF),  # keep
    ]
    return b"".join(struct.pack("HBBI", *step) for step in code)


class Refusals:
    """Counts while it watches, and remembers in between.

    :ivar exact: whether all that was counted was counted on the port itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._counted = 0
        self._packets: socket.socket | None = None
        self._fails_before: int | None = None
        self.exact = True

    @property
    def count(self) -> int:
        """Connections refused so far."""
        self._drain()
        since = 0 if self._fails_before is None else attempt_fails() - self._fails_before
        return self._counted + since

    def watch(self, port: int) -> None:
        """Start to count what is refused at `port` on the loopback interface."""
        self.rest()
        try:
            packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        except (OSError, AttributeError):
            self.exact = False
            self._fails_before = attempt_fails()
            return
        program = ctypes.create_string_buffer(_filter(port))
        steps = len(program.raw) // 8
        packets.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", steps, ctypes.addressof(program)))
        packets.bind(("lo", _EVERY_PROTOCOL))  # only now does it see anything
        self._packets = packets
        self._loop.add_reader(packets.fileno(), self._drain)

    def rest(self) -> None:
        """Stop counting."""
        self._counted = self.count
        self._fails_before = None
        if self._packets is not None:
            self._loop.remove_reader(self._packets.fileno())
            self._packets.close()
            self._packets = None

    def _drain(self) -> None:
        while self._packets is not None:
            try:
                _, sender = self._packets.recvfrom(64)
            except BlockingIOError:
                return
            # On the loopback interface each packet passes twice: as it goes out and as it comes in.
            if sender[2] != socket.PACKET_OUTGOING:
                self._counted += 1


def attempt_fails() -> int:
    """Return how many attempts to connect have failed in this network namespace; 0 where nobody counts."""
    if not _SNMP.exists():
        return 0
    names, values = (line.split() for line in _SNMP.read_text().splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("AttemptFails")])
