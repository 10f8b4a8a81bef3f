"""Scenes of the data plane: each plays on one road and returns what was to be seen, coarse in time and exact in bytes.

The same scene is played on the embedded server and on the real one, and what was seen has to be the same.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

from links_harness import Road, read_exactly

Scene = Callable[[Road], object]
SCENES: list[Scene] = []


def scene(play: Scene) -> Scene:
    SCENES.append(play)
    return play


def ending(sock: socket.socket) -> tuple[int, str]:
    """Return how many bytes still come, and how the stream ends."""
    count = 0
    try:
        while part := sock.recv(65536):
            count += len(part)
    except ConnectionResetError:
        return count, "reset"
    except TimeoutError:
        return count, "open"
    return count, "closed"


def endings(*socks: socket.socket) -> list[tuple[int, str]]:
    return [ending(sock) for sock in socks]


def after(act: Callable[[], object], low: float, high: float) -> str:
    """Return whether something took between `low` and `high` seconds; what it took if not."""
    begun = time.monotonic()
    act()
    took = time.monotonic() - begun
    return "in time" if low <= took <= high else f"took {took:.3f}"


def talk(client: socket.socket, service: socket.socket, size: int = 5) -> tuple[bytes, bytes]:
    client.sendall(b"q" * size)
    asked = read_exactly(service, size)
    service.sendall(b"a" * size)
    return asked, read_exactly(client, size)


def abort(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def refused(road: Road) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", road.port)) != 0


@scene
def bytes_go_through_unharmed(road: Road) -> object:
    client, service = road.connect()
    data = bytes(range(256)) * 2048
    client.sendall(data[:65536])
    up = read_exactly(service, 65536) == data[:65536]
    service.sendall(data[:200_000])
    return up, read_exactly(client, 200_000) == data[:200_000], talk(client, service)


@scene
def a_client_that_closes(road: Road) -> object:
    client, service = road.connect()
    client.sendall(b"last words")
    client.close()
    return read_exactly(service, 10), ending(service)


@scene
def a_service_that_closes(road: Road) -> object:
    client, service = road.connect()
    service.sendall(b"last words")
    service.close()
    return read_exactly(client, 10), ending(client)


@scene
def a_client_that_shuts_its_half(road: Road) -> object:
    client, service = road.connect()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    return read_exactly(service, 8), endings(service, client)


@scene
def a_client_that_resets(road: Road) -> object:
    client, service = road.connect()
    talk(client, service)
    abort(client)
    return ending(service)


@scene
def a_service_that_resets(road: Road) -> object:
    client, service = road.connect()
    talk(client, service)
    abort(service)
    return ending(client)


@scene
def a_service_that_is_not_there(road: Road) -> object:
    road.service.close()
    with socket.create_connection(("127.0.0.1", road.port), timeout=5) as client:
        return ending(client)


@scene
def disabled_and_enabled(road: Road) -> object:
    old = road.connect()
    talk(*old)
    road.client.update(road.name, enabled=False)
    cut, down = endings(*old), refused(road)
    state = road.client.update(road.name, enabled=True)
    return cut, down, state.listen == road.listen, talk(*road.connect())


@scene
def deleted(road: Road) -> object:
    old = road.connect()
    road.client.delete(road.name)
    return endings(*old), refused(road)


@scene
def moved_to_another_upstream(road: Road) -> object:
    old = road.connect()
    with socket.create_server(("127.0.0.1", 0)) as other:
        road.client.update(road.name, upstream="{}:{}".format(*other.getsockname()))
        cut = endings(*old)
        with socket.create_connection(("127.0.0.1", road.port), timeout=5) as client, other.accept()[0] as service:
            return cut, talk(client, service)


@scene
def an_update_that_changes_nothing(road: Road) -> object:
    old = road.connect()
    road.client.update(road.name, upstream=road.upstream, listen=road.listen, enabled=True)
    return talk(*old)
