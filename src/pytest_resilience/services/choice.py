"""The choice of a backend: which one, why, and the versions of the real components that it comes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.options import Options
from pytest_resilience.services.docker_probe import docker_available
from pytest_resilience.services.programs import Program, find_postgres, find_redis

PULL_WITHIN = 300.0  # seconds, for all images together


@dataclass(frozen=True)
class Choice:
    """Which backend is used.

    :ivar why: the reason, in a few words.
    :ivar components: Redis and Postgres with their versions, or with what is missing.
    :ivar awaiting: images that are not here yet and are pulled when the first service is asked for; if that
        fails under `auto`, the embedded backend is used instead, and it is said.
    """

    backend: Literal["process", "docker"]
    why: str
    components: tuple[str, ...]
    awaiting: tuple[str, ...] = ()

    def __str__(self) -> str:
        to_come = f"; to be pulled when first used: {', '.join(self.awaiting)}" if self.awaiting else ""
        return f"{self.backend} backend ({self.why}), {', '.join(self.components)}{to_come}"


def choose(options: Options, *, pull: bool) -> Choice:
    """Choose the backend that the options ask for, or under `auto` the best there is.

    :param pull: pull images that are missing; else they are left for later.
    :raises BackendUnavailable: docker was asked for and cannot be had.
    """
    if options.backend == "process":
        return _embedded("asked for")
    images = (options.redis_image, options.postgres_image)
    docker = docker_available(images, pull_within=PULL_WITHIN if pull else 0.0)
    if docker or (docker.missing and not pull):
        why = docker.engine if options.backend == "auto" else f"asked for; {docker.engine}"
        components = (f"Redis {options.redis_image}", f"Postgres {options.postgres_image}")
        return Choice("docker", why, components, docker.missing)
    if options.backend == "docker":
        raise BackendUnavailable(
            f"--resilience-backend=docker: {docker.reason}; or use --resilience-backend=auto to fall back to the "
            "embedded backend"
        )
    return _embedded(docker.reason)


def _embedded(why: str) -> Choice:
    return Choice("process", why, (_component("Redis", find_redis), _component("Postgres", find_postgres)))


def _component(name: str, find: Callable[[], Program]) -> str:
    try:
        return f"{name} {find().version}"
    except BackendUnavailable:
        return f"no {name}"
