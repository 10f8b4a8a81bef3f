"""The load driver beside other generators, on the machine at hand.

    python benchmarks/load.py [seconds]

1. Processor time per request at 64 connections, with everything recorded: beside wrk, hey, k6, Locust, aiohttp and
   httpx, where they are there, and beside a loop over epoll that only sends and receives: what the kernel charges,
   below which nothing gets.
2. How late an arrival is sent, at 1,000 and at 10,000 a second.
3. A stall of one second in ten, at 1,000 a second: p99 has to show 900 ms. Beside k6's.
4. 10,000 WebSockets: how fast they open, and the memory of each in the client.

The server answers 21 bytes and runs on a core of its own where there are two.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import load_others as others
import psutil
from load_row import CONNECTIONS, Row

from pytest_resilience import SLO
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.request import Get
from pytest_resilience.load.websocket import WebSocket

RATE = 1000
SOCKETS = 10_000
SERVER = Path(__file__).with_name("load_server.py")
REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\n\r\n"


def ours(janitor: Janitor, url: str, seconds: float, *, rate: float | None = None) -> Row:
    users = CONNECTIONS if rate is None else None
    with prepare(Get(url), launcher=janitor, rate=rate, users=users) as run:
        run.hold(0.5)  # connections are open
        driver = psutil.Process(run.pids[0])
        start, before = time.monotonic(), sum(driver.cpu_times()[:2])
        run.hold(seconds)
        end, cpu = time.monotonic(), sum(driver.cpu_times()[:2]) - before
    rows = [sample for sample in run.samples if start <= sample.due < end]
    late = None if rate is None else [sample.sent - sample.due for sample in rows]
    return Row("pytest-resilience", len(rows), cpu, end - start, late)


def bare(port: int, seconds: float) -> Row:
    """Send and receive, and nothing else."""
    epoll, ends = select.epoll(), {}
    for _ in range(CONNECTIONS):
        end = socket.create_connection(("127.0.0.1", port))
        end.settimeout(0)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        epoll.register(end.fileno(), select.EPOLLIN)
        ends[end.fileno()] = end
        end.send(REQUEST)
    done, start, before = 0, time.monotonic(), time.process_time()
    while time.monotonic() < start + seconds:
        for number, _ in epoll.poll():
            ends[number].recv(32768)
            ends[number].send(REQUEST)
            done += 1
    row = Row("a bare loop", done, time.process_time() - before, time.monotonic() - start)
    for end in ends.values():
        end.close()
    return row


def stall(janitor: Janitor, url: str, server: int) -> str:
    """Return what a stall of one second in the middle of ten looks like: in all arrivals p99 is 900 ms."""
    with prepare(Get(url), launcher=janitor, rate=RATE, connections=CONNECTIONS) as run, stalled(server, after=4.5):
        run.hold(10)
    dues = [sample.due for sample in run.samples]
    seen = "   ".join(f"p{q * 100:g} {run.samples.quantile(q) * 1e3:6.1f} ms" for q in (0.5, 0.95, 0.99, 0.999))
    verdict = SLO(p99=0.1).met_by(run.samples)
    return f"  pytest-resilience    {seen}   {len(dues):,} sent; p99 < 100 ms {verdict.outcome.value}"


@contextmanager
def stalled(server: int, *, after: float) -> Iterator[None]:
    """Freeze the server for one second, `after` seconds from now."""

    def freeze() -> None:
        time.sleep(after)
        os.kill(server, signal.SIGSTOP)
        time.sleep(1)
        os.kill(server, signal.SIGCONT)

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def held(janitor: Janitor, port: int) -> str:
    socket_ = WebSocket(f"ws://127.0.0.1:{port}/", send="ping", every=10, expect="ping")
    with prepare(socket_, launcher=janitor, users=SOCKETS, deadline=60) as run:
        driver = psutil.Process(run.pids[0])
        base = driver.memory_info().rss
        while sum(sample.name.startswith("connect") for sample in run.samples) < SOCKETS:
            run.hold(0.1)
        size, cpu = (driver.memory_info().rss - base) / SOCKETS / 1024, sum(driver.cpu_times()[:2])
        opened = max(sample.done for sample in run.samples if sample.name.startswith("connect")) - run.began
        run.hold(5)
        busy = (sum(driver.cpu_times()[:2]) - cpu) / 5
    failed = sum(sample.error is not None for sample in run.samples)
    trips = sorted(one.done - one.due for one in run.samples.named("message /") if one.due > run.began + opened + 1)
    return (
        f"  pytest-resilience    opened in {opened:.2f} s ({cpu / SOCKETS * 1e6:.0f} µs each), {size:.1f} KiB each, "
        f"{busy:.1%} of a core while held, round trip p50 {statistics.median(trips) * 1e3:.2f} ms, {failed} failures"
    )


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout is not None
        port = int(server.stdout.readline())
        url = f"http://127.0.0.1:{port}/"
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(server.pid, cores[:1])
        os.sched_setaffinity(0, cores[-1:])
        janitor = Janitor.start()
        stack.callback(janitor.close)
        print(f"{CONNECTIONS} connections, {seconds:g} s each: rate, processor time per request")
        runs: list[Callable[[], Row | None]] = [
            lambda: bare(port, seconds),
            lambda: ours(janitor, url, seconds),
            *others.closed(url, seconds),
            lambda: ours(janitor, url, seconds),
            lambda: bare(port, seconds),
        ]
        for run in runs:
            row = run()
            if row is not None:
                print(row)
        for rate in (1000, 10_000):
            print(f"{rate:,} arrivals a second: how late each was sent")
            print(ours(janitor, url, seconds, rate=rate))
        print(f"a second of stall in ten, {RATE:,} arrivals a second: true p95 500 ms, p99 900 ms, p99.9 990 ms")
        print(stall(janitor, url, server.pid))
        for users in (CONNECTIONS, 1500):
            with stalled(server.pid, after=5):
                said = others.k6_at_rate(url, RATE, 10, users)
            if said is not None:
                print(f"  k6, {users:,} users      {said}")
        print(f"{SOCKETS:,} WebSockets, each with a message every 10 s")
        print(held(janitor, port))


if __name__ == "__main__":
    main()
