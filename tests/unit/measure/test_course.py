"""The course of what services hold: what is read, when a new life begins, and that nothing unread is passed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import pytest

from pytest_resilience import Course, UsageError, wait_until
from pytest_resilience.errors import ServiceStateError
from pytest_resilience.measure.course import Track, Tracks, steadiness
from pytest_resilience.measure.probe import Harness, Probe

PROGRAM = """
import time, sys
held, pace = [bytearray(range(256)) * 40_000], float(sys.argv[1])
print("ready", flush=True)
while True:
    held.append(bytearray(b"x") * int(pace / 50))
    if not pace:
        held[1:] = [bytearray(b"y") * 200_000]
    time.sleep(0.02)
"""


@dataclass
class Used:
    cpu_seconds: float = 1.0
    rss: int = 50_000_000
    descriptors: int | None = 20
    threads: int | None = 4
    processes: int = 1


@dataclass
class Server:
    name: str = "db"
    used: Used = field(default_factory=Used)
    down: bool = False
    refuses: bool = False

    def usage(self) -> Used:
        if self.down:
            raise ServiceStateError("db is not running")
        return self.used

    def connections(self) -> int:
        if self.refuses:
            raise ConnectionRefusedError
        return 7


def test_a_server_is_read_whole() -> None:
    assert Probe(Server())() == {
        "db memory": 50e6, "db processes": 1, "db descriptors": 20, "db threads": 4, "db connections": 7
    }  # fmt: skip


def test_what_cannot_be_seen_is_left_out() -> None:
    server = Server(used=Used(descriptors=None), refuses=True)
    assert Probe(server)().keys() == {"db memory", "db processes", "db threads"}


def test_one_that_was_down_begins_a_new_life() -> None:
    server = Server()
    probe = Probe(server)
    probe()
    assert probe.life == 0
    server.down = True
    assert probe() == {}
    server.down = False
    probe()
    assert probe.life == 1


def test_one_whose_processor_time_went_back_begins_a_new_life() -> None:
    server = Server()
    probe = Probe(server)
    probe()
    server.used.cpu_seconds = 0.4
    probe()
    assert probe.life == 1


def tracks(**values: float) -> Tracks:
    made = {}
    for name, slope in values.items():
        track = made[name.replace("_", " ")] = Track()
        for at in range(600):
            track.add(at / 5, 20 + slope * at / 5, 0)
    return made


def test_one_figure_that_grows_is_a_miss() -> None:
    verdict = steadiness(tracks(app_descriptors=0, app_threads=1))
    assert verdict.missed
    assert str(verdict).startswith("missed: app threads grows by 3.6e+03 an hour")


def test_what_was_never_read_is_not_passed() -> None:
    assert steadiness(tracks(app_threads=0)).met
    assert steadiness({**tracks(app_threads=0), "db connections": Track()}).inconclusive


def test_by_how_much_it_may_grow_can_be_said_by_name_and_by_word() -> None:
    assert steadiness(tracks(app_threads=1), allow={"threads": 4000}).met
    assert steadiness(tracks(app_threads=1), allow={"app threads": 4000, "threads": 1}).met


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Course, "give what is to be watched"),
        (lambda: Course(Server(), every=0), "more than zero"),
        (lambda: Course(Server(), Server()), "a name of its own"),
        (lambda: Course(print), "cannot be watched"),
        (lambda: steadiness(tracks(app_threads=0), allow={"sockets": 1}), "none of app threads"),
        (lambda: steadiness(tracks(app_threads=0), allow={"threads": -1}), "0 or more"),
        (lambda: steadiness(tracks(app_threads=0), warmup=-1), "zero or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_a_number_that_is_none_is_raised_when_the_course_is_left() -> None:
    with pytest.raises(UsageError, match="expected to read a number"), Course(every=0.01, queue=lambda: "7"):
        pass


def test_the_harness_reads_itself() -> None:
    found = Probe(Harness())()
    assert found["pytest memory"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert found["pytest threads"] >= 1


class Child:
    """A real process that holds more and more, or does not."""

    def __init__(self, name: str, pace: float) -> None:
        self.name = name
        command = [sys.executable, "-c", PROGRAM, str(pace)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self._seen = psutil.Process(self.process.pid)

    def usage(self) -> Used:
        times = self._seen.cpu_times()
        return Used(times.user + times.system, self._seen.memory_info().rss, self._seen.num_fds(), 1)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_real_processes_that_leak_and_that_do_not() -> None:
    with Child("calm", 0) as calm, Child("leaky", 12_000_000) as leaky, Course(calm, leaky, every=0.02) as course:
        wait_until(lambda: len(course.tracks["leaky memory"].at) >= 200, within=30)
    found = {one.objective: one.outcome.value for one in course.steady().findings}
    assert found["leaky memory"] == "missed"
    assert {name for name, outcome in found.items() if outcome != "met"} == {"leaky memory"}
