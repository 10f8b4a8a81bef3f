"""Scenes of toxics, each of which plays in both directions where that makes a difference. See twin_scenes."""

from __future__ import annotations

import socket
import time

from links_harness import Road, falls_silent, read_exactly
from twin_scenes import Scene, after, ending, endings, talk

from pytest_resilience.links.toxiproxy import Toxic

TOXIC_SCENES: list[Scene] = []


def scene(play: Scene) -> Scene:
    TOXIC_SCENES.append(play)
    return play


def ends_of(road: Road, stream: str) -> tuple[socket.socket, socket.socket]:
    """Return a connection as (who sends in this direction, who receives)."""
    client, service = road.connect()
    return (client, service) if stream == "upstream" else (service, client)


def latency(stream: str) -> Scene:
    def play(road: Road) -> object:
        old_sender, old_receiver = ends_of(road, stream)
        toxic = road.toxic("latency", stream=stream, latency=150)
        seen = []
        for sender, receiver in ((old_sender, old_receiver), ends_of(road, stream)):
            sender.sendall(b"late")
            seen.append(after(lambda end=receiver: read_exactly(end, 4), 0.12, 0.3))
        sender.sendall(b"held")
        road.remove(toxic)
        released = after(lambda: read_exactly(receiver, 4), 0, 0.1)
        road.toxic("latency", stream=stream, latency=400)
        old_sender.close()
        return seen, released, after(lambda: ending(old_receiver), 0, 0.2)

    return play


@scene
def latencies_add_up_and_chunks_are_pipelined(road: Road) -> object:
    client, service = road.connect()
    road.toxic("latency", latency=100)
    road.client.add_toxic(road.name, Toxic("more", "latency", "downstream", 1.0, {"latency": 100}))
    begun = time.monotonic()
    service.sendall(b"1")
    falls_silent(client, within=0.05)
    service.sendall(b"2")
    moments = []
    for byte in (b"1", b"2"):
        assert read_exactly(client, 1) == byte
        moments.append(time.monotonic() - begun)
    return 0.19 < moments[0] < 0.3, moments[1] - moments[0] < 0.15


@scene
def an_empty_latency_passes(road: Road) -> object:
    road.toxic("latency")
    return talk(*road.connect())


def bandwidth(stream: str) -> Scene:
    def play(road: Road) -> object:
        road.toxic("bandwidth", stream=stream, rate=10)
        sender, receiver = ends_of(road, stream)
        sender.sendall(b"x" * 3500)
        begun = time.monotonic()
        sizes = []
        while sum(sizes) < 3500:
            sizes.append(len(receiver.recv(65536)))
        took = time.monotonic() - begun
        return sizes, 0.3 < took < 0.5

    return play


@scene
def a_bandwidth_of_zero_holds_until_it_goes(road: Road) -> object:
    client, service = road.connect()
    toxic = road.toxic("bandwidth", rate=0)
    service.sendall(b"held")
    silent = falls_silent(client)
    road.remove(toxic)
    return silent, read_exactly(client, 4), talk(client, service)


def slow_close(stream: str) -> Scene:
    def play(road: Road) -> object:
        toxic = road.toxic("slow_close", stream=stream, delay=250)
        sender, receiver = ends_of(road, stream)
        sender.sendall(b"data")
        data = after(lambda: read_exactly(receiver, 4), 0, 0.1)
        sender.close()
        slowly = after(lambda: ending(receiver), 0.2, 0.45)
        sender, receiver = ends_of(road, stream)
        sender.close()
        falls_silent(receiver, within=0.05)
        road.remove(toxic)
        return data, slowly, after(lambda: ending(receiver), 0, 0.12)

    return play


def timeout(stream: str) -> Scene:
    def play(road: Road) -> object:
        toxic = road.toxic("timeout", stream=stream, timeout=250)
        sender, receiver = ends_of(road, stream)
        sender.sendall(b"lost")
        falls_silent(receiver, within=0.15)
        sender.sendall(b"lost too, and begins the time anew")
        closed = after(lambda: ending(receiver), 0.2, 0.4)
        gone = endings(sender, receiver)
        idle = ends_of(road, stream)
        idle_closed = after(lambda: ending(idle[1]), 0.2, 0.4)
        road.remove(toxic)
        return closed, gone, idle_closed, talk(*road.connect())

    return play


@scene
def a_timeout_of_zero_swallows_and_closes_when_it_goes(road: Road) -> object:
    old = road.connect()
    toxic = road.toxic("timeout")
    new = road.connect()
    for _, service in (old, new):
        service.sendall(b"lost")
    old[0].sendall(b"up")
    seen = read_exactly(old[1], 2), [falls_silent(client) for client, _ in (old, new)]
    road.remove(toxic)
    return seen, endings(*old, *new)


