"""A proxy's life: disabling and enabling, new addresses, an upstream that is not there, and its counters."""

from __future__ import annotations

import socket

import pytest
from links_harness import Server, is_closed, read_exactly


def dial(road) -> socket.socket:
    return socket.create_connection(("127.0.0.1", road.port), timeout=5)


def test_disabling_closes_connections_and_refuses_new_ones(road):
    client, service = road.connect()
    road.client.update(road.name, enabled=False)
    assert is_closed(client)
    assert is_closed(service)
    with pytest.raises(ConnectionRefusedError):
        dial(road)
    stats = road.stats()
    assert (stats.cut, stats.open) == (1, 0)


def test_enabling_listens_at_the_same_port_again(road):
    road.client.update(road.name, enabled=False)
    assert road.client.update(road.name, enabled=True).listen == road.listen
    client, service = road.connect()
    client.sendall(b"again")
    assert read_exactly(service, 5) == b"again"


def test_refusals_are_counted_while_disabled_and_kept_after(road, until):
    def refuse(times: int) -> None:
        for _ in range(times):
            with pytest.raises(ConnectionRefusedError):
                dial(road)

    road.client.update(road.name, enabled=False)
    refuse(3)
    stats = road.stats()
    assert stats.refused == 3 if stats.refused_exactly else stats.refused >= 3
    road.client.update(road.name, enabled=True)
    road.connect()
    assert road.stats().refused == stats.refused
    road.client.update(road.name, enabled=False)
    refuse(2)
    assert road.stats().refused >= 5


def test_an_update_with_the_same_addresses_touches_no_connection(road):
    client, service = road.connect()
    road.client.update(road.name, listen=road.listen, upstream=road.upstream, enabled=True)
    client.sendall(b"alive")
    assert read_exactly(service, 5) == b"alive"


def test_a_new_upstream_closes_connections_and_is_used_for_new_ones(road):
    client, _ = road.connect()
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        road.client.update(road.name, upstream="{}:{}".format(*other.getsockname()))
        assert is_closed(client)
        with dial(road), other.accept()[0]:
            assert road.stats().accepted == 2


def test_an_upstream_by_name_is_reached(road):
    road.client.update(road.name, upstream=f"localhost:{road.service.getsockname()[1]}")
    client, service = road.connect()
    client.sendall(b"named")
    assert read_exactly(service, 5) == b"named"


@pytest.mark.parametrize("upstream", ["127.0.0.1:1", "no port", "127.0.0.1:no-such-port"])
def test_a_client_whose_upstream_is_not_there_is_accepted_and_closed(road, until, upstream):
    road.client.update(road.name, upstream=upstream)
    with dial(road) as client:
        assert is_closed(client)
    until(lambda: road.stats().unreached == 1)
    assert road.stats().open == 0


def test_deleting_closes_connections_and_frees_the_port(road):
    client, _ = road.connect()
    road.client.delete(road.name)
    assert is_closed(client)
    with socket.create_server(("127.0.0.1", road.port)):
        pass


def test_toxics_survive_disabling_and_may_be_added_meanwhile(road):
    road.client.update(road.name, enabled=False)
    road.toxic("limit_data", bytes=3)
    road.client.update(road.name, enabled=True)
    client, service = road.connect()
    service.sendall(b"12345")
    assert read_exactly(client, 5) == b"123"


def test_a_seed_hits_the_same_connections_in_another_process():
    def pattern() -> list[bool]:
        server = Server("--seed", "5")
        try:
            with socket.create_server(("127.0.0.1", 0)) as service:
                upstream = "{}:{}".format(*service.getsockname())
                listen = server.client.create("seeded", listen="127.0.0.1:0", upstream=upstream).listen
                toxic = {"type": "limit_data", "toxicity": 0.5, "attributes": {"bytes": 0}}
                server.ask("POST", "/proxies/seeded/toxics", toxic)
                return [hit(int(listen.rpartition(":")[2]), service) for _ in range(30)]
        finally:
            server.close()

    def hit(port: int, service: socket.socket) -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client, service.accept()[0] as end:
            end.sendall(b"x")
            return client.recv(1) == b""

    first = pattern()
    assert first == pattern()
    assert 5 < sum(first) < 25


def test_a_connection_is_counted_once_also_while_it_is_being_made(road):
    for cut in range(1, 61):
        client = socket.create_connection(("127.0.0.1", road.port), timeout=5)
        road.client.update(road.name, enabled=False)
        client.close()
        assert road.stats().cut <= cut
        road.client.update(road.name, enabled=True)
