"""The breaking point is found where it is, and no number is given where it is not known."""

from __future__ import annotations

import heapq
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import load_server
import paced_server
import pytest

from pytest_resilience import timeline
from pytest_resilience.errors import DriverSaturated, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.capacity import breaking_point
from pytest_resilience.load.knee import Knee
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.request import Get
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.measure.slo import SLO

URL = Get("http://127.0.0.1:9/")
QUICK = SLO(p99=0.1, error_rate=0.01)


@dataclass
class Simulated:
    """A service of a known capacity and a driver, in a time of their own; stands in for the `load` fixture.

    :ivar capacity: answers per second, of four workers.
    :ivar driver: the most arrivals per second that the driver manages without falling behind.
    :ivar hiccup: the number of a run that the machine spoils.
    """

    capacity: float
    driver: float = 1e9
    hiccup: int | None = None
    never_calm: bool = False
    rates: list[float] = field(default_factory=list)
    deadlines: set[float] = field(default_factory=set)

    def __call__(self, what: object, *, rate: float, deadline: float, drivers: int, connections: int | None) -> Run:
        self.rates.append(rate)
        self.deadlines.add(deadline)
        return Run(self, rate, deadline, spoilt=len(self.rates) - 1 == self.hiccup)


@dataclass
class Run:
    service: Simulated
    rate: float
    deadline: float
    spoilt: bool = False
    began: float = 1000.0
    lasted: float = 0.0

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of it."""

    def hold(self, seconds: float) -> None:
        self.lasted += seconds

    @property
    def samples(self) -> Samples:
        return Samples(self._samples())

    def _samples(self) -> Iterator[Sample]:
        takes = 4 / self.service.capacity
        workers = [0.0] * 4
        lag = max(0.0, 1 / self.service.driver - 1 / self.rate)  # how much later each is sent than the one before
        broken = self.service.never_calm and max(self.service.rates) > self.service.capacity
        for index in range(round(self.rate * self.lasted)):
            due = self.began + index / self.rate
            sent = due + index * lag
            done = max(sent, heapq.heappop(workers)) + takes
            heapq.heappush(workers, done)
            if broken or done - due > self.deadline:
                yield Sample(due, sent, due + self.deadline, None, "timeout", "GET /")
            else:
                yield Sample(due, sent, done + 0.5 * self.spoilt, 200, None, "GET /")


def search(load: Simulated, **options: float) -> Knee:
    return breaking_point(URL, load=load, slo=QUICK, **{"start": 50, "top": 5000, **options})


@pytest.mark.parametrize("capacity", [70, 100, 123, 400, 777, 1000, 3000])
def test_it_is_found_within_a_tenth_of_the_capacity(capacity):
    knee = search(Simulated(capacity))
    assert 0.9 * capacity <= knee.sustained <= 1.1 * capacity
    assert knee.broke_at is not None
    assert knee.sustained < knee.broke_at <= 1.05 * 1.05 * max(capacity, knee.sustained)


def test_what_broke_is_told_with_where():
    before = timeline.set_current(timeline.Timeline())
    try:
        knee = search(Simulated(400))
        assert [mark.text for mark in timeline.current().marks][-1].endswith(f"to {QUICK!r}: {knee!r}")
    finally:
        timeline.set_current(before)
    assert knee.broke is not None and knee.broke.missed
    shown = repr(knee)
    assert shown.startswith(f"<Knee sustained {knee.sustained:.1f}/s, broke at {knee.broke_at:.1f}/s missed: p99 ")
    assert shown.endswith(f"; {len(knee.steps)} steps>") and "\n" not in shown


def test_a_service_that_falls_behind_has_missed_although_its_latency_has_not_grown_yet():
    patient = SLO(p99=60, error_rate=0.01)
    knee = breaking_point(URL, load=Simulated(400), slo=patient, start=100, top=5000)
    assert 360 <= knee.sustained <= 440
    assert "so it falls behind" in repr(knee)


def test_what_the_top_does_not_break_is_sustained_there():
    knee = search(Simulated(10_000), top=300)
    assert (knee.sustained, knee.broke_at, knee.broke) == (300, None, None)
    assert repr(knee) == "<Knee sustained 300.0/s, the top, and did not break; 4 steps>"


def test_what_the_start_breaks_sustains_nothing():
    knee = search(Simulated(20))
    assert (knee.sustained, knee.broke_at) == (0.0, 50)
    assert repr(knee).startswith("<Knee sustained 0.0/s, broke at 50.0/s missed: ")


def test_a_driver_that_is_the_limit_gives_no_number():
    knee = search(Simulated(10_000, driver=300))
    assert 250 < knee.limited_at <= 330
    with pytest.raises(DriverSaturated, match=r"the generator was the limit at 3\d\d\.\d/s; met at .*drivers="):
        _ = knee.sustained


def test_a_service_that_breaks_below_the_limit_of_the_driver_is_found_all_the_same():
    knee = search(Simulated(250, driver=300), growth=10)
    assert knee.limited_at is None
    assert 225 <= knee.sustained <= 275


@pytest.mark.parametrize("run", [0, 1, 3])
def test_one_bad_run_of_a_shared_machine_is_no_breaking_point(run):
    knee = search(Simulated(400, hiccup=run))
    assert 360 <= knee.sustained <= 440


def test_a_service_that_never_is_itself_again_ends_the_search():
    load = Simulated(150, never_calm=True)
    knee = search(load)
    assert (knee.sustained, knee.broke_at) == (100, 200)
    assert load.rates[-1] == 50  # it was given time at the lowest rate


def test_a_low_rate_is_held_until_the_samples_are_enough():
    knee = breaking_point(URL, load=Simulated(30), slo=SLO(p99=0.3, error_rate=0.01), start=10, top=5000)
    assert all(step.samples >= 299 for step in knee.steps)
    assert 27 <= knee.sustained <= 33


def test_the_deadline_leaves_room_for_the_objective():
    load = Simulated(400)
    breaking_point(URL, load=load, slo=SLO(p99=0.5), start=100, top=5000)
    assert load.deadlines == {2.0}


def test_it_tells_what_the_service_used_where_it_broke():
    used = iter(range(10**6))
    gauge: Callable[[], SimpleNamespace] = lambda: SimpleNamespace(cpu_seconds=next(used) / 1000, rss=45_000_000)  # noqa: E731
    knee = breaking_point(URL, load=Simulated(400), slo=QUICK, start=300, top=500, usage=gauge)
    assert knee.usage is not None
    assert "the service used" in repr(knee) and "45 MB" in repr(knee)


MISTAKES = {
    "start": ({"start": 0}, "start=0"),
    "top": ({"start": 100, "top": 50}, "not above the second"),
    "growth": ({"growth": 1}, "growth=1"),
    "precision": ({"precision": 0}, "precision=0"),
    "hold": ({"hold": 0}, "hold=0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_be_meant_is_refused_before_any_load(mistake):
    load = Simulated(100)
    options, says = MISTAKES[mistake]
    with pytest.raises(UsageError, match=says):
        search(load, **options)
    assert load.rates == []


@pytest.mark.parametrize(
    ("slo", "says"),
    [(SLO(p99=1, recovery=3), "cannot be judged at a steady rate"), (SLO(p99=1, cpu=0.7), "give usage=")],
)
def test_an_objective_that_a_step_cannot_show_is_refused(slo, says):
    with pytest.raises(UsageError, match=says):
        breaking_point(URL, load=Simulated(100), slo=slo, start=1, top=2)


@pytest.fixture
def paced(load_janitor: Janitor) -> Iterator[Callable[[float], str]]:
    """Starts a server of a known capacity."""
    children = []

    def start(capacity: float) -> str:
        with load_server.listen() as listener:
            port = listener.getsockname()[1]
            os.set_inheritable(listener.fileno(), True)
            argv = [sys.executable, str(Path(paced_server.__file__)), str(listener.fileno()), str(capacity)]
            children.append(load_janitor.launch(argv, pass_fds=(listener.fileno(),)))
        return f"http://127.0.0.1:{port}/"

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        child.promise.kept()


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [120, 150, 180, 200, 230, 260, 300, 330, 370, 410])
def test_that_of_a_real_server_is_found_within_a_tenth(load_janitor: Janitor, paced, capacity):
    load = Loader(load_janitor, seed=7, allowed=lambda _: None)
    knee = breaking_point(
        Get(paced(capacity)), load=load, slo=SLO(p95=0.1, error_rate=0.05), start=100, top=800, settle=0.7, hold=1.5
    )
    assert 0.9 * capacity <= knee.sustained <= 1.1 * capacity, knee
