"""How busy the machine was: read from its own figures, and said where it may explain what was slow."""

from __future__ import annotations

import json
import math
import os
import threading
from pathlib import Path

import pytest
from measuring import outage

from pytest_resilience import SLO
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.ledger import Ledger
from pytest_resilience.measure.machine import EVERY, Machine, Ticks, ticks
from pytest_resilience.measure.samples import Sample, Samples, Strain

OURS = sorted(os.sched_getaffinity(0))


class Fake:
    """A machine in a directory, with a clock; each CPU has worked and rested for so many ticks."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, 0.0
        self.worked = self.rested = 1000
        self.group("0::/\n")
        self.tell()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def group(self, text: str) -> None:
        self.write("proc/self/cgroup", text)

    def tell(self, *, worked: int = 0, rested: int = 0, seconds: float = 0.0) -> None:
        self.worked, self.rested, self.now = self.worked + worked, self.rested + rested, self.now + seconds
        ours = "".join(f"cpu{number} {self.worked} 0 0 {self.rested} 0 0 0 0 0 0\n" for number in OURS)
        self.write("proc/stat", f"cpu  7 7 7 7 7 7 7 7 0 0\n{ours}cpu{OURS[-1] + 1} 9 0 0 999999 0 0 0 0 0 0\nintr 5\n")

    def machine(self) -> Machine:
        return Machine(str(self.root), clock=lambda: self.now)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_ticks_leave_out_other_processors_and_count_what_a_hypervisor_took() -> None:
    #           user nice sys idle iowait irq softirq steal guest guest_nice
    stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 40 5 6 7 8 1 0\ncpu1 100 0 0 100 0 0 0 0 0 0\nctxt 5\n"
    assert ticks(stat, [0]) == Ticks(busy=1 + 2 + 3 + 6 + 7 + 8, total=72)
    assert ticks(stat, [0, 1]) == Ticks(busy=127, total=272)


def test_it_is_not_known_before_there_were_two_readings(fake: Fake) -> None:
    machine = fake.machine()
    assert math.isnan(machine.busy())
    fake.tell(worked=10, seconds=EVERY / 2)
    assert math.isnan(machine.busy())


def test_it_is_the_share_since_the_reading_before_and_read_no_more_often_than_it_can_tell(fake: Fake) -> None:
    machine = fake.machine()
    fake.tell(worked=30, rested=10, seconds=EVERY)
    assert machine.busy() == 0.75
    fake.tell(worked=40, seconds=EVERY / 2)
    assert machine.busy() == 0.75
    fake.tell(rested=40, seconds=EVERY / 2)
    assert machine.busy() == 0.5


@pytest.mark.parametrize(
    ("membership", "place"),
    [
        ("0::/pod/box\n", "sys/fs/cgroup/pod/cpu.stat"),
        ("0::/../outer\n", "sys/fs/cgroup/cpu.stat"),
        ("5:memory:/a\n4:cpu,cpuacct:/pod/box\n0::/\n", "sys/fs/cgroup/cpu,cpuacct/pod/cpu.stat"),
    ],
)
def test_a_group_that_used_up_its_quota_is_busy_though_the_host_is_not(fake: Fake, membership: str, place: str) -> None:
    fake.group(membership)
    fake.write(place, "nr_periods 100\nnr_throttled 50\nthrottled_usec 5\n")
    machine = fake.machine()
    fake.tell(worked=10, rested=90, seconds=EVERY)
    fake.write(place, "nr_periods 120\nnr_throttled 69\nthrottled_usec 5\n")
    assert machine.busy() == 0.95
    fake.tell(worked=50, rested=50, seconds=EVERY)  # it wanted nothing in this one
    assert machine.busy() == 0.5
    (fake.root / place).unlink()
    fake.tell(worked=50, rested=50, seconds=EVERY)
    assert machine.busy() == 0.5


def test_a_group_without_a_quota_says_nothing(fake: Fake) -> None:
    fake.write("sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_periods 0\nnr_throttled 0\n")
    machine = fake.machine()
    fake.tell(worked=10, rested=90, seconds=EVERY)
    assert machine.busy() == 0.1


def test_where_it_cannot_be_read_it_is_not_known_and_nothing_else_suffers(fake: Fake) -> None:
    machine = fake.machine()
    (fake.root / "proc/stat").unlink()
    fake.now += EVERY
    assert math.isnan(machine.busy())
    assert math.isnan(fake.machine().busy())
    fake.tell(worked=10, rested=10, seconds=EVERY)
    assert math.isnan(machine.busy())
    fake.tell(worked=10, rested=10, seconds=EVERY)
    assert machine.busy() == 0.5


def test_the_real_one_is_busy_while_all_its_processors_are() -> None:
    now = 0.0
    machine = Machine(clock=lambda: now)
    seen = ticks(Path("/proc/stat").read_text(), OURS)
    while ticks(Path("/proc/stat").read_text(), OURS).total - seen.total < 20 * len(OURS):
        pass
    now = EVERY
    assert 0.5 / len(OURS) < machine.busy() <= 1


def test_a_ledger_notes_it_with_each_batch_and_a_window_has_its_mean() -> None:
    recorder, samples, shares = Recorder(), Samples(), iter([math.nan, 0.5, 1.0, 0.25])
    ledger = Ledger(samples, threading.Lock(), busy=lambda: next(shares))
    name = recorder.name("GET /")
    for at in range(4):
        recorder.succeeded(at, at, at + 0.5, 200, name, 0, None)
        recorder.strain(at, 0.1, 0.0)
        ledger.accept(recorder.batch(in_flight=0))
    assert samples.busy == pytest.approx((0.5 + 1 + 0.25) / 3)
    assert samples.during(outage(1, 2.5)).busy == pytest.approx(0.75)
    assert math.isnan(samples.before(outage(0.5, 1)).busy)


def crowded(busy: float, latency: float = 0.01) -> Samples:
    made = [Sample(at / 100, at / 100, at / 100 + latency, 200, None, "GET /") for at in range(1000)]
    return Samples(made, strain=[Strain(at, 0.1, 0.0, busy) for at in range(10)])


def test_a_line_says_that_the_processors_were_busy_and_else_nothing_of_them() -> None:
    assert repr(crowded(0.984)).endswith("n=1000, 100.0/s, the processors were 98% busy>")
    assert "processors" not in repr(crowded(0.89))
    assert "processors" not in repr(crowded(math.nan))


def test_a_verdict_says_it_where_it_may_explain_what_was_not_met() -> None:
    slo = SLO(p95=0.1)
    assert str(slo.met_by(crowded(1.0, latency=0.5))).endswith("; the processors were 100% busy")
    assert slo.met_by(crowded(1.0, latency=0.5)).missed
    assert "processors" not in str(slo.met_by(crowded(0.5, latency=0.5)))
    assert "processors" not in str(slo.met_by(crowded(1.0)))
    worst = slo.always_met_by(crowded(1.0, latency=0.5), window=2)
    assert str(worst).endswith("; the processors were 100% busy")


def test_it_is_saved_with_the_figures_where_it_is_known(tmp_path: Path) -> None:
    for busy, saved in ((0.5, 0.5), (math.nan, None)):
        crowded(busy).save(tmp_path / "run.json")
        assert json.loads((tmp_path / "run.json").read_text())["busy"] == saved
