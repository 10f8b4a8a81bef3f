"""Many are connected at the same time and talk. All come in, all are heard, none is lost, and nothing of them remains.

The full size is 10,000 sockets at 50 connects and 1,000 messages a second: a core for the clinic, half of one for the
driver and Redis, 2 GB of memory, and a hard limit of 12,000 open files.
"""

from __future__ import annotations

import json
import re

import httpx
import pytest
from harness import Clinic

from pytest_resilience import SLO, Loader, Sized, WebSocket, ramp, steady, wait_until

COMES_IN = SLO(p95=0.5, error_rate=0)
IS_HEARD = SLO(p95=0.25, p99=1, error_rate=0.01)
EACH = 256 * 1024  # bytes of the service's memory that a connection may take


def members(url: str) -> int:
    found = re.search(r"^clinic_room_members (\d+)$", httpx.get(f"{url}/metrics", timeout=10).text, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.load
@pytest.mark.catches("members-kept", by="rooms to be empty")
def test_all_who_are_connected_are_heard(clinic: Clinic, load: Loader, sized: Sized) -> None:
    number, connects, messages = sized(quick=(250, 100, 100), standard=(1000, 50, 250), full=(10_000, 50, 1000))
    hold = sized(quick=3, standard=60, full=600)
    app = clinic()
    empty = app.usage()
    rooms = WebSocket(
        app.url.replace("http", "ws") + "/rooms",
        path=lambda call: f"/{call.user}",
        send=lambda call: f"{call.user} says {call.index}",
        every=number / messages,
        expect=lambda message, sent: json.loads(message).get("text") == sent,
    )
    over = number / connects
    with load(rooms, users=ramp(0, number, over=over) + steady(number)) as run:
        run.hold(over)
        wait_until(lambda: members(app.url) == number, within=10, what="all to be in their rooms")
        full = app.usage()
        began = run.elapsed
        run.hold(hold)
        ended = run.elapsed
        assert members(app.url) == number
    assert COMES_IN.met_by(run.samples.named("connect /rooms"))
    assert len(run.samples.named("connect /rooms")) == number
    said = run.samples.named("message /rooms")
    assert IS_HEARD.met_by(said)
    assert said.between(run.began + began, run.began + ended).rate > 0.9 * messages
    assert not run.samples.errors  # none was lost while it was to be held
    assert full.rss - empty.rss < EACH * number
    wait_until(lambda: members(app.url) == 0, within=10, what="the rooms to be empty")
    if full.descriptors is not None:
        assert (app.usage().descriptors or 0) < full.descriptors - number * 0.9
