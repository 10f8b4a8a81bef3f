"""What the tests of containers share: images that are here, a backend, and a look at what is left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

import pytest

from pytest_resilience.services.backend import Spec
from pytest_resilience.services.container import ContainerBackend
from pytest_resilience.services.container_unit import Container
from pytest_resilience.services.docker_probe import connect, docker_available

REDIS = "pytest-resilience/redis:local"
PYTHON = "pytest-resilience/python:local"
LABEL = "pytest-resilience.run"


def need_docker(config: pytest.Config, images: Sequence[str] = (REDIS, PYTHON)) -> None:
    """Skip with the reason where Docker or the images are not to be had; fail where Docker was asked for."""
    found = docker_available(images, pull_within=0)
    if not found:
        asked = config.getoption("resilience_backend", default=None) == ["docker"]
        missing = f"no image {' or '.join(found.missing)}; make them with: python .ci/images.py"
        (pytest.fail if asked else pytest.skip)(missing if found.missing else found.reason)


def program(backend: ContainerBackend, code: str, *, name: str = "program", port: int | None = None) -> Container:
    """Return a unit of a Python program in the host's network, not started."""
    return backend.unit(Spec(name=name, image=PYTHON, command=("python", "-u", "-c", code), port=port))


def left_of(backend: ContainerBackend) -> list[str]:
    """Return the names of all containers of this backend's run, running or not."""
    return containers(backend.address, backend.janitor.token)


def containers(address: str, token: str) -> list[str]:
    """Return the names of all containers of a run, running or not."""
    filters = quote(json.dumps({"label": [f"{LABEL}={token}"]}))
    with closing(connect(address, patience=10)) as daemon:
        listed = daemon.get(f"/containers/json?all=1&filters={filters}")
    assert isinstance(listed, list)
    return [box["Names"][0].removeprefix("/") for box in listed]
