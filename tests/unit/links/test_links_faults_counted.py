"""Which connections a fault works on: counted, drawn from the seed, new ones only, from a byte on."""

from __future__ import annotations

import pytest
from echo_harness import ask, connect, echo_service
from links_harness import Server, falls_silent, is_closed, read_exactly
from toxic_bench import Bench

from pytest_resilience.errors import UsageError
from pytest_resilience.links.link import Link
from pytest_resilience.links.server.chain import Chain, Entry
from pytest_resilience.links.server.toxics import KINDS
from pytest_resilience.links.server.toxics.toxic import Signal
from pytest_resilience.links.toxiproxy import Toxiproxy


def entry(name: str = "slow", stream: str = "downstream", toxicity: float = 1.0, **attributes: int) -> Entry:
    toxic = KINDS["latency"]()
    for key, value in attributes.items():
        setattr(toxic, key, value)
    return Entry(name, stream, toxicity, toxic, seed=f"7/proxy/{name}")


def chosen(one: Entry, numbers=range(1, 13)) -> list[int]:
    return [number for number in numbers if one.hits(number)]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, [2, 5, 7, 8, 9, 10, 11, 12]),
        ({"first": 4}, [2, 5, 7, 8]),
        ({"every": 3}, [7, 10]),
        ({"every": 2, "first": 3}, [5, 8, 10]),
        ({"only_new": 1}, [8, 9, 10, 11, 12]),
        ({"only_new": 1, "first": 2}, [8, 9]),
        ({"only_new": 1, "every": 2}, [9, 11]),
        ({"first": -1, "every": -1}, [2, 5, 7, 8, 9, 10, 11, 12]),
    ],
)
def test_live_connections_are_counted_first_and_then_new_ones(attributes, expected):
    one = entry(**attributes)
    one.meet([7, 5, 2], last=7)
    assert chosen(one, [2, 5, 7, 8, 9, 10, 11, 12]) == expected


def test_the_same_toxic_of_both_directions_works_on_the_same_connections():
    up, down = (entry(f"slow_{stream}", stream, toxicity=0.4) for stream in ("upstream", "downstream"))
    assert 20 < len(chosen(up, range(100))) < 60
    assert chosen(up, range(100)) == chosen(down, range(100))
    assert chosen(entry("else_upstream", "upstream", toxicity=0.4), range(100)) != chosen(up, range(100))
    assert up.random(1).random() != down.random(1).random()


def test_a_chain_knows_the_twin_of_a_toxic():
    chain = Chain()
    up, down, other = entry("slow_upstream", "upstream"), entry("slow_downstream"), entry("fast_downstream")
    for one in (up, other):
        chain.add(one)
    assert chain.twin(down) is up
    assert chain.twin(other) is None


def test_bytes_before_the_fault_pass_untouched_also_in_the_middle_of_a_chunk():
    bench = Bench("latency", latency=100, after_bytes=6)
    bench.send(b"abcd", b"efgh", b"ij")
    bench.clock.turn(1)
    assert bench.left == [(0, b"abcd"), (0, b"ef"), (100, b"gh"), (100, b"ij")]
    assert (bench.entry.touched.chunks, bench.entry.touched.bytes) == (2, 4)


def test_a_connection_that_ends_before_its_fault_is_untouched():
    bench = Bench("slow_close", delay=500, after_bytes=10)
    bench.send(b"short")
    bench.end()
    assert bench.left == [(0, b"short"), (0, Signal.END)]
    assert bench.entry.touched.connections == 0


def test_a_time_out_begins_when_its_bytes_have_passed():
    bench = Bench("timeout", timeout=500, after_bytes=4)
    bench.clock.turn(2)
    bench.send(b"four")
    bench.clock.turn(2)
    assert bench.left == [(2000, b"four"), (2500, Signal.END)]


def test_bytes_count_on_over_a_change_and_a_higher_count_holds_the_fault_off_again():
    bench = Bench("limit_data", bytes=2, after_bytes=4)
    bench.send(b"abc")
    bench.stub.stop()
    bench.toxic.after_bytes = 6
    bench.stub.start()
    bench.send(b"defghijk")
    assert bench.data == b"abcdefgh"
    assert bench.stub.closed


