"""An instance crashes with requests in flight, some of them booked already. A retry elsewhere never books twice."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import pytest
from harness import Clinic

from pytest_resilience import SLO, Call, Link, Loader, PostgresServer


class Refused(Exception):
    """No instance made the booking, or had made it before."""


@pytest.mark.chaos
@pytest.mark.catches("idempotency-key-ignored", by="run.examples")
@pytest.mark.failure_mode(
    "An instance crashes under load",
    symptom="Connections to it end in the middle; clients that ask again elsewhere are served.",
    detection=(
        "`up == 0` of one instance, a `kube_pod_container_status_restarts_total` that grows, and connection errors "
        "at the balancer."
    ),
    mitigation=[
        "The balancer and the supervisor do what is needed: take it out, start it again.",
        "Clients repeat with the same Idempotency-Key; nothing is booked twice.",
        "Read its last log lines and the kernel's log for the cause before it has restarted often.",
    ],
)
def test_a_crashed_instance_loses_and_doubles_nothing(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    one, two = clinic(name="one", database=database_link), clinic(name="two")
    hosts = [url.removeprefix("http://") for url in (one.url, two.url)]

    def book(call: Call) -> tuple[int, int]:
        booking = json.dumps({"slot": call.index + 1, "patient": f"patient {call.index}"})
        key = {"Idempotency-Key": f"key {call.index}"}
        refusal = ""
        # As a load balancer does: the next instance where this one is gone, or says that it is not ready.
        for host in (hosts[call.index % 2], hosts[1 - call.index % 2]):
            try:
                with closing(HTTPConnection(host, timeout=3)) as connection:
                    connection.request("POST", "/bookings", booking, key)
                    answer = connection.getresponse()
                    told = answer.read().decode()
            except (OSError, HTTPException) as error:  # it may have been booked, or not
                refusal = repr(error)
                continue
            if answer.status in {200, 201}:
                return call.index + 1, answer.status
            refusal = f"{answer.status} {told}"
            if answer.status != 503:
                break
        raise Refused(refusal)

    with load(book, rate=60) as run:
        run.hold(1)
        # Answers of the database are on their way to the instance for so long that it dies with some of them unread.
        with database_link.slowed(0.1, direction="downstream"):
            run.hold(1)
            with one.killed() as crash:
                run.hold(2)
        run.hold(2)
    assert not run.examples
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.samples)
    assert len(run.during(crash)) > 100

    told = dict(pair for pair in run.samples.returned if isinstance(pair, tuple))
    assert 200 in told.values()  # it had been booked, and only the answer was lost
    held = [int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings ORDER BY slot")]
    assert held == sorted(told)
