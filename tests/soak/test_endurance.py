"""A clinic is open around the clock, and now and then something breaks and is mended.

Patients look at slots, book them and upload their papers, at a steady pace; a gentle monkey kills the cache, ends the
database's connections, or cuts and slows the road to it, with long pauses. Away from that all is as promised; and
whatever the service, its database and its cache hold, they do not hold more and more of it.

It lasts for `--resilience-duration`: a minute at the quick size, a day at the full one.
"""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Link, Loader, Monkey, Post, PostgresServer, RedisServer, Run, Soaker, mix

PROMISED = SLO(p95=0.25, error_rate=0.01)
RATE, SLOTS = 50, 100_000
# What may be more at the end than at the beginning: pools open what they come to need, and lose it when it is broken,
# and with each connection a process of Postgres comes and goes, its memory and files with it.
BREATH = {
    "postgres memory": 300e6,
    "postgres descriptors": 200,
    "postgres connections": 12,
    "postgres processes": 12,
    "postgres threads": 12,
    "redis descriptors": 48,
    "redis connections": 48,
    "clinic descriptors": 48,
}


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_the_clinic_endures(
    *,
    clinic: Clinic,
    database_link: Link,
    redis_server: RedisServer,
    postgres_server: PostgresServer,
    load: Loader,
    monkey: Monkey,
    soak: Soaker,
) -> None:
    app = clinic(database=database_link, breaker_cooldown=0.2, slots=SLOTS, pool_size=4)
    page = Get(f"{app.url}/slots", path=lambda call: f"?page={call.index % 100}")
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.random.randrange(SLOTS) + 1, "patient": f"p{call.user}"},
        expect={201, 409},
    )
    upload = Post(f"{app.url}/ingest", body=lambda call: call.random.randbytes(16 * 1024))
    operations = mix((6, page), (3, booking), (1, upload))

    def drive() -> Run:
        return load(operations, rate=RATE)

    length = soak.duration
    found = soak(
        drive,
        app,
        postgres_server,
        redis_server,
        faults=monkey(
            redis_server.killed,
            postgres_server.connections_terminated,
            database_link.severed,
            database_link.slowed(0.05),
            gap=(min(1800.0, length / 9), min(3600.0, length / 6)),
            lasting=(0.5, min(10.0, 1 + length / 600)),
        ),
        grace=min(10.0, 1 + length / 60),
    )
    assert PROMISED.met_by(found.calm)
    assert found.strikes
    assert found.steady(allow={name: more * 3600 / length for name, more in BREATH.items()})
    assert found.harness_steady()
