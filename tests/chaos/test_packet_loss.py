"""The network to the database loses one packet in ten. Bookings wait for retransmissions, and nearly all succeed."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Linker, Loader, Post, PostgresServer

BOOKING = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("single-connection", by="met_by")
@pytest.mark.failure_mode(
    "The network to the database loses packets",
    symptom="Most bookings are as quick as ever, some are 0.2 s and more late, few are 503.",
    detection=(
        "p99 far above p50; `rate(node_netstat_Tcp_RetransSegs)` on both hosts; `ethtool -S` shows errors at one of"
        " the ports."
    ),
    mitigation=[
        "Find the lossy hop (`mtr`), and take that port, cable or host out.",
        "The clinic needs nothing: TCP sends again, and deadlines bound the rest.",
    ],
)
def test_bookings_bear_a_lossy_network(
    clinic: Clinic, link: Linker, postgres_server: PostgresServer, load: Loader
) -> None:
    database = link(postgres_server, name="database", packets=True)
    app = clinic(database=database)
    bookings = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=40) as run:
        run.hold(2)
        with database.lossy(0.1) as loss:
            run.hold(6)
        run.hold_until_recovered(loss, to=BOOKING)
    assert run.before(loss).statuses == {201}
    lossy = run.under(loss)
    assert SLO(p95=0.9, error_rate=0.15).met_by(lossy)
    assert lossy.p95 > 0.2  # those of a lost packet waited for it to be sent again
    assert lossy.quantile(0.5) < 0.1  # the others did not
    assert lossy.statuses <= {201, 503}
    assert run.recovery(loss, to=BOOKING) < 3
