"""What each toxic does with chunks, on a clock that the test turns: every moment is exact."""

from __future__ import annotations

import pytest
from toxic_bench import Bench

from pytest_resilience.links.server.toxics.toxic import Signal


def test_latency_releases_each_chunk_at_its_own_moment():
    bench = Bench("latency", latency=300)
    for letter in (b"a", b"b", b"c"):
        bench.send(letter)
        bench.clock.turn(0.05)
    bench.clock.turn(1)
    assert bench.left == [(300, b"a"), (350, b"b"), (400, b"c")]


def test_latency_does_not_delay_the_end():
    bench = Bench("latency", latency=300)
    bench.end()
    assert bench.left == [(0, Signal.END)]


def test_the_end_does_not_overtake_what_is_delayed():
    bench = Bench("latency", latency=100)
    bench.send(b"last words")
    bench.end()
    bench.clock.turn(1)
    assert bench.left == [(100, b"last words"), (100, Signal.END)]


def test_jitter_stays_within_its_bounds_keeps_the_order_and_is_the_same_for_the_same_seed():
    first, second = (Bench("latency", latency=100, jitter=50) for _ in range(2))
    for bench in (first, second):
        for number in range(50):
            bench.send(bytes([number]))
            bench.clock.turn(0.2)
    delays = [moment - 200 * number for number, (moment, _) in enumerate(first.left)]
    assert all(50 <= delay < 150 for delay in delays)
    assert len(set(delays)) > 10
    assert first.data == bytes(range(50))
    assert first.left == second.left


def test_a_chunk_that_waits_is_released_when_the_toxic_is_taken_off():
    bench = Bench("latency", latency=10_000)
    bench.send(b"a", b"b")
    bench.stub.stop()
    bench.stub.flush()
    assert bench.left == [(0, b"a"), (0, b"b")]


def test_a_chunk_that_left_late_does_not_make_a_later_one_faster_than_the_rate():
    bench = Bench("bandwidth", rate=1)
    bench.send(b"x" * 50)
    bench.clock.time += 0.08  # the alarm rings 30 ms late
    bench.clock.turn(1)
    bench.send(b"x" * 50)
    bench.clock.turn(1)
    assert [moment for moment, _ in bench.left] == [80, 1130]


def test_bandwidth_sends_slices_every_hundred_milliseconds():
    bench = Bench("bandwidth", rate=10)
    bench.send(b"x" * 5000)
    bench.clock.turn(1)
    assert [(moment, len(what)) for moment, what in bench.left] == [(at, 1000) for at in (100, 200, 300, 400, 500)]


def test_bandwidth_makes_up_for_the_time_that_sending_takes():
    bench = Bench("bandwidth", rate=100)

    def leaves(item):
        bench._leaves(item)
        bench.clock.time += 0.002

    bench.stub.onward = leaves
    bench.send(*[bytes(1000)] * 10)
    bench.clock.turn(0.2)
    assert [moment for moment, _ in bench.left] == list(range(10, 101, 10))


def test_bandwidth_takes_the_time_of_its_rate_over_many_chunks():
    bench = Bench("bandwidth", rate=100)
    bench.send(*[b"x" * 2000] * 10)
    bench.clock.turn(1)
    assert [moment for moment, _ in bench.left] == [20 * number for number in range(1, 11)]


def test_a_rate_of_zero_holds_everything_until_it_is_removed():
    bench = Bench("bandwidth", rate=0)
    bench.send(b"held")
    bench.clock.turn(3600)
    assert bench.left == []
    bench.stub.stop()
    assert bench.data == b"held"


def test_a_negative_rate_is_no_limit():
    bench = Bench("bandwidth", rate=-1)
    bench.send(b"x" * 100_000)
    assert bench.left == [(0, b"x" * 100_000)]


def test_timeout_counts_from_the_last_chunk():
    bench = Bench("timeout", timeout=500)
    for _ in range(10):
        bench.clock.turn(0.2)
        bench.send(b"dropped")
    bench.clock.turn(10)
    assert bench.left == [(2500, Signal.END)]
    assert bench.entry.touched.bytes == 70
    assert bench.entry.touched.closed == 1


def test_timeout_of_zero_never_closes():
    bench = Bench("timeout", timeout=0)
    bench.send(b"dropped")
    bench.clock.turn(86400)
    assert bench.left == []


def test_reset_peer_leaves_an_idle_connection_alone_and_drops_what_it_sees():
    bench = Bench("reset_peer", timeout=250)
    bench.clock.turn(60)
    assert bench.left == []
    bench.send(b"dropped", b"too")
    bench.clock.turn(1)
    assert bench.left == [(60_250, Signal.END)]


def test_slow_close_delays_the_end_alone():
    bench = Bench("slow_close", delay=700)
    bench.send(b"prompt")
    bench.end()
    bench.clock.turn(1)
    assert bench.left == [(0, b"prompt"), (700, Signal.END)]


def test_a_change_of_slow_close_starts_its_delay_anew_and_removal_ends_it():
    bench = Bench("slow_close", delay=700)
    bench.end()
    bench.clock.turn(0.5)
    bench.stub.stop()
    bench.stub.start()
    bench.clock.turn(0.5)
    assert bench.left == []
    bench.stub.stop()
    bench.stub.flush()
    assert bench.left == [(1000, Signal.END)]


@pytest.mark.parametrize("limit", [0, 1, 10, 15, 20])
def test_limit_data_passes_so_many_bytes_and_closes(limit):
    bench = Bench("limit_data", bytes=limit)
    bench.send(b"0123456789", b"0123456789", b"more")
    assert bench.data == (b"0123456789" * 2)[:limit]
    assert bench.left[-1] == (0, Signal.END)
    assert bench.entry.touched.closed == 1


def test_limit_data_remembers_its_count_when_the_limit_changes():
    bench = Bench("limit_data", bytes=100)
    bench.send(b"x" * 60)
    bench.stub.stop()
    bench.toxic.bytes = 50
    bench.stub.start()
    assert bench.data == b"x" * 60
    bench.send(b"y")
    assert bench.data == b"x" * 60
    assert bench.stub.closed


def test_slicer_cuts_to_the_average_and_waits_after_each_piece():
    bench = Bench("slicer", average_size=10, size_variation=0, delay=2000)
    bench.send(bytes(range(100)))
    bench.clock.turn(1)
    sizes = [len(what) for _, what in bench.left]
    assert set(sizes) == {6, 7}
    assert bench.data == bytes(range(100))
    assert [moment for moment, _ in bench.left] == [2 * number for number in range(len(sizes))]


@pytest.mark.parametrize(("average", "variation"), [(0, 0), (-5, 0), (0, -1), (1, 0), (10, 10), (3, 50), (64, 63)])
def test_slicer_loses_nothing_whatever_its_sizes(average, variation):
    bench = Bench("slicer", average_size=average, size_variation=variation)
    bench.send(bytes(1000) + b"end")
    bench.clock.turn(1)
    assert bench.data == bytes(1000) + b"end"


def test_toxicity_hits_its_share_of_connections_and_the_same_ones_each_time():
    hits = [Bench("latency", toxicity=0.3, connection=number).stub.works for number in range(800)]
    again = [Bench("latency", toxicity=0.3, connection=number).stub.works for number in range(800)]
    assert hits == again
    assert 0.25 < sum(hits) / len(hits) < 0.35


def test_a_higher_toxicity_hits_the_same_connections_and_more():
    few = {number for number in range(500) if Bench("timeout", toxicity=0.2, connection=number).stub.works}
    many = {number for number in range(500) if Bench("timeout", toxicity=0.6, connection=number).stub.works}
    assert few < many
