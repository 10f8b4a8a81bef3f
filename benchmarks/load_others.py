"""What a user would pick instead: wrk, hey, k6, Locust, aiohttp and httpx, each at its own best, on one processor.

A program or package that is not there is left out. Processor time is that of the generator with its children; what
Locust and k6 take to start is taken off, as the difference of a long and a short run.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from load_row import CONNECTIONS, Row

# A journey as Locust's own documentation writes one, for each of its two clients.
LOCUSTFILE = """\
from locust import FastHttpUser, HttpUser, task

class Fast(FastHttpUser):
    @task
    def get(self):
        self.client.get("/")

class Plain(HttpUser):
    @task
    def get(self):
        self.client.get("/")
"""
K6_USERS = """\
import http from 'k6/http'
export const options = {vus: %(users)d, duration: '%(seconds)ds', discardResponseBodies: true}
export default function () { http.get('%(url)s') }
"""
K6_RATE = """\
import http from 'k6/http'
export const options = {discardResponseBodies: true, summaryTrendStats: ['p(50)', 'p(95)', 'p(99)'],
  thresholds: {http_req_duration: ['p(99)<100']},
  scenarios: {steady: {executor: 'constant-arrival-rate', rate: %(rate)d, timeUnit: '1s', duration: '%(seconds)ds',
    preAllocatedVUs: %(users)d, maxVUs: %(users)d}}}
export default function () { http.get('%(url)s') }
"""


def closed(url: str, seconds: float) -> list[Callable[[], Row | None]]:
    """Return what each of them makes of CONNECTIONS connections that are busy all the time."""
    whole = max(1, round(seconds))
    return [
        lambda: _program("wrk", ["-t1", f"-c{CONNECTIONS}", f"-d{whole}s", url], r"(\d+) requests in"),
        lambda: _program("hey", ["-cpus", "1", "-c", f"{CONNECTIONS}", "-z", f"{whole}s", url], r"\[200\]\s+(\d+)"),
        lambda: _k6(url, whole),
        lambda: _locust("Locust FastHttpUser", "Fast", url, whole),
        lambda: _locust("Locust HttpUser", "Plain", url, whole),
        lambda: asyncio.run(_aiohttp(url, seconds)),
        lambda: asyncio.run(_httpx(url, seconds)),
    ]


def k6_at_rate(url: str, rate: int, seconds: int, users: int) -> str | None:
    """Return what k6 says of an open model with so many virtual users: quantiles, and its verdict on p99 < 100 ms."""
    if shutil.which("k6") is None:
        return None
    script = K6_RATE % {"url": url, "rate": rate, "seconds": seconds, "users": users}
    done = _run_k6(script, {})
    seen = {name: float(value) for name, value in re.findall(r"p\((\d+)\)=([\d.]+)(?:ms|µs)", done.stdout)}
    dropped = re.search(r"dropped_iterations[.: ]+(\d+)", done.stdout)
    quantiles = ", ".join(re.findall(r"http_req_duration[.: ]+(p\(50\).*)", done.stdout)[:1]) or str(seen)
    verdict = "PASSED" if done.returncode == 0 else "failed"
    return f"{quantiles.strip()}   {dropped[1] if dropped else 0} dropped; p99 < 100 ms {verdict}"


def _program(tool: str, argv: list[str], requests: str) -> Row | None:
    """Run a generator; `requests` finds their number in what it says."""
    if shutil.which(tool) is None:
        return None
    done, cpu, wall = _timed([tool, *argv])
    found = re.search(requests, done.stdout)
    if not found:
        raise SystemExit(f"{tool} said: {done.stdout}{done.stderr}")
    return Row(tool, int(found[1].replace(",", "")), cpu, wall)


def _k6(url: str, seconds: int) -> Row | None:
    if shutil.which("k6") is None:
        return None

    def run(length: int) -> tuple[int, float]:
        script = K6_USERS % {"url": url, "seconds": length, "users": CONNECTIONS}
        before = _children()
        done = _run_k6(script, {"GOMAXPROCS": "1"})
        found = re.search(r"http_reqs[.: ]+(\d+)", done.stdout)
        if not found:
            raise SystemExit(f"k6 said: {done.stdout}{done.stderr}")
        return int(found[1]), _children() - before

    return _difference("k6", run, seconds)


def _run_k6(script: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".js") as file:
        file.write(script)
        file.flush()
        argv = ["k6", "run", "--no-usage-report", "--quiet", "--no-color", file.name]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **env})


def _locust(title: str, user: str, url: str, seconds: int) -> Row | None:
    if importlib.util.find_spec("locust") is None:
        return None

    def run(length: int) -> tuple[int, float]:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "locustfile.py")
            path.write_text(LOCUSTFILE)
            argv = [
                sys.executable, "-m", "locust", "-f", str(path), user, "--headless", "--json", "-H", url.rstrip("/"),
                "-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{length}s", "--loglevel", "ERROR",
            ]  # fmt: skip
            done, cpu, _ = _timed(argv)
            return sum(int(entry["num_requests"]) for entry in json.loads(done.stdout)), cpu

    return _difference(title, run, seconds)


def _difference(title: str, run: Callable[[int], tuple[int, float]], seconds: int) -> Row:
    (few, short), (many, long) = run(1), run(1 + seconds)
    return Row(title, many - few, long - short, seconds)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(argv: list[str]) -> tuple[subprocess.CompletedProcess[str], float, float]:
    before, start = _children(), time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stderr}")
    return done, _children() - before, time.monotonic() - start


async def _aiohttp(url: str, seconds: float) -> Row | None:
    try:
        import aiohttp
    except ImportError:
        return None
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as client:

        async def get() -> None:
            async with client.get(url) as answer:
                await answer.read()

        return await _users("aiohttp", get, seconds)


async def _httpx(url: str, seconds: float) -> Row:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def get() -> None:
            await client.get(url)

        return await _users("httpx", get, seconds)


async def _users(title: str, get: Callable[[], object], seconds: float) -> Row:
    done = 0
    end = time.monotonic() + seconds

    async def user() -> None:
        nonlocal done
        while time.monotonic() < end:
            await get()  # type: ignore[misc]
            done += 1

    start, before = time.monotonic(), time.process_time()
    await asyncio.gather(*(user() for _ in range(CONNECTIONS)))
    return Row(title, done, time.process_time() - before, time.monotonic() - start)
