"""What has returned to its baseline, what has not and how that is told; on figures that are made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.measure.gauges import UseGauge
from pytest_resilience.measure.leaks import Baseline, Held, Settling, observe


@dataclass
class Use:
    cpu_seconds: float = 1.0
    rss: int = 50_000_000
    descriptors: int | None = 20
    threads: int | None = 4
    processes: int = 1


class Thing:
    def __init__(self, name: str = "app") -> None:
        self.name = name
        self.use = Use()

    def usage(self) -> Use:
        return self.use


class Server:
    name = "postgres"
    open = 4

    def connections(self) -> int:
        return self.open


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def figures(**now: float) -> Callable[[], Mapping[str, float]]:
    """A gauge of figures that a test may change: `read.now["queue"] = 3`."""

    def read() -> Mapping[str, float]:
        return {name.replace("_", " "): value for name, value in now.items()}

    read.now = now  # type: ignore[attr-defined]
    return read


def baseline(read: Callable[[], Mapping[str, float]], **allow: float) -> Baseline:
    return Baseline([read], allow={name.replace("_", " "): value for name, value in allow.items()}, clock=Clock())


def after(now: Mapping[str, float], allow: Mapping[str, float] | None = None, **was: float) -> Settling:
    """How it is judged that figures which were `was` are `now`."""
    read = figures(**was)
    calm = Baseline([read], allow=allow or {}, clock=Clock())
    read.now.update(now)  # type: ignore[attr-defined]
    return calm.settled(within=0)


@pytest.mark.parametrize(
    ("name", "was", "most"),
    [
        ("app connections", 4, 4),
        ("app descriptors", 20, 20),
        ("app threads", 4, 4),
        ("app processes", 2, 2),
        ("queue", 0, 0),
        ("app cpu", 0.02, 0.12),
        ("app memory", 50e6, 66e6),  # 16 MB are more than a quarter
        ("app memory", 400e6, 500e6),
    ],
)
def test_each_figure_has_its_bound(name: str, was: float, most: float) -> None:
    key = name.replace(" ", "_")
    assert after({key: most}, **{key: was})
    assert after({key: 0}, **{key: was})
    assert not after({key: most * 1.001 + 0.001}, **{key: was})


def test_what_has_returned_is_told_in_one_line() -> None:
    settling = after({}, app_memory=50e6, queue=0)
    assert settling
    assert repr(settling) == "<Settled in 0 ms: app memory, queue>"


def test_what_has_not_is_named_with_its_values_the_worst_first() -> None:
    settling = after({"app_descriptors": 60, "app_memory": 80e6, "queue": 900}, app_descriptors=20, app_memory=50e6,
                     app_cpu=0.01, queue=0)  # fmt: skip
    assert not settling
    assert repr(settling) == (
        "<NOT SETTLED after 0 ms: queue 900, was 0, expected at most 0; "
        "app descriptors 60, was 20, expected at most 20; "
        "app memory 80 MB, was 50 MB, expected at most 66 MB; 1 more returned>"
    )
    assert [leak.name for leak in settling.leaks] == ["queue", "app descriptors", "app memory"]


@pytest.mark.parametrize("name", ["descriptors", "app descriptors"])
def test_more_may_be_allowed_by_the_whole_name_or_its_last_word(name: str) -> None:
    assert after({"app_descriptors": 24}, {name: 4}, app_descriptors=20)
    assert not after({"app_descriptors": 25}, {name: 4}, app_descriptors=20)


def test_the_whole_name_goes_before_the_word() -> None:
    assert not after({"app_descriptors": 24}, {"descriptors": 4, "app descriptors": 3}, app_descriptors=20)


def test_it_is_waited_until_all_is_calm_at_one_moment() -> None:
    story: Iterator[tuple[float, float]] = iter([(0, 4), (9, 4), (0, 5), (3, 3), (0, 4)])

    def read() -> Mapping[str, float]:
        queue, threads = next(story)
        return {"queue": queue, "app threads": threads}

    assert Baseline([read], allow={}).settled(within=60)
    assert next(story, None) is None


def test_a_server_that_cannot_be_asked_has_not_settled_and_the_others_are_told() -> None:
    down = False

    def read() -> Mapping[str, float]:
        if down:
            raise ServiceStateError("app: is not running")
        return {"app memory": 1.0}

    calm = Baseline([read, figures(queue=0)], allow={}, clock=Clock())
    down = True
    assert repr(calm.settled(within=0)) == (
        "<NOT SETTLED after 0 ms: app memory cannot be read (ServiceStateError: app: is not running), was 1 B; "
        "1 more returned>"
    )


def test_a_figure_that_is_no_longer_read_has_not_settled() -> None:
    settled = Settling((Held("app threads", 4, float("nan"), 4, "gone"),), 1.0)
    assert not settled
    assert "app threads cannot be read (gone), was 4" in repr(settled)


def test_a_mistake_of_the_test_is_not_taken_for_a_server_that_is_away() -> None:
    wrong = False
    calm = observe(queue=lambda: "many" if wrong else 1)
    wrong = True
    with pytest.raises(UsageError, match=r"observe\(queue=...\): expected to read a number, and it was 'many'"):
        calm.settled(within=5)


def test_processor_time_is_that_of_the_last_half_second() -> None:
    clock, thing = Clock(), Thing()
    read = UseGauge(thing, clock=clock)
    cores = []
    for used in (1.0, 1.0, 1.5, 1.5, 1.5, 0.2, 0.2, 0.25):  # at the sixth it is another process
        thing.use.cpu_seconds = used
        cores.append(read()["app cpu"])
        clock.now += 0.5
    assert cores[1:5] == [0, 1, 0, 0] and cores[6] == 0
    assert cores[0] != cores[0] and cores[5] != cores[5]  # nan: not known yet, as of the process that came after
    assert cores[7] == pytest.approx(0.1)


def test_a_long_calm_does_not_hide_that_it_spins_now() -> None:
    clock, thing = Clock(), Thing()
    read = UseGauge(thing, clock=clock)
    read()
    clock.now += 3600
    thing.use.cpu_seconds += 1
    assert str(read()["app cpu"]) == "nan"


def test_a_service_is_observed_by_what_it_uses_and_a_server_by_its_connections() -> None:
    calm = observe(Thing(), Server(), queue=lambda: 0)
    assert repr(calm) == (
        "<Baseline: app memory 50 MB, app processes 1, app descriptors 20, app threads 4, app cpu 0 cores, "
        "postgres connections 4, queue 0>"
    )


def test_what_a_backend_cannot_see_is_not_observed() -> None:
    thing = Thing()
    thing.use = Use(descriptors=None, threads=None)
    assert set(observe(thing).figures) == {"app memory", "app processes", "app cpu"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: observe(), "give what is to be observed"),
        (lambda: observe(3), "observe\\(3\\): expected a service"),  # type: ignore[arg-type]
        (lambda: observe(queue=3), "observe\\(queue=3\\): give what is to be called"),  # type: ignore[arg-type]
        (lambda: observe(queue=lambda: None), "expected to read a number, and it was None"),
        (lambda: observe(queue=lambda: True), "expected to read a number, and it was True"),
        (lambda: observe(Server(), Server()), "postgres connections: is observed twice"),
        (lambda: observe(Server(), allow={"sockets": 3}), "'sockets' is none of postgres connections"),
        (lambda: observe(Server(), allow={"connections": -1}), "0 or more"),
        (lambda: observe(Server()).settled(within=-1), r"settled\(within=-1\): expected seconds"),
        (lambda: observe(Server()).settled(within=float("inf")), r"settled\(within=inf\): expected seconds"),
    ],
)
def test_misuse_is_told_at_once(make: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()
