"""What a link costs, and how exact it is, beside Toxiproxy, nginx, HAProxy and socat where they are installed.

    python benchmarks/links.py [--rounds 5] [--megabytes 256] [--trips 1000]

Figures are medians of rounds in which the roads take turns, so that a busy moment of the machine falls on
all of them. Service, program in between and client are three processes on one host. With 64 connections a message is
under way on each of them all the time; throughput is that of one direction, over 1 and over 16 connections.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import socket
import time
from importlib.util import find_spec

from links_ends import connect, median, percentile, pour, serve, trip
from links_roads import Road, Roads

from pytest_resilience.links.toxiproxy import Toxic, Toxiproxy

TOXIC = "exact"


def figures(roads: Roads, options: argparse.Namespace) -> None:
    """Measure and print what the roads cost."""
    for number in range(options.rounds):
        for turn in range(len(roads.all)):
            road = roads.all[(turn + number) % len(roads.all)]
            for connections, count in ((1, options.trips), (16, 4 * options.trips)):
                road.measure(connections, count=count, size=options.megabytes << 20)
    heads = ("RTT p50", "p99", "64: p50", "p99 µs", "GB/s", "16: GB/s", "CPU s/GB", "16: s/GB")
    keys = ("p50/1", "p99/1", "p50/64", "p99/64", "rate/1", "rate/16", "cost/1", "cost/16")
    print(f"{'':24}" + "".join(f"{head:>10}" for head in heads))
    for road in roads.all:
        row = (median(road.figures[key]) for key in keys)
        print(f"{road.name:24}" + "".join(f"{value:10.{0 if value >= 10 else 2}f}" for value in row))
    direct = roads.all[0]
    print("\nadded round-trip time at p50, µs")
    for road in roads.all[1:]:
        if not road.delayed:
            added = [paired(road, direct, key) for key in ("p50/1", "p50/64")]
            print(f"{road.name:24}{added[0]:10.0f}{added[1]:10.0f}   (1 connection, 64)")


def paired(road: Road, other: Road, key: str) -> float:
    """Return the median of the differences, round by round."""
    pairs = zip(road.figures[key], other.figures[key], strict=True)
    return median([one - another for one, another in pairs])


def accuracy(name: str, client: Toxiproxy, port: int) -> None:
    """Measure and print how exact the toxics of a server are."""
    print(f"\n{name}: asked for, and found")
    with connect(port) as end:
        plain = 1e3 * median([trip(end) for _ in range(200)])
        for latency, count in ((5, 300), (20, 100)):
            times = slowed(end, client, name, latency=latency, jitter=0, count=count)
            late = [1e3 * value - plain - latency for value in times]
            print(
                f"  latency {latency:3} ms          {percentile(late, 0.5):+8.2f} ms at p50"
                f"{percentile(late, 0.99):+8.2f} ms at p99 (beyond a round trip without it)"
            )
        times = [1e3 * value for value in slowed(end, client, name, latency=10, jitter=5, count=200)]
        print(
            f"  latency 10 ± 5 ms       mean{sum(times) / len(times):6.2f} ms, p5{percentile(times, 0.05):6.2f}, "
            f"p95{percentile(times, 0.95):6.2f} (even: 10, 5.5, 14.5)"
        )
    for rate, seconds in ((100, 1.0), (5000, 1.0)):
        client.add_toxic(name, Toxic(TOXIC, "bandwidth", "upstream", 1.0, {"rate": rate}))
        size = int(rate * 1000 * seconds)
        took, ends = pour(port, size, 1)
        ends[0].close()
        client.remove_toxic(name, TOXIC)
        found = size / took / 1000
        print(f"  bandwidth {rate:5} KB/s    {found:8.1f} KB/s ({100 * (found / rate - 1):+.1f} %)")


def slowed(end: socket.socket, client: Toxiproxy, name: str, *, latency: int, jitter: int, count: int) -> list[float]:
    """Return the seconds of trips under a latency."""
    client.add_toxic(name, Toxic(TOXIC, "latency", "downstream", 1.0, {"latency": latency, "jitter": jitter}))
    try:
        return [trip(end) for _ in range(count)]
    finally:
        client.remove_toxic(name, TOXIC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=256, help="that each measurement of throughput sends")
    parser.add_argument("--trips", type=int, default=1000, help="messages on one connection; four times that on 64")
    options = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    service = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
    service.start()
    began = time.monotonic()
    loop = "uvloop" if find_spec("uvloop") else "asyncio's loop"
    print(f"{platform.system()}, Python {platform.python_version()}, {loop}, {os.cpu_count()} processors\n")
    try:
        with Roads(listener.getsockname()[1]) as roads:
            figures(roads, options)
            for name, client in roads.clients.items():
                accuracy(name, client, next(road.port for road in roads.all if road.name == name))
    finally:
        service.kill()
        service.join()
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
