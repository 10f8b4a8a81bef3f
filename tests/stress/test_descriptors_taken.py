"""Neighbours have thousands of files open. The host has more, and the clinic goes on opening what it needs."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized

SERVED = SLO(p95=1, error_rate=0.01)


@pytest.mark.stress
@pytest.mark.failure_mode(
    "The host runs short of files",
    symptom="None, until the host's own limit is reached.",
    detection="`node_filefd_allocated` near `node_filefd_maximum`.",
    mitigation=[
        "Find who has them (`lsof | awk '{print $1}' | sort | uniq -c | sort -n`) and end it.",
        "Raise fs.file-max.",
    ],
)
@pytest.mark.catches("sheds-for-neighbours", by="SERVED.met_by")
def test_new_connections_are_taken_while_files_are_scarce(app: Service, hogs: Hogs, load: Loader, sized: Sized) -> None:
    taken = sized(quick=10_000, standard=100_000, full=500_000)
    fresh = Get(f"{app.url}/slots", expect=200, headers={"Connection": "close"})  # each needs a descriptor of its own
    with load(fresh, rate=150) as run:
        run.hold(0.7)
        with hogs.descriptors(taken, fall_short=True) as squeeze:
            run.hold(sized(quick=2.5, standard=30, full=300))
        run.hold_until_recovered(squeeze, to=SERVED)
    assert int(squeeze.receipt.counts["descriptors"]) >= 10_000
    served = run.under(squeeze)
    assert SERVED.met_by(served)
    assert served.statuses == {200}
    assert run.recovery(squeeze, to=SERVED) < 30
