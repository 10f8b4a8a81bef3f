"""Scenes from the corners: changes in the middle of things, combinations, and values that are odd. See twin_scenes."""

from __future__ import annotations

from links_harness import Road, falls_silent, read_exactly
from twin_scenes import Scene, after, ending, endings, refused, talk

from pytest_resilience.links.toxiproxy import Toxic

CORNERS: list[Scene] = []


def corner(play: Scene) -> Scene:
    CORNERS.append(play)
    return play


def change(road: Road, toxic: Toxic, **attributes: int) -> None:
    road.client.change_toxic(road.name, Toxic(toxic.name, toxic.type, toxic.stream, toxic.toxicity, attributes))


@corner
def a_latency_that_is_changed_lets_go_of_what_it_holds(road: Road) -> object:
    toxic = road.toxic("latency", latency=3000)
    client, service = road.connect()
    service.sendall(b"held")
    falls_silent(client, within=0.1)
    change(road, toxic, latency=100)
    released = after(lambda: read_exactly(client, 4), 0, 0.09)
    service.sendall(b"next")
    return released, after(lambda: read_exactly(client, 4), 0.08, 0.3)


@corner
def what_a_latency_holds_arrives_before_the_end(road: Road) -> object:
    road.toxic("latency", latency=150)
    client, service = road.connect()
    service.sendall(b"held")
    service.close()
    seen = []
    return after(lambda: seen.append(ending(client)), 0.12, 0.35), seen


@corner
def a_negative_latency_is_none(road: Road) -> object:
    road.toxic("latency", latency=-500)
    return after(lambda: talk(*road.connect()), 0, 0.15)


@corner
def what_a_bandwidth_holds_arrives_before_the_end(road: Road) -> object:
    road.toxic("bandwidth", rate=5)
    client, service = road.connect()
    service.sendall(b"x" * 1200)
    service.close()
    seen = []
    return after(lambda: seen.append(ending(client)), 0.18, 0.45), seen


@corner
def a_bandwidth_that_is_raised_works_at_once(road: Road) -> object:
    toxic = road.toxic("bandwidth", rate=1)
    client, service = road.connect()
    service.sendall(b"x" * 5000)
    falls_silent(client, within=0.05)
    change(road, toxic, rate=1000)
    return after(lambda: read_exactly(client, 5000), 0, 0.3)


@corner
def a_slow_close_that_is_changed_begins_anew(road: Road) -> object:
    toxic = road.toxic("slow_close", delay=300)
    client, service = road.connect()
    service.close()
    falls_silent(client, within=0.2)
    change(road, toxic, delay=300)
    return after(lambda: ending(client), 0.25, 0.5)


@corner
def two_slow_closes_add_up(road: Road) -> object:
    road.toxic("slow_close", delay=150)
    road.client.add_toxic(road.name, Toxic("second", "slow_close", attributes={"delay": 150}))
    client, service = road.connect()
    service.close()
    return after(lambda: ending(client), 0.27, 0.5)


@corner
def a_negative_slow_close_is_none(road: Road) -> object:
    road.toxic("slow_close", delay=-5)
    client, service = road.connect()
    service.close()
    return after(lambda: ending(client), 0, 0.1)


@corner
def a_timeout_hands_on_that_the_sender_has_closed(road: Road) -> object:
    road.toxic("timeout", timeout=0)
    client, service = road.connect()
    service.sendall(b"lost")
    service.close()
    return after(lambda: ending(client), 0, 0.1), ending(client)


@corner
def a_negative_timeout_never_closes(road: Road) -> object:
    road.toxic("timeout", timeout=-1)
    client, service = road.connect()
    service.sendall(b"lost")
    return falls_silent(client)


@corner
def a_timeout_that_toxicity_spared_closes_when_it_goes(road: Road) -> object:
    toxic = road.toxic("timeout", toxicity=0.0)
    client, service = road.connect()
    spoke = talk(client, service)
    road.remove(toxic)
    return spoke, endings(client, service)


@corner
def a_reset_peer_that_toxicity_spared_resets_at_the_close(road: Road) -> object:
    road.toxic("reset_peer", toxicity=0.0)
    client, service = road.connect()
    spoke = talk(client, service)
    service.close()
    return spoke, ending(client)


