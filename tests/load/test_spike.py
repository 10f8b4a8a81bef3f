"""A crowd comes from one moment to the next, goes, and a greater one comes. Between them all is as before.

In a spike each answer is the page or a clear refusal, within the time that somebody waits for it; when it is over, the
service owes nothing to it. At the full size the second crowd asks about 1,500 times a second, which is as much as one
instance of the clinic can do with a core of its own; give the driver another.
"""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Sized, spike, steady

CALM = SLO(p95=0.25, error_rate=0)
CROWDED = SLO(p95=1, error_rate=1)  # served or refused, nobody waits for long
SETTLED = 0.5  # seconds after a spike in which its last answers are still under way


@pytest.mark.load
@pytest.mark.catches("blocking-call", by="met_by")
def test_a_crowd_leaves_nothing_behind(clinic: Clinic, load: Loader, sized: Sized) -> None:
    few, many, more = sized(quick=(24, 96, 144), standard=(50, 400, 600), full=(100, 2000, 3000))
    calm, lasting = sized(quick=(1.75, 1), standard=(10, 10), full=(60, 60))
    think = sized(quick=(0.2, 0.4), standard=(0.5, 1.5), full=(1.0, 3.0))
    app = clinic()
    crowds = spike(few, many, at=calm, lasting=lasting, total=calm + lasting) + spike(
        few, more, at=calm, lasting=lasting, total=calm + lasting
    )
    with load(Get(f"{app.url}/slots"), users=crowds + steady(few, lasting=calm), think=think) as run:
        run.finish()
    begins = [run.began + each * (calm + lasting) for each in range(3)]
    quiet = [run.samples.between(begin + SETTLED, begin + calm) for begin in begins]
    crowded = [run.samples.between(begin + calm, begin + calm + lasting) for begin in begins[:2]]
    for window in quiet:
        assert CALM.met_by(window)
        assert window.statuses == {200}
    # What each crowd leaves is compared with before it, in the same run: a backlog would show in every answer.
    for after in quiet[1:]:
        assert after.quantile(0.25) < 0.03 + 2 * quiet[0].quantile(0.25)
    for window, size in zip(crowded, (many, more), strict=True):
        assert CROWDED.met_by(window)
        assert window.p99 < 2
        assert window.statuses <= {200, 503}
        assert not window.errors.keys() - {"status 503"}
        assert len(window) / lasting > 0.5 * (size / few) * len(quiet[0]) / (calm - SETTLED)  # the crowd did come
