"""The options, resolved: what was asked for by flags and ini keys of the table in `option`."""

from __future__ import annotations

import ipaddress
import random
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.faults.appetite import Appetite
from pytest_resilience.measure.duration import duration
from pytest_resilience.option import TABLE, Option

BackendName = Literal["auto", "docker", "process"]
Size = Literal["quick", "standard", "full"]
Progress = Literal["auto", "on", "off"]
BaselineUpdate = Literal["good", "all", "none"]
T = TypeVar("T")


class Sized(Protocol):
    """Picks one of three values by the size of the run."""

    def __call__(self, *, quick: T, standard: T, full: T) -> T:
        """Return the one that the size asks for."""


LINK_SERVERS = ("auto", "embedded", "server", "docker")
LOCUST_PORT = 5557  # Locust's own default


@dataclass(frozen=True)
class Options:
    """What was asked for, resolved once when pytest is configured.

    :ivar seed: every random choice of the session is derived from it.
    :ivar seed_given: whether it was asked for rather than drawn.
    :ivar duration: the seconds that soaks last in all; None where that is left to the size.
    :ivar soak_state: the folder of soaks that go on; None for none.
    :ivar progress: how a run of load shows that it is alive.
    :ivar toxiproxy: which server is behind links: `auto`, `embedded`, `server`, `docker`, or a URL.
    :ivar allow_targets: lower-case host names or addresses besides loopback.
    :ivar monkey: whom `--resilience-monkey` strikes and how often; None for nobody.
    :ivar report: the folder that the report is written to; None for no report.
    :ivar baseline: the file with the figures of earlier runs; None for no comparison.
    :ivar baseline_update: what becomes of that file.
    :ivar locust_workers: how many Locust workers a run has whose file does not say.
    :ivar locust_bind: host and port of Locust's master where remote workers join; None for workers of our own.
    :ivar locust_token: what remote workers show, a new one in each session.
    """

    backend: BackendName = "auto"
    seed: int = 0
    seed_given: bool = False
    size: Size = "quick"
    duration: float | None = None
    soak_state: str | None = None
    progress: Progress = "auto"
    redis_image: str = "redis:7-alpine"
    postgres_image: str = "postgres:16-alpine"
    toxiproxy: str = "auto"
    toxiproxy_image: str = "ghcr.io/shopify/toxiproxy:2.12.0"
    allow_targets: frozenset[str] = frozenset()
    monkey: Appetite | None = None
    report: str | None = None
    baseline: str | None = None
    baseline_update: BaselineUpdate = "good"
    locust_workers: int = 0
    locust_bind: tuple[str, int] | None = None
    locust_token: str = ""

    def seed_for(self, node_id: str) -> int:
        """Return the seed of one test, the same wherever and in whichever order it runs."""
        return random.Random(f"{self.seed}:{node_id}").getrandbits(64)

    @property
    def soak_duration(self) -> float:
        """The seconds that a soak lasts in all."""
        return self.sized(quick=60.0, standard=3600.0, full=86400.0) if self.duration is None else self.duration

    def sized(self, *, quick: T, standard: T, full: T) -> T:
        """Return the one of the three that the size asks for."""
        return {"quick": quick, "standard": standard, "full": full}[self.size]

    def check_target(self, host: str) -> None:
        """Raise `TargetNotAllowed` unless `host` is loopback or was allowed by option."""
        if not is_loopback(host) and host.lower() not in self.allow_targets:
            raise TargetNotAllowed(
                f"target {host!r} is neither loopback nor a service that was started here; if it is yours to break, "
                f"allow it with --resilience-allow-target={host}"
            )