@corner
def a_reset_peer_that_has_gone_resets_at_the_close(road: Road) -> object:
    toxic = road.toxic("reset_peer")
    client, service = road.connect()
    road.remove(toxic)
    spoke = talk(client, service)
    client.close()
    return spoke, ending(service)


@corner
def a_reset_peer_takes_the_end_for_a_sign_of_life(road: Road) -> object:
    road.toxic("reset_peer", timeout=150)
    client, service = road.connect()
    service.close()
    seen = []
    return after(lambda: seen.append(ending(client)), 0.1, 0.35), seen


@corner
def disabled_under_a_reset_peer(road: Road) -> object:
    old = road.connect()
    road.toxic("reset_peer")
    new = road.connect()
    road.client.update(road.name, enabled=False)
    return endings(*old), endings(*new), refused(road)


@corner
def a_slicer_that_is_removed_lets_go_of_the_rest(road: Road) -> object:
    toxic = road.toxic("slicer", average_size=10, delay=1_000_000)
    client, service = road.connect()
    service.sendall(b"x" * 100)
    first = len(client.recv(1000))
    road.remove(toxic)
    return first, len(read_exactly(client, 94)), talk(client, service)


@corner
def a_slicer_without_delay_loses_nothing(road: Road) -> object:
    road.toxic("slicer", average_size=7, size_variation=3)
    client, service = road.connect()
    data = bytes(range(256)) * 40
    service.sendall(data)
    return read_exactly(client, len(data)) == data


@corner
def a_limit_that_is_never_reached(road: Road) -> object:
    road.toxic("limit_data", bytes=100)
    client, service = road.connect()
    spoke = talk(client, service)
    service.close()
    return spoke, ending(client)


@corner
def a_negative_limit(road: Road) -> object:
    road.toxic("limit_data", bytes=-5)
    client, service = road.connect()
    silent = falls_silent(client)
    service.sendall(b"x")
    return silent, ending(client)


@corner
def a_limit_is_counted_anew_on_each_connection_and_survives_its_like(road: Road) -> object:
    toxic = road.toxic("limit_data", bytes=6)
    seen = []
    for _ in range(2):
        client, service = road.connect()
        service.sendall(b"x" * 5)
        read_exactly(client, 5)
        change(road, toxic, bytes=6)
        service.sendall(b"x" * 5)
        seen.append(ending(client))
    return seen


@corner
def a_limit_that_is_removed_after_it_has_closed(road: Road) -> object:
    toxic = road.toxic("limit_data", bytes=1)
    client, service = road.connect()
    service.sendall(b"xx")
    seen = ending(client)
    road.remove(toxic)
    return seen, talk(*road.connect())


@corner
def a_limit_behind_a_slicer(road: Road) -> object:
    road.toxic("slicer", average_size=10, delay=10_000)
    road.toxic("latency", latency=50)
    road.client.add_toxic(road.name, Toxic("limit", "limit_data", attributes={"bytes": 20}))
    client, service = road.connect()
    service.sendall(b"x" * 100)
    return ending(client)


@corner
def a_noop_is_harmless_and_listed(road: Road) -> object:
    live = road.connect()
    toxic = road.toxic("noop")
    spoke = talk(*live), talk(*road.connect())
    names = [each.name for each in road.client.proxy(road.name).toxics]
    road.remove(toxic)
    return spoke, names, talk(*live)


@corner
def the_other_direction_is_untouched(road: Road) -> object:
    road.toxic("timeout", stream="downstream")
    client, service = road.connect()
    client.sendall(b"through")
    seen = after(lambda: read_exactly(service, 7), 0, 0.1)
    service.sendall(b"lost")
    return seen, falls_silent(client)


@corner
def many_bytes_through_a_chain_of_toxics(road: Road) -> object:
    for stream in ("upstream", "downstream"):
        road.toxic("latency", stream=stream, latency=20)
        road.toxic("noop", stream=stream)
        road.toxic("bandwidth", stream=stream, rate=10_000)
    client, service = road.connect()
    data = bytes(range(256)) * 512
    client.sendall(data)
    return read_exactly(service, len(data)) == data, talk(client, service, 100)
