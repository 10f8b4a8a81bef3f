"""Load comes and goes, again and again. What the service holds after each time is what it held after the first.

Compared is with a service that has been under the same load before, and whose pools are full. Whatever a request
leaves behind, a connection, a task, a page in a dictionary, there are thousands of it by then. The full size is an
hour, on any two cores.
"""

from __future__ import annotations

import json
import re

import httpx
import pytest
from harness import Clinic

from pytest_resilience import Get, Loader, Post, Service, Sized, WebSocket, mix, wait_until

USERS, SOCKETS, ROUND = 40, 40, 4
POOL, REDIS = 4, 48  # connections to Postgres and to Redis that an instance opens as it comes to need them
KEPT = 8 * 2**20  # bytes: what an allocator keeps to itself


def settled(app: Service) -> None:
    """Wait until the service has noticed that everybody is gone."""

    def quiet() -> bool:
        return measured(app, "room_members") == measured(app, "in_flight") == 0

    wait_until(quiet, within=10, what="the service to be idle")


def measured(app: Service, name: str) -> int:
    """Return one of the numbers that the service gives of itself."""
    found = re.search(rf"^clinic_{name} (\d+)$", httpx.get(f"{app.url}/metrics", timeout=10).text, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.load
@pytest.mark.catches("memory-leak", by="last.rss")
@pytest.mark.catches("thread-leak", by="last.threads")
@pytest.mark.catches("descriptor-leak", by="last.descriptors")
@pytest.mark.catches("task-leak", by="tasks")
def test_what_the_service_holds_after_load_does_not_grow(clinic: Clinic, load: Loader, sized: Sized) -> None:
    times = sized(quick=3, standard=10, full=60)
    seconds = sized(quick=1.5, standard=10, full=60)
    think = (0.1, 0.3)
    app = clinic(pool_size=POOL, slots=100_000)
    page = Get(f"{app.url}/slots", path=lambda call: f"?page={call.index % 100}")
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.random.randrange(100_000) + 1, "patient": f"p{call.user}"},
        expect={201, 409},
    )
    upload = Post(f"{app.url}/ingest", body=lambda call: call.random.randbytes(256 * 1024))
    rooms = WebSocket(
        app.url.replace("http", "ws") + "/rooms",
        path=lambda call: f"/{call.user}",
        send=lambda call: f"{call.index}",
        every=0.5,
        expect=lambda message, sent: json.loads(message).get("text") == sent,
    )
    found, tasks = [], []
    for _ in range(times):
        with (
            load(mix((2, page), (1, booking), (1, upload)), users=USERS, think=think) as requests,
            load(rooms, users=SOCKETS) as talk,
        ):
            requests.hold(seconds)
        assert not requests.samples.errors
        assert not talk.samples.errors
        assert len(requests.samples) > 2 * USERS * seconds
        settled(app)
        found.append(app.usage())
        tasks.append(measured(app, "tasks"))
    first, last = found[0], found[-1]
    assert last.rss < first.rss + KEPT, found
    assert last.threads == first.threads, found
    assert last.processes == first.processes, found
    assert tasks[-1] < tasks[0] + SOCKETS // 2, tasks
    if first.descriptors is not None and last.descriptors is not None:
        assert last.descriptors < first.descriptors + POOL + REDIS, found
