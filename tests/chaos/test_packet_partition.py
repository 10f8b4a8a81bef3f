"""The network between the clinic and its database loses every packet for a while: TCP itself keeps trying."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Linker, Loader, Post, PostgresServer

BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("breaker-never-opens", by="quantile")
@pytest.mark.failure_mode(
    "No packet gets to the database",
    symptom="Bookings wait up to 0.9 s at first and are then 503 at once; connections stay open on both sides.",
    detection=(
        "`/ready` is 503 with `database: timeout`; `ss -ti` shows retransmissions that grow; no RST and no FIN is seen."
    ),
    mitigation=[
        "Ask the network: a firewall rule that drops, a route that leads nowhere, an address that moved.",
        ("Nothing for the clinic: dead connections are given up after `DB_TIMEOUT`, and it comes back by itself."),
    ],
)
def test_bookings_fail_fast_while_no_packet_gets_through(
    clinic: Clinic, link: Linker, postgres_server: PostgresServer, load: Loader
) -> None:
    database = link(postgres_server, name="database", packets=True)
    app = clinic(database=database)
    bookings = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=60) as run:
        run.hold(2)
        with database.partitioned() as partition:
            run.hold(4)
        run.hold_until_recovered(partition, to=BACK)
    assert run.before(partition).statuses == {201}
    cut_off = run.under(partition)
    assert cut_off.statuses == {503}
    assert cut_off.quantile(0.5) < 0.1  # the breaker answers for the database
    assert max(cut_off.latencies) < 2
    assert partition.receipt.counts["segments_retransmitted"]
    assert run.recovery(partition, to=BACK) < 5
