"""Redis fails over in use. As a cache it is optional: nobody is refused. As a queue it keeps what it took."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, PostgresServer, RedisCluster, RedisClusters, Sized, wait_until

RATE = 30
READS = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by="run.examples")
@pytest.mark.failure_mode(
    "The cache fails over",
    symptom="None; pages come from the database for a moment.",
    detection=(
        'Sentinel logs `+switch-master`; `clinic_cache_total{result="error"}` has a short wave; `breaker cache:` '
        "opens and closes in the log."
    ),
    mitigation=[
        "Nothing for the clinic. See why the old primary went, and that it is a replica when it comes back.",
    ],
)
def test_slots_are_served_while_the_cache_fails_over(
    redis_cluster: RedisClusters, clinic: Clinic, load: Loader, sized: Sized
) -> None:
    hold = sized(quick=1.2, standard=10.0, full=60.0)
    cache = redis_cluster(sentinel=True)
    first = cache.primary
    app = clinic(cache=cache)
    with load(Get(f"{app.url}/slots", expect=200), rate=100) as run:
        run.hold(hold)
        with cache.failed_over() as outage:
            run.hold(hold)
        run.hold(hold)
        run.hold_until_recovered(outage, to=READS)
    assert cache.primary is not first
    assert not run.examples  # nobody was refused
    before = lookups(cache)
    wait_until(lambda: urlopen(f"{app.url}/slots").status == 200 and lookups(cache) > before, within=20)
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.during(outage))
    assert float(outage.receipt.counts["seconds_until_writes"]) < 30
    assert run.recovery(outage, to=READS) < 5


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "The queue fails over",
    symptom=(
        "`/jobs` is 503 with `dependency: redis` until the replica is promoted; jobs that were taken just before "
        "may be missing."
    ),
    detection=(
        'Workers log `no queue: ConnectionError`; `clinic_breaker_state{breaker="queue",state="OPEN"}`; '
        "`master_link_status:down` of the replica."
    ),
    mitigation=[
        ("Promote the replica (`REPLICAOF NO ONE`), and lead the address to it; workers find it by themselves."),
        ("Ask for the state of jobs of the last second before it: `no_such_job` was lost, and is to be sent again."),
    ],
)
@pytest.mark.catches("job-acknowledged-early", by="run.samples.statuses")
def test_jobs_outlive_the_queue_they_were_put_into(
    redis_cluster: RedisClusters, clinic: Clinic, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    hold = sized(quick=1.0, standard=10.0, full=60.0)
    queue = redis_cluster()
    app = clinic(cache=queue)
    clinic(cache=queue, role="worker", name="worker")
    letter = {"kind": "reminder", "payload": {"patient": "p", "slot": 1}}
    jobs = Post(
        f"{app.url}/jobs",
        json=letter,
        keep=lambda answer: answer.json()["id"] if answer.status == 202 else None,
    )
    with load(jobs, rate=RATE) as run:
        run.hold(hold)
        with queue.failed_over(noticed_after=0.3) as outage:
            run.hold(hold * 2)
        run.hold(hold)
    assert run.samples.statuses == {202, 503}
    assert run.after(outage).statuses == {202}
    # Redis answers before its replica has it: what was answered just before the crash may be lost, and nothing else.
    early = run.samples.between(run.began, outage.striking - 0.5).returned
    late = run.under(outage).returned + run.after(outage).returned
    safe = {job for job in early + late if job}
    assert len(safe) > RATE * hold

    def undone() -> set[object]:
        return safe - {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")}

    wait_until(lambda: not undone(), within=20, what="the jobs that were taken are done")


def lookups(cache: RedisCluster) -> int:
    """How often something was looked up, as INFO commandstats has it: `cmdstat_get:calls=3,usec=...`."""
    stats = str(cache.primary.command("INFO", "commandstats"))
    lines = (line.partition(":calls=") for line in stats.splitlines())
    return sum(int(rest.partition(",")[0]) for name, _, rest in lines if name == "cmdstat_get")