def test_what_a_losing_toxic_holds_is_dropped_and_the_connection_closed():
    bench = Bench("latency", latency=100, losing=1)
    bench.send(b"a")
    bench.clock.turn(1)
    bench.send(b"b", b"c")
    bench.stub.leave()
    assert bench.left == [(100, b"a"), (1000, Signal.END)]


def test_a_losing_toxic_that_holds_nothing_leaves_the_connection_alone():
    bench = Bench("latency", latency=100, losing=1)
    bench.send(b"a")
    bench.clock.turn(1)
    bench.stub.leave()
    assert bench.left == [(100, b"a")]


def test_a_losing_toxic_that_is_changed_loses_nothing():
    bench = Bench("latency", latency=100, losing=1)
    bench.send(b"a")
    bench.stub.stop()
    bench.toxic.latency = 1
    bench.stub.start()
    assert bench.left == [(0, b"a")]


def test_the_first_two_connections_are_hit_and_the_third_is_not(link):
    with link.reset(first=2) as fault:
        for number in range(4):
            with connect(link) as end:
                end.sendall(b"hello")
                if number < 2:
                    assert is_closed(end)
                else:
                    assert read_exactly(end, 5) == b"hello"
    assert fault.receipt.counts == {"connections_reset": 2}


def test_both_directions_of_a_fault_count_the_same_connections(link):
    with connect(link) as one, connect(link) as two, connect(link) as three:
        for end in (one, two, three):
            ask(end)
        with link.reset(first=2) as fault:
            assert is_closed(one)
            assert is_closed(two)
            ask(three)
    assert fault.receipt.counts == {"connections_reset": 2}


def test_every_third_connection_is_cut_short(link):
    with link.limited(2, every=3) as fault:
        got = []
        for _ in range(7):
            with connect(link) as end:
                end.sendall(b"hello")
                got.append(read_exactly(end, 5))
    assert got == [b"hello", b"hello", b"he"] * 2 + [b"hello"]
    assert fault.receipt.counts == {"connections_cut_short": 2}


def test_connections_that_a_silent_partition_passes_over_survive_its_heal(link):
    with connect(link) as one, connect(link) as two:
        ask(one)
        ask(two)
        with link.severed(silently=True, first=1):
            one.sendall(b"hello?")
            assert falls_silent(one)
            ask(two)
        assert is_closed(one)
        ask(two)


def pattern(seed: int) -> tuple[list[bytes], list[int]]:
    """Which of twenty connections are cut short, and how an answer is sliced."""
    server = Server("--seed", str(seed))
    try:
        with echo_service() as address:
            link = Link(server.client, "echo", address)
            answers, pieces = [], []
            with link.limited(2, toxicity=0.5):
                for _ in range(20):
                    with connect(link) as end:
                        end.sendall(b"hello")
                        answers.append(read_exactly(end, 5))
            with link.sliced(40, variation=30, delay=0.003, direction="downstream"), connect(link) as end:
                end.sendall(bytes(500))
                while sum(pieces) < 500:
                    pieces.append(len(end.recv(500)))
            return answers, pieces
    finally:
        server.close()


def test_choices_repeat_with_the_seed_and_differ_with_another():
    first, again, other = pattern(5), pattern(5), pattern(6)
    assert first[0] == again[0]
    assert first[1] == again[1]
    assert {b"he", b"hello"} == set(first[0])
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_what_only_the_embedded_server_can_do_is_refused_on_a_toxiproxy(link, monkeypatch):
    monkeypatch.setattr(Toxiproxy, "counts", lambda _: False)
    for fault in (link.slowed(0.1, first=2), link.half_open(), link.reset(), link.slowed(1, after_bytes=1)):
        with pytest.raises(UsageError, match="is beyond what the Toxiproxy in use can do"), fault:
            pass
        assert link._client.proxy(link.name).toxics == ()
    with connect(link) as end, link.slowed(0.001):
        ask(end)
