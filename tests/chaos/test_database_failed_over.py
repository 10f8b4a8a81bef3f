"""The database's primary dies while its standby is behind, and the standby takes over.

With synchronous replication no booking that a patient was told of is lost, at the price of refusals while the standby
is behind. With asynchronous replication nobody is refused for that, bookings are lost, and how many is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from harness import Clinic, booked

from patients import FREE, patients
from pytest_resilience import (
    Episode,
    Fate,
    History,
    Loader,
    Post,
    PostgresCluster,
    PostgresClusters,
    Run,
    Sized,
    linearizable,
    nothing_doubled,
    nothing_lost,
)

RATE = 60
WITHIN = 30


@dataclass
class Failover:
    """What happened, to whom it was told, and what is left of it."""

    run: Run
    stall: Episode
    outage: Episode
    cluster: PostgresCluster

    @property
    def told(self) -> list[int]:
        """The slots whose patients were told that they have them."""
        return [slot for slot in self.run.samples.returned if isinstance(slot, int)]

    @property
    def held(self) -> list[int]:
        """The slots that the new primary knows to be taken."""
        return booked(self.cluster.primary)

    @property
    def seconds_until_bookings(self) -> float:
        """From when the new primary was there until nobody was refused any more.

        Until the heal begins: when the old one comes back as a standby that is waited for, some wait for too long.
        """
        alone = self.run.samples.between(-math.inf, self.outage.healing or math.inf)
        return max(sample.done for sample in alone if sample.status == 503) - self.outage.struck


def failed_over(cluster: PostgresCluster, clinic: Clinic, load: Loader, sized: Sized) -> Failover:
    hold = sized(quick=1.0, standard=5.0, full=60.0)
    app = clinic(database=cluster, slots=int(RATE * 60 * hold))
    first = cluster.primary
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        keep=lambda answer: answer.json()["slot"] if answer.status == 201 else None,
    )
    with load(bookings, rate=RATE) as run:
        run.hold(hold)
        with cluster.replication_stalled() as stall:
            run.hold(hold * 0.7)
            with cluster.failed_over(noticed_after=0.3) as outage:
                run.hold(hold * 2)
        for _ in range(WITHIN):
            run.hold(1)
            if run.samples.lately(1).statuses == {201}:
                break
    assert cluster.primary is not first and cluster.standby is first
    assert run.before(stall).statuses == {201}
    assert 201 in run.samples.lately(1).statuses
    assert run.samples.statuses == {201, 503}  # clear refusals, and nothing else
    return Failover(run, stall, outage, cluster)


@pytest.mark.chaos
@pytest.mark.catches("commit-not-flushed", by="nothing_lost")
@pytest.mark.failure_mode(
    "The database fails over, replicating synchronously",
    symptom=(
        "While the standby is behind, bookings wait and are then refused (503, `outcome: unknown`); after the "
        "promotion they go on."
    ),
    detection=(
        "pg_stat_replication has no row, or a `sync_state` without `streaming`; waits of `SyncRep` in "
        "pg_stat_activity; then `breaker database: CLOSED -> OPEN`."
    ),
    mitigation=[
        "Promote the standby (`pg_promote()`), and lead the address to it: clients reconnect by themselves.",
        ("Nothing that was acknowledged is lost. Whoever got `unknown` repeats with the same Idempotency-Key."),
        "Rebuild the old primary as a standby before it may take connections again.",
    ],
)
def test_no_acknowledged_booking_is_lost(
    postgres_cluster: PostgresClusters, clinic: Clinic, load: Loader, sized: Sized
) -> None:
    failover = failed_over(postgres_cluster(synchronous=True), clinic, load, sized)
    assert len(failover.told) > RATE
    assert nothing_lost(failover.told, failover.held)
    assert nothing_doubled(failover.held)
    # Nothing was acknowledged that the standby did not have, and it had nothing of that time.
    assert 201 not in failover.run.samples.between(failover.stall.struck + 0.1, failover.outage.striking).statuses
    assert failover.seconds_until_bookings < WITHIN


@pytest.mark.chaos
@pytest.mark.catches("acknowledged-before-commit", by="run.samples.statuses")
@pytest.mark.failure_mode(
    "The database fails over, replicating asynchronously",
    symptom="A short outage (503), then all goes on; some of the last bookings before it are missing.",
    detection=(
        "pg_stat_replication before it: `replay_lag`, and pg_current_wal_lsn() minus `replay_lsn` is what may be "
        "lost; `breaker database:` in the log."
    ),
    mitigation=[
        "Promote the standby, and lead the address to it.",
        "Keep the old primary's directory: its last commits are there, and tell which bookings were lost.",
        "Tell those patients; where that may not happen, set synchronous_standby_names.",
    ],
)
def test_how_many_bookings_were_lost_is_known(
    postgres_cluster: PostgresClusters, clinic: Clinic, load: Loader, sized: Sized
) -> None:
    failover = failed_over(postgres_cluster(), clinic, load, sized)
    lost = set(failover.told) - set(failover.held)
    commits = failover.outage.receipt.counts["commits_lost"]
    # All of them are among the commits that the old primary took with it; the others were refused to their patients.
    refused = sum(sample.status == 503 for sample in failover.run.samples)
    assert isinstance(commits, int)
    assert 0 < len(lost) <= commits <= len(lost) + refused
    assert failover.seconds_until_bookings < WITHIN


@pytest.mark.chaos
@pytest.mark.catches("taken-slot-acknowledged", by="linearizable")
@pytest.mark.failure_mode(
    "Two servers think that they are the primary",
    symptom=(
        "Patients could be told of slots by a server that has been deposed; the clinic closes its sessions there, "
        "and they are not."
    ),
    detection="pg_is_in_recovery() is false on both servers; their timelines (pg_control_checkpoint) differ.",
    mitigation=[
        "Stop the old primary at once (fence it), and see that the address leads to the new one.",
        "Compare the bookings of both after the promotion before the old one is rebuilt.",
    ],
)
def test_nobody_is_told_what_the_old_primary_thought(
    postgres_cluster: PostgresClusters, clinic: Clinic, load: Loader, sized: Sized
) -> None:
    hold = sized(quick=1.0, standard=5.0, full=20.0)
    cluster = postgres_cluster(synchronous=True)
    app = clinic(database=cluster, slots=int(100 * hold))
    with load(patients(app.url), rate=80) as run:
        run.hold(hold)
        with cluster.failed_over(noticed_after=0.3):
            run.hold(hold * 3)
    told = History.of(run.samples)
    assert len(told.only("read", fate=Fate.OK)) > 30 * hold
    assert linearizable(told, FREE)
