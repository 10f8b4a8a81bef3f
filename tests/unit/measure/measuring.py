"""Builders of samples for the tests beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_resilience.measure.samples import Sample, Samples, Strain
from pytest_resilience.timeline import Episode, Receipt


def sample(
    due: float = 0.0,
    latency: float = 0.01,
    *,
    lag: float = 0.0,
    status: int | None = 200,
    error: str | None = None,
    name: str = "GET /",
    returned: object = None,
) -> Sample:
    return Sample(due, due + lag, due + latency, status, error, name, returned)


def steady(
    seconds: float,
    *,
    rate: float = 100.0,
    start: float = 0.0,
    latency: Callable[[float], float] = lambda _: 0.01,
    error: Callable[[float], str | None] = lambda _: None,
    lag: float = 0.0,
    strain: Iterable[Strain] = (),
    unsent: Iterable[float] = (),
) -> Samples:
    """Samples of an open load, whose latency and error are functions of when they were due."""
    times = [start + index / rate for index in range(round(seconds * rate))]
    rows = (sample(at, latency(at), error=error(at), status=503 if error(at) else 200, lag=lag) for at in times)
    return Samples(rows, strain=list(strain), unsent=list(unsent))


def of_latencies(latencies: Iterable[float], *, rate: float = 100.0) -> Samples:
    return Samples(sample(index / rate, latency) for index, latency in enumerate(latencies))


def outage(struck: float = 3.0, healed: float | None = 8.0, name: str = "redis.killed") -> Episode:
    return Episode(name, struck, Receipt(processes=1), healed)


def scattered(slow: int, of: int, latency: float = 0.4) -> Samples:
    """Samples of which so many are slow, as far from one another as can be; the rest take 10 ms."""
    places = {(2 * number + 1) * of // (2 * slow) for number in range(slow)}
    return of_latencies([latency if place in places else 0.01 for place in range(of)])
