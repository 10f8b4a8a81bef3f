"""The clerk: the process that lives in the cable, hands out its sockets, and does to it what it is asked.

It has two lines. On `control` the test asks, one JSON object a line, and is answered the same way. On `relay`
each byte asks for one more socket of the clients' end, which is sent as a descriptor; what the clerk sends there
unasked is a new target, and the relay says the same letter back. It ends when either line does, and the cable with it.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

from pytest_resilience.links.packets.cable import SERVICE, Cable, NoCable
from pytest_resilience.links.packets.tools import ToolFailed

Request: TypeAlias = Mapping[str, object]
SOCKET, LISTENER, TARGET = b"s", b"l", b"t"
_BACKLOG = 1024


class Clerk:
    """Does what is asked of the cable."""

    def __init__(self, cable: Cable, relay: socket.socket) -> None:
        self._cable = cable
        self._relay = relay
        self._acts: dict[str, Callable[[Request], Mapping[str, object]]] = {
            "drop": self._drop,
            "dropped": self._dropped,
            "mend": self._mend,
            "narrow": self._narrow,
            "held_back": self._held_back,
            "widen": self._widen,
            "retransmitted": lambda _: self._cable.retransmitted(),
            "target": self._target,
        }

    def answer(self, line: bytes) -> bytes:
        """Return the answer to one line."""
        try:
            request: Request = json.loads(line)
            answer: Mapping[str, object] = self._acts[str(request["do"])](request)
        except (ToolFailed, OSError, LookupError, TypeError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}" if not isinstance(error, ToolFailed) else str(error)}
        return json.dumps(answer).encode() + b"\n"

    def hand_out(self, count: int) -> None:
        """Send the relay sockets of the clients' end."""
        for _ in range(count):
            with self._cable.socket("clients") as one:
                socket.send_fds(self._relay, [SOCKET], [one.fileno()])

    def hand_out_listener(self) -> None:
        """Send the relay the socket at which the service's end listens."""
        with self._cable.socket("service") as one:
            one.bind((SERVICE, 0))
            one.listen(_BACKLOG)
            socket.send_fds(self._relay, [LISTENER], [one.fileno()])

    def _drop(self, request: Request) -> dict[str, object]:
        self._cable.drop(str(request["name"]), float(str(request["share"])), _directions(request))
        return {}

    def _dropped(self, request: Request) -> dict[str, object]:
        return dict(self._cable.dropped(str(request["name"]), _directions(request))._asdict())

    def _mend(self, request: Request) -> dict[str, object]:
        self._cable.mend(str(request["name"]), _directions(request))
        return {}

    def _narrow(self, request: Request) -> dict[str, object]:
        self._cable.narrow(int(str(request["rate"])), float(str(request["queue"])), _directions(request))
        return {}

    def _held_back(self, request: Request) -> dict[str, object]:
        met, dropped = self._cable.held_back(_directions(request))
        return {"met": met, "dropped": dropped}

    def _widen(self, request: Request) -> dict[str, object]:
        self._cable.widen(_directions(request))
        return {}

    def _target(self, request: Request) -> dict[str, object]:
        self._relay.sendall(TARGET + str(request["address"]).encode())
        while (heard := self._relay.recv(64)) and heard != TARGET:  # it has asked for sockets before it has heard
            self.hand_out(len(heard))
        return {}


def serve(control: socket.socket, relay: socket.socket, port: int) -> None:
    """Lay the cable, say so (or why not), and serve both lines until one of them ends.

    :param port: where the relay listens for clients, to be told on `control`.
    """
    try:
        cable = Cable.lay()
    except NoCable as refusal:
        control.sendall(json.dumps({"refused": str(refusal)}).encode() + b"\n")
        return
    clerk = Clerk(cable, relay)
    clerk.hand_out_listener()
    control.sendall(json.dumps({"port": port, "firewall": cable.firewall}).encode() + b"\n")
    with control.makefile("rb") as lines, suppress(ConnectionError):  # whoever was there is gone, and so are we
        while True:
            ready, _, _ = select.select([control, relay], [], [])
            if relay in ready:
                wanted = relay.recv(64)
                if not wanted:
                    return
                clerk.hand_out(len(wanted))
            if control in ready:
                # One question at a time is asked, so nothing of a second one waits in the reader.
                line = lines.readline()
                if not line:
                    return
                control.sendall(clerk.answer(line))


def _directions(request: Request) -> list[str]:
    directions = request["directions"]
    if not isinstance(directions, list):
        raise TypeError(f"directions={directions!r} is no list")
    return [str(direction) for direction in directions]
