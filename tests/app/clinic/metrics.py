"""Metrics: counts of what happened, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

Labels = tuple[tuple[str, str], ...]
Source = Callable[[], Iterable[tuple[str, str, Mapping[Labels, float]]]]


class Metrics:
    """Counters of requests, and sources that are asked at the moment of reading. Reading waits for nothing."""

    def __init__(self) -> None:
        self._requests: Counter[Labels] = Counter()
        self._seconds: dict[Labels, float] = {}
        self._counters: dict[str, Counter[Labels]] = {}
        self._sources: list[Source] = []

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        place: Labels = (("method", method), ("route", route))
        outcome: Labels = (*place, ("status", str(status)))
        self._requests[outcome] += 1
        self._seconds[place] = self._seconds.get(place, 0.0) + seconds

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""
        self._counters.setdefault(name, Counter())[tuple(labels.items())] += amount

    def source(self, read: Source) -> None:
        """Add a function that yields (name, type, values by labels) when the metrics are read."""
        self._sources.append(read)

    def text(self) -> str:
        """Write it all down."""
        lines = _family("clinic_requests_total", "counter", self._requests)
        lines += _family("clinic_request_seconds_sum", "counter", self._seconds)
        answered: Counter[Labels] = Counter()
        for labels, number in self._requests.items():
            answered[labels[:2]] += number
        lines += _family("clinic_request_seconds_count", "counter", answered)
        for name, counter in self._counters.items():
            lines += _family(name, "counter", counter)
        for read in self._sources:
            for name, kind, values in read():
                lines += _family(name, kind, values)
        return "\n".join(lines) + "\n"


def _family(name: str, kind: str, values: Mapping[Labels, float]) -> list[str]:
    lines = [f"# TYPE {name} {kind}"]
    for labels, value in values.items():
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
        lines.append(f"{name}{{{inside}}} {value:.9g}" if inside else f"{name} {value:.9g}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