@scene
def a_timeout_that_is_shortened_works_on_live_connections(road: Road) -> object:
    client, _ = road.connect()
    toxic = road.toxic("timeout")
    road.client.change_toxic(road.name, Toxic(toxic.name, "timeout", attributes={"timeout": 100}))
    return after(lambda: ending(client), 0.05, 0.3)


def reset_peer(stream: str) -> Scene:
    def play(road: Road) -> object:
        old = ends_of(road, stream)
        toxic = road.toxic("reset_peer", stream=stream, timeout=100)
        new, idle = ends_of(road, stream), ends_of(road, stream)
        seen = []
        for sender, receiver in (old, new):
            sender.sendall(b"sign of life")
            ends: list[tuple[int, str]] = []
            seen.append(after(lambda end=sender, ends=ends: ends.append(ending(end)), 0.05, 0.3))
            seen += [*ends, ending(receiver)]
        lived = falls_silent(idle[1])
        road.remove(toxic)
        spoke = talk(*idle)
        idle[0].close()
        return seen, lived, spoke, ending(idle[1])

    return play


def slicer(stream: str) -> Scene:
    def play(road: Road) -> object:
        road.toxic("slicer", stream=stream, average_size=10, delay=15_000)
        sender, receiver = ends_of(road, stream)
        sender.sendall(b"x" * 100)
        sizes = []
        while sum(sizes) < 100:
            sizes.append(len(receiver.recv(65536)))
        return sizes

    return play


def limit_data(stream: str) -> Scene:
    def play(road: Road) -> object:
        seen = []
        old = ends_of(road, stream)
        old[0].sendall(b"before")
        read_exactly(old[1], 6)
        toxic = road.toxic("limit_data", stream=stream, bytes=10)
        for sender, receiver in (old, ends_of(road, stream)):
            sender.sendall(b"x" * 4)
            read_exactly(receiver, 4)
            sender.sendall(b"x" * 20)
            seen += endings(receiver, sender)
        sender, receiver = ends_of(road, stream)
        sender.sendall(b"x" * 10)
        seen.append(ending(receiver))
        road.client.change_toxic(road.name, Toxic(toxic.name, "limit_data", stream, attributes={"bytes": 0}))
        sender, receiver = ends_of(road, stream)
        seen.append(falls_silent(receiver))
        sender.sendall(b"x")
        return [*seen, ending(receiver)]

    return play


@scene
def a_limit_that_is_lowered_below_the_count(road: Road) -> object:
    client, service = road.connect()
    toxic = road.toxic("limit_data", bytes=100)
    service.sendall(b"x" * 50)
    read_exactly(client, 50)
    road.client.change_toxic(road.name, Toxic(toxic.name, "limit_data", attributes={"bytes": 20}))
    still = falls_silent(client)
    service.sendall(b"more")
    return still, ending(client)


@scene
def a_toxicity_of_zero_never_works(road: Road) -> object:
    road.toxic("timeout", toxicity=0.0)
    road.toxic("latency", stream="upstream", toxicity=0.0, latency=2000)
    return [talk(*road.connect()) for _ in range(5)]


@scene
def toxics_that_were_put_on_while_disabled(road: Road) -> object:
    road.client.update(road.name, enabled=False)
    road.toxic("limit_data", bytes=3)
    road.client.update(road.name, enabled=True)
    client, service = road.connect()
    service.sendall(b"xxxxx")
    return ending(client)


@scene
def toxics_in_their_order(road: Road) -> object:
    road.toxic("limit_data", bytes=5)
    road.toxic("latency", latency=100)
    client, service = road.connect()
    service.sendall(b"x" * 9)
    seen = []
    return after(lambda: seen.append(ending(client)), 0.08, 0.3), seen


@scene
def a_reset_of_the_server(road: Road) -> object:
    road.toxic("timeout", stream="upstream")
    swallowed = road.connect()
    road.client.reset()
    slowed = road.connect()
    road.toxic("latency", latency=5000)
    slowed[1].sendall(b"held")
    falls_silent(slowed[0])
    road.client.reset()
    return endings(*swallowed), read_exactly(slowed[0], 4), talk(*slowed), road.client.proxy(road.name).toxics


for _make in (latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data):
    for _stream in ("upstream", "downstream"):
        _play = _make(_stream)
        _play.__name__ = f"{_make.__name__}_{_stream}"
        TOXIC_SCENES.append(_play)