def is_loopback(host: str) -> bool:
    """Return whether `host` is this machine's loopback, by its spelling alone: nothing is looked up."""
    if host.lower() in {"localhost", "localhost."}:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def resolve(given: Callable[[Option], str | list[str] | None], *, fresh_seed: Callable[[], int]) -> Options:
    """Return the options that `given` answers for (flag or ini value, None where neither was given).

    :raises UsageError: a value that cannot be meant; the message names the flag, the value and what is expected.
    """
    values: Mapping[str, list[str]] = {option.name: _values(option, given(option)) for option in TABLE}
    for option in TABLE:
        for value in values[option.name]:
            if option.choices and value not in option.choices:
                raise UsageError(f"{option.flag}={value}: expected one of {', '.join(option.choices)}")

    def one(name: str) -> str:
        return values[name][0]

    seed_text = one("seed")
    if seed_text and not re.fullmatch(r"[0-9]{1,20}", seed_text):
        raise UsageError(f"--resilience-seed={seed_text}: expected a whole number of at most 20 digits")
    for name in ("redis-image", "postgres-image", "toxiproxy-image"):
        if not re.fullmatch(r"[\w.\-/:@]+", one(name)):
            raise UsageError(f"--resilience-{name}={one(name)!r}: expected an image name such as redis:7-alpine")
    hosts = [_host(host) for host in values["allow-target"] if host]
    bind = _address("--resilience-locust-bind", one("locust-bind"))
    options = Options(
        backend=cast("BackendName", one("backend")),
        seed=int(seed_text) if seed_text else fresh_seed(),
        seed_given=bool(seed_text),
        size=cast("Size", one("size")),
        duration=duration("--resilience-duration", one("duration")) if one("duration") else None,
        soak_state=one("soak-state") or None,
        progress=cast("Progress", one("progress")),
        redis_image=one("redis-image"),
        postgres_image=one("postgres-image"),
        toxiproxy=one("toxiproxy"),
        toxiproxy_image=one("toxiproxy-image"),
        allow_targets=frozenset(host.lower() for host in hosts),
        monkey=Appetite.parse(one("monkey")) if one("monkey") else None,
        report=one("report") or None,
        baseline=one("baseline") or None,
        baseline_update=cast("BaselineUpdate", one("baseline-update")),
        locust_workers=_count("--resilience-locust-workers", one("locust-workers")),
        locust_bind=bind,
        locust_token=secrets.token_hex(8) if bind else "",
    )
    if options.toxiproxy not in LINK_SERVERS:
        host, _ = address_of(options.toxiproxy)
        options.check_target(host)
    return options


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.\-:\[\]]+", text) or "//" in text:
        raise UsageError(
            f"--resilience-allow-target={text}: expected a host name or an address, without scheme or path"
        )
    return text


def address_of(url: str) -> tuple[str, int]:
    """Return host and port of the URL of a Toxiproxy.

    :raises UsageError: it is none.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "http" or not host or parts.path.strip("/") or parts.query or parts.fragment or "@" in url:
        raise UsageError(
            f"--resilience-toxiproxy={url}: expected {', '.join(LINK_SERVERS)}, or http://HOST:PORT of a Toxiproxy"
        )
    return host, 8474 if port is None else port


def _count(flag: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise UsageError(f"{flag}={text}: expected a whole number, zero or more")
    return int(text)


def _address(flag: str, text: str) -> tuple[str, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"([\w.\-]+)(?::([0-9]{4,5}))?", text)
    port = int(found[2] or LOCUST_PORT) if found else 0
    if found is None or found[1] == "0.0.0.0" or not 1024 <= port < 65535:  # noqa: S104  (refused here)
        raise UsageError(
            f"{flag}={text}: expected HOST or HOST:PORT, an address at which other machines reach this one, and a port "
            "from 1024 to 65534"
        )
    return found[1], port


def _values(option: Option, given: str | list[str] | None) -> list[str]:
    if given is None:
        return [option.default]
    texts = [given] if isinstance(given, str) else given
    if len(texts) > 1 and not option.repeatable:
        raise UsageError(f"{option.flag} was given {len(texts)} times ({', '.join(texts)}): expected once")
    return [text.strip() for text in texts] or [option.default]
