"""Options are resolved once, and what cannot be meant is refused in words."""

from __future__ import annotations

import pytest

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.option import TABLE, Option
from pytest_resilience.options import Options, address_of, is_loopback, resolve


def resolved(**given: str | list[str]) -> Options:
    def answer(option: Option) -> str | list[str] | None:
        return given.get(option.name.replace("-", "_"))

    return resolve(answer, fresh_seed=lambda: 7)


def test_nothing_given_means_the_defaults() -> None:
    assert resolved() == Options(seed=7)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [({}, 60), ({"size": "standard"}, 3600), ({"size": "full"}, 86400), ({"size": "full", "duration": "90s"}, 90)],
)
def test_how_long_a_soak_lasts_goes_by_size_unless_it_is_said(
    given: dict[str, str | list[str]], seconds: float
) -> None:
    assert resolved(**given).soak_duration == seconds


def test_the_defaults_of_the_table_and_of_the_class_are_one() -> None:
    assert resolved(seed="0") == Options(seed_given=True)


def test_everything_given_arrives() -> None:
    options = resolved(
        backend=["docker"], seed=["42"], size="full", redis_image="my/redis:8", allow_target=["db.Test", "10.0.0.7"]
    )
    assert options.backend == "docker"
    assert (options.seed, options.seed_given) == (42, True)
    assert options.size == "full"
    assert options.redis_image == "my/redis:8"
    assert options.allow_targets == {"db.test", "10.0.0.7"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backend": "podman"}, "--resilience-backend=podman: expected one of auto, docker, process"),
        ({"seed": "forty"}, "--resilience-seed=forty: expected a whole number"),
        ({"seed": "-1"}, "--resilience-seed=-1: expected a whole number"),
        ({"size": "huge"}, "--resilience-size=huge: expected one of quick, standard, full"),
        ({"size": ["quick", "full"]}, "--resilience-size was given 2 times"),
        (
            {"duration": "90"},
            "--resilience-duration=90: expected a number and a unit (s, m, h, d), such as 90s, 10m or",
        ),
        ({"duration": "0s"}, "--resilience-duration=0s: expected a number and a unit"),
        ({"duration": "-1h"}, "--resilience-duration=-1h: expected a number and a unit"),
        ({"progress": "yes"}, "--resilience-progress=yes: expected one of auto, on, off"),
        ({"redis_image": "redis 7"}, "--resilience-redis-image='redis 7': expected an image name"),
        ({"postgres_image": ""}, "--resilience-postgres-image='': expected an image name"),
        ({"toxiproxy_image": "a b"}, "--resilience-toxiproxy-image='a b': expected an image name"),
        ({"toxiproxy": "real"}, "--resilience-toxiproxy=real: expected auto, embedded, server, docker, or http://"),
        ({"toxiproxy": "https://localhost"}, "--resilience-toxiproxy=https://localhost: expected auto"),
        ({"toxiproxy": "http://localhost:x"}, "--resilience-toxiproxy=http://localhost:x: expected auto"),
        ({"toxiproxy": "http://me@localhost"}, "--resilience-toxiproxy=http://me@localhost: expected auto"),
        ({"toxiproxy": "http://localhost/api"}, "--resilience-toxiproxy=http://localhost/api: expected auto"),
        ({"toxiproxy": "http://db.test:8474"}, "target 'db.test' is neither loopback nor"),
        ({"allow_target": "http://db/"}, "--resilience-allow-target=http://db/: expected a host name"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, str | list[str]], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(**given)
    assert message in str(caught.value)


def test_a_toxiproxy_may_be_named_by_its_address() -> None:
    assert address_of(resolved(toxiproxy="http://127.0.0.1:9000").toxiproxy) == ("127.0.0.1", 9000)
    assert address_of(resolved(toxiproxy="http://[::1]/").toxiproxy) == ("::1", 8474)
    assert resolved(toxiproxy="http://Toxi.test", allow_target=["toxi.test"]).toxiproxy == "http://Toxi.test"


def test_a_test_has_the_same_seed_wherever_it_runs_and_another_than_its_neighbour() -> None:
    one, two = Options(seed=1), Options(seed=2)
    assert one.seed_for("a") == Options(seed=1, size="full").seed_for("a")
    assert len({one.seed_for("a"), one.seed_for("b"), two.seed_for("a")}) == 3


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "LOCALHOST"])
def test_loopback_is_always_a_target(host: str) -> None:
    assert is_loopback(host)
    Options().check_target(host)


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "0.0.0.0", "localhost.example.org", "2130706433", ""])
def test_any_other_host_has_to_be_allowed(host: str) -> None:
    with pytest.raises(TargetNotAllowed, match="--resilience-allow-target="):
        Options().check_target(host)


def test_an_allowed_host_is_a_target_in_any_case() -> None:
    resolved(allow_target="DB.test").check_target("db.TEST")


def test_flags_and_keys_are_spelled_alike() -> None:
    assert [(row.flag, row.key) for row in TABLE if row.name == "allow-target"] == [
        ("--resilience-allow-target", "resilience_allow_target")
    ]
