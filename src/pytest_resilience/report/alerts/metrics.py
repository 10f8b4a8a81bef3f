"""Metrics: the series by which Prometheus knows a service."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from pytest_resilience.errors import UsageError

QUOTED = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
SELECTOR = re.compile(rf"""([a-zA-Z_:][\w:]*)(?:\{{((?:[^{{}}"']|{QUOTED})*)\}})?""")


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Selectors of a service's series, without a range: `http_requests_total{job="clinic"}`.

    :param requests: the counter of all requests.
    :param errors: the counter of those that failed; likewise `errors_4xx` and `errors_5xx`.
    :param latency: the buckets of a histogram of latencies in seconds: `http_request_duration_seconds_bucket`.
    :raises UsageError: one is no selector.
    """

    requests: str | None = None
    errors: str | None = None
    errors_4xx: str | None = None
    errors_5xx: str | None = None
    latency: str | None = None

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, str) or SELECTOR.fullmatch(given) is None):
                raise UsageError(
                    f"Metrics({name}={given!r}): expected a metric and its labels, without a range or a function, "
                    'such as http_requests_total{job="clinic"}'
                )
        if self.latency is not None and not self.latency.partition("{")[0].endswith("_bucket"):
            raise UsageError(f"Metrics(latency={self.latency!r}): expected the buckets of a histogram, NAME_bucket")


def with_label(selector: str, matcher: str) -> str:
    """Return the selector with one more matcher.

    >>> with_label('seconds_bucket{job="clinic"}', 'le="+Inf"')
    'seconds_bucket{job="clinic",le="+Inf"}'
    """
    name, _, rest = selector.partition("{")
    inner = rest.removesuffix("}").strip().removesuffix(",")
    return f"{name}{{{inner},{matcher}}}" if inner else f"{name}{{{matcher}}}"
