"""A watch shows the loads of a test while they go on, and never harms it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report import watch as module
from pytest_resilience.report.watch import Watch
from pytest_resilience.timeline import Episode, Receipt, Timeline
from pytest_resilience.waiting import wait_until


@dataclass(eq=False)
class Load:
    label: str = "GET /slots"
    began: float = 100.0
    left: float | None = None
    users: float | None = None
    in_flight: int = 0
    samples: Samples = field(default_factory=Samples)


class Seen:
    """A display that remembers; its thread never looks by itself unless asked to."""

    def __init__(self, *, every: float = 3600.0, apart: float = 0.0) -> None:
        self.every, self.apart = every, apart
        self.lines: list[list[str]] = []
        self.cleared = 0
        self.threads: set[str] = set()

    def show(self, lines) -> None:
        self.lines.append(list(lines))
        self.threads.add(threading.current_thread().name)

    def clear(self) -> None:
        self.cleared += 1


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "progress of load"]


def test_each_look_shows_each_load_and_the_faults_in_force():
    line, seen, clock, notes = Timeline(), Seen(), Clock(), []
    watch = Watch(seen, line, note=notes.append, clock=clock)
    load = Load(left=57.0)
    watch.began(load)
    clock.now = 103.0
    load.samples.append(Sample(102.0, 102.0, 102.5, 200, None, "GET /"))
    watch.look()
    line.strike(Episode("redis.killed", 103.0, Receipt()))
    other = Load(label="GET /other", users=7)
    watch.began(other)
    watch.look()
    watch.ended(load)
    watch.look()
    watch.ended(other)
    assert seen.lines == [
        ["3 s, 57 s left | -/s | p50 - | p99 - | errors 0% | 0 in flight | GET /slots"],
        [
            "3 s, 57 s left | redis.killed | -/s | p50 - | p99 - | errors 0% | 0 in flight | GET /slots",
            "3 s | redis.killed | -/s | p50 - | p99 - | errors - | 7 users | GET /other",
        ],
        ["3 s | redis.killed | -/s | p50 - | p99 - | errors - | 7 users | GET /other"],
    ]
    assert notes == []


def test_the_parts_of_a_whole_are_not_told_twice():
    line, seen = Timeline(), Seen()
    watch = Watch(seen, line, note=print, clock=Clock())
    for name in ("api.slowed", "redis.killed", "together(api.slowed, redis.killed)"):
        line.strike(Episode(name, 100.0, Receipt()))
    load = Load()
    watch.began(load)
    watch.look()
    watch.ended(load)
    assert "| together(api.slowed, redis.killed) |" in seen.lines[0][0]
    assert "+" not in seen.lines[0][0]


def test_a_line_is_due_once_in_so_many_seconds_of_each_run():
    seen, clock = Seen(apart=10.0), Clock()
    watch = Watch(seen, Timeline(), note=print, clock=clock)
    first, second = Load("one", began=100.0), Load("two", began=105.0)
    watch.began(first)
    watch.began(second)
    told = {}
    for now in range(100, 140):
        clock.now = now
        watch.look()
        if seen.lines[-1]:
            told[now - 100] = [line.rpartition(" | ")[2] for line in seen.lines[-1]]
    watch.ended(first)
    watch.ended(second)
    assert told == {10: ["one"], 15: ["two"], 20: ["one"], 25: ["two"], 30: ["one"], 35: ["two"]}


def test_the_thread_lasts_as_long_as_the_loads_and_leaves_the_screen_clear():
    seen = Seen(every=0.001)
    watch = Watch(seen, Timeline(), note=print)
    one, two = Load(), Load()
    for _ in range(2):
        cleared = seen.cleared
        watch.began(one)
        watch.began(two)
        assert len(threads()) == 1
        wait_until(lambda: any(len(lines) == 2 for lines in seen.lines), within=10)
        watch.ended(one)
        assert len(threads()) == 1
        watch.ended(two)
        assert threads() == [] and seen.cleared == cleared + 1
        seen.lines.clear()
    assert seen.threads == {"progress of load"}


def test_one_that_never_began_may_end():
    watch = Watch(Seen(), Timeline(), note=print)
    watch.ended(Load())
    assert threads() == []


@pytest.mark.parametrize("trouble", [OSError(5, "Input/output error"), ValueError("a mistake of ours")])
def test_what_goes_wrong_is_noted_once_and_harms_nobody(trouble: Exception):
    class Broken(Seen):
        def show(self, lines) -> None:
            raise trouble

    notes: list[str] = []
    watch = Watch(Broken(every=0.001), Timeline(), note=notes.append)
    for _ in range(3):
        load = Load()
        watch.began(load)
        wait_until(lambda: notes, within=10)
        watch.ended(load)
    assert notes == [f"the progress of load was not shown any more: {trouble!r}"]
    assert threads() == []


def test_a_terminal_that_takes_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    release, stuck = threading.Event(), threading.Event()

    class Stopped(Seen):
        def show(self, lines) -> None:
            stuck.set()
            release.wait(30)

    notes: list[str] = []
    watch, load = Watch(Stopped(every=0.001), Timeline(), note=notes.append), Load()
    watch.began(load)
    assert stuck.wait(10)
    watch.ended(load)
    assert notes == ["the progress of load was not shown any more: the terminal takes nothing"]
    release.set()
    wait_until(lambda: not threads(), within=10)


def test_a_test_that_has_used_up_all_threads_goes_on(monkeypatch):
    def refuse(_) -> None:
        raise RuntimeError("can't start new thread")

    notes: list[str] = []
    watch, load = Watch(Seen(), Timeline(), note=notes.append), Load()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    watch.began(load)
    watch.ended(load)
    assert notes == ["the progress of load was not shown any more: can't start new thread"]
