"""Anything may fail at any moment: the cache, the database, the road to it.

A monkey strikes them at random under bookings. What was acknowledged is in the database, and nothing is there that
nobody asked for; whoever was refused was told so clearly; and soon after the monkey is caught, all is as it was.
"""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Link, Loader, Monkey, Post, PostgresServer, RedisServer, Sized

BOOKING = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by="dependency")
@pytest.mark.catches("500-for-503", by="run.examples")
@pytest.mark.failure_mode(
    "Things fail at random",
    symptom="Short waves of 503; whoever got a 201 has the booking.",
    detection="`changes(clinic_breaker_state[10m])` is high for more than one breaker; `/ready` comes and goes.",
    mitigation=[
        "Look for what all of it shares: host, switch, storage, a deployment.",
        "Leave the clinic running; it recovers from each by itself.",
        "Replay a run of the scenario that failed with the seed that it prints.",
    ],
)
def test_bookings_stay_true_whatever_the_monkey_does(
    *,
    clinic: Clinic,
    database_link: Link,
    redis_server: RedisServer,
    postgres_server: PostgresServer,
    load: Loader,
    monkey: Monkey,
    sized: Sized,
) -> None:
    # A breaker that is open shields the database from the monkey, too: it is to look again within each strike.
    app = clinic(database=database_link, breaker_cooldown=0.1, slots=100_000)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"patient {call.index}"},
        expect={201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    with load(bookings, rate=80) as run:
        run.hold(1)
        with monkey(
            redis_server.killed,
            redis_server.paused,
            postgres_server.killed,
            postgres_server.connections_terminated,
            database_link.severed,
            database_link.slowed(0.05),
            gap=(0.1, 0.3),
            lasting=(0.3, 0.5),
        ) as mischief:
            run.hold(sized(quick=6, standard=60, full=600))
        run.hold_until_recovered(mischief, to=BOOKING)

    assert not run.examples  # no crash, no hang, no broken answer
    answers = [kept for kept in run.samples.returned if isinstance(kept, tuple)]
    booked = {body["slot"]: body["patient"] for status, body in answers if status == 201}
    refused = [body for status, body in answers if status == 503]
    assert refused
    assert {body["dependency"] for body in refused} == {"database"}  # the cache is optional
    assert {body["outcome"] for body in refused} <= {"not done", "unknown"}
    assert run.recovery(mischief, to=BOOKING) < 3

    rows = postgres_server.query("SELECT slot, patient FROM bookings")
    held = {int(slot or 0): patient for slot, patient in rows}
    assert all(patient == f"patient {slot - 1}" for slot, patient in held.items())
    assert len(held) == len(rows)
    assert booked.items() <= held.items()
    unknown = sum(body["outcome"] == "unknown" for body in refused)
    assert len(held) - len(booked) <= unknown
