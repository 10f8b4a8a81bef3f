"""The connections of this network namespace as the kernel shows them, with the bytes that each has carried.

By way of sock_diag(7), which needs no rights: `struct inet_diag_req_v2` and `struct inet_diag_msg` of
<linux/inet_diag.h>, `struct tcp_info` of <linux/tcp.h>.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_INFO = 2  # INET_DIAG_INFO: a tcp_info comes along
_ESTABLISHED = 1 << 1
_CLOSE_WAIT = 1 << 8  # the peer has closed and this side has not
_HEAD = struct.Struct("=IHHII")
_MESSAGE = struct.Struct("=BBBB2s2s16s16s")  # family, state, timer, retransmits, ports, addresses
_MESSAGE_SIZE = 72
_CARRIED = struct.Struct("=QQ")
_CARRIED_AT = 120  # tcpi_bytes_acked, tcpi_bytes_received


class Ended(NamedTuple):
    """One end of a connection.

    :ivar peer: host and port of the other end.
    :ivar received: bytes from the peer.
    :ivar sent: bytes to the peer that it has acknowledged.
    """

    peer: tuple[str, int]
    received: int
    sent: int


def at_port(port: int, *, closing: bool = True) -> list[Ended]:
    """Return the connections whose own end has this port: those of a server that listens there.

    :param closing: also those that the peer has closed and the server has not.
    """
    states = _ESTABLISHED | (_CLOSE_WAIT if closing else 0)
    return [end for family in (socket.AF_INET, socket.AF_INET6) for end in _ask(family, port, states)]


def _ask(family: int, port: int, states: int) -> Iterator[Ended]:
    wanted = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 1 << _INFO - 1, 0, states)
    wanted += struct.pack(">H", port) + bytes(46)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(5)
        kernel.send(_HEAD.pack(_HEAD.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0) + wanted)
        while True:
            data = kernel.recv(1 << 16)
            at = 0
            while at + _HEAD.size <= len(data):
                size, kind, *_ = _HEAD.unpack_from(data, at)
                if kind in {_ERROR, _DONE}:
                    return
                yield _end(data[at + _HEAD.size : at + size])
                at += size + 3 & ~3


def _end(message: bytes) -> Ended:
    family, _, _, _, _, port, _, address = _MESSAGE.unpack_from(message)
    host = ipaddress.ip_address(address[:4] if family == socket.AF_INET else address)
    mapped = getattr(host, "ipv4_mapped", None)
    sent = received = 0
    at = _MESSAGE_SIZE
    while at + 4 <= len(message):
        size, kind = struct.unpack_from("=HH", message, at)
        if kind == _INFO and size >= 4 + _CARRIED_AT + _CARRIED.size:
            sent, received = _CARRIED.unpack_from(message, at + 4 + _CARRIED_AT)
        at += max(size, 4) + 3 & ~3
    return Ended((str(mapped or host), int.from_bytes(port, "big")), received, sent)
