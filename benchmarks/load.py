"""The load driver beside other generators, on the machine at hand.

    python benchmarks/load.py [seconds]

1. Processor time per request at 64 connections, with everything recorded: beside wrk, hey and httpx, and beside a
   loop over epoll that only sends and receives: what the kernel charges, below which nothing gets.
2. How late an arrival is sent, at 1,000 and at 10,000 a second.
3. A stall of one second at 1,000 a second, which p99 has to show as 900 ms.
4. 10,000 WebSockets: how fast they open, and the memory of each in the client.

The server answers 21 bytes and runs on a core of its own where there are two.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from pytest_resilience.janitor import Janitor
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.request import Get
from pytest_resilience.load.websocket import WebSocket

CONNECTIONS = 64
SOCKETS = 10_000
SERVER = Path(__file__).with_name("load_server.py")
REQUEST = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\n\r\n"


@dataclass(frozen=True)
class Row:
    tool: str
    requests: float
    cpu: float  # seconds
    wall: float
    late: list[float] | None = None

    def __str__(self) -> str:
        rate, cost = f"{self.requests / self.wall:10,.0f}/s", f"{self.cpu / self.requests * 1e6:9.1f} µs"
        if self.late is None:
            return f"  {self.tool:20} {rate} {cost}"
        ordered = sorted(self.late)
        p99 = ordered[int(len(ordered) * 0.99)]
        return f"  {self.tool:20} {rate} {cost}   p50 {statistics.median(ordered) * 1e3:6.3f}   p99 {p99 * 1e3:7.3f} ms"


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


async def with_httpx(url: str, seconds: float) -> Row:
    done = 0
    end = time.monotonic() + seconds

    async def user(client: httpx.AsyncClient) -> None:
        nonlocal done
        while time.monotonic() < end:
            await client.get(url)
            done += 1

    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        start, before = time.monotonic(), time.process_time()
        await asyncio.gather(*(user(client) for _ in range(CONNECTIONS)))
        return Row("httpx", done, time.process_time() - before, time.monotonic() - start)


def installed(tool: str, argv: list[str], requests: str) -> Row | None:
    """Run another generator, if it is there; `requests` finds their number in what it says."""
    if shutil.which(tool) is None:
        return None
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    text = subprocess.run([tool, *argv], capture_output=True, text=True, check=True).stdout
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(requests, text)
    if not found:
        raise SystemExit(f"{tool} said: {text}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Row(tool, int(found[1].replace(",", "")), cpu, wall)


def stall(janitor: Janitor, url: str, server: int) -> str:
    """Return what a stall of one second looks like, in the arrivals that met it."""
    with prepare(Get(url), launcher=janitor, rate=1000, connections=CONNECTIONS) as run:
        run.hold(1)
        os.kill(server, signal.SIGSTOP)
        struck = time.monotonic()
        run.hold(1)
        os.kill(server, signal.SIGCONT)
        healed = time.monotonic()
        run.hold(1)
    met = sorted(sample.done - sample.due for sample in run.samples if struck <= sample.due < healed)
    length = healed - struck
    true = [q * length * 1e3 for q in (0.5, 0.95, 0.99)]
    seen = [met[int(q * len(met))] * 1e3 for q in (0.5, 0.95, 0.99)]
    shown = "   ".join(
        f"{name} {a:6.1f} ms (true {b:6.1f})" for name, a, b in zip(("p50", "p95", "p99"), seen, true, strict=True)
    )
    return f"  pytest-resilience    {shown}"


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
        whole = max(1, round(seconds))
        runs: list[Callable[[], Row | None]] = [
            lambda: bare(port, seconds),
            lambda: ours(janitor, url, seconds),
            lambda: installed("wrk", ["-t1", f"-c{CONNECTIONS}", f"-d{whole}s", url], r"(\d+) requests in"),
            lambda: installed(
                "hey", ["-cpus", "1", "-c", f"{CONNECTIONS}", "-z", f"{whole}s", url], r"\[200\]\s+(\d+)"
            ),
            lambda: asyncio.run(with_httpx(url, seconds)),
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
        print("a stall of one second at 1,000 arrivals a second")
        print(stall(janitor, url, server.pid))
        print(f"{SOCKETS:,} WebSockets, each with a message every 10 s")
        print(held(janitor, port))


if __name__ == "__main__":
    main()
