"""Settings: what the environment says, with the defaults that a single small instance needs."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

T = TypeVar("T", int, float, str)


@dataclass(frozen=True)
class Settings:
    """All that can be set. Each field is the environment variable of the same name in capitals.

    Times are seconds, sizes are bytes.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    instance: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    worker: str = "worker"
    database_url: str = "postgresql://postgres@127.0.0.1:5432/clinic"
    redis_url: str = "redis://127.0.0.1:6379/0"
    slots: int = 1000  # how many slots there are
    clinic_bugs: str = ""  # mistakes to make, by name, with commas: see bugs.py

    pool_size: int = 10  # connections to Postgres
    pool_queue: int = 100  # requests that may wait for one
    pool_timeout: float = 0.25  # and how long
    db_connect_timeout: float = 0.5
    db_timeout: float = 0.5  # all statements of one request together
    request_deadline: float = 0.9  # no attempt starts, and none lasts, beyond it
    max_in_flight: int = 200  # requests in progress; beyond it they are turned away

    breaker_failures: int = 5  # in a row
    breaker_ratio: float = 0.5  # or this share of the last `breaker_window` calls
    breaker_window: int = 20
    breaker_cooldown: float = 1.0

    retry_attempts: int = 3  # the first one included
    retry_base: float = 0.02
    retry_cap: float = 0.2

    cache_ttl: float = 1.0
    cache_timeout: float = 0.08
    cache_failures: int = 3
    cache_cooldown: float = 0.5

    queue_timeout: float = 0.25
    heartbeat_ttl: float = 1.0  # a worker that has been silent for so long is dead
    reclaim_every: float = 0.5  # how often the living look for the dead
    job_attempts: int = 5  # a job that has been taken so often without an end has failed
    grace: float = 2.0  # what a process may still finish after SIGTERM

    ingest_limit: int = 2**41
    ingest_spool: str = ""  # the directory in which uploads are kept; without one they are only checked
    ingest_idle: float = 10.0  # an upload that sends nothing for so long is given up

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings. A value that is no number where one is due is a `SystemExit` that names it."""
        defaults = cls()
        given: dict[str, int | float | str] = {}
        for each in fields(cls):
            text = environment.get(each.name.upper())
            if text is not None:
                given[each.name] = _parsed(each.name.upper(), text, getattr(defaults, each.name))
        return cls(**given)  # type: ignore[arg-type]  # each value has the type of the default it replaces


def _parsed(name: str, text: str, default: T) -> T:
    try:
        return type(default)(text)
    except ValueError:
        raise SystemExit(f"{name}={text!r}: expected {type(default).__name__}, such as {default}") from None
