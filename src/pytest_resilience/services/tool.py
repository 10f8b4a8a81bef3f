"""A tool: a program of ours that runs from an image, in the host's network, beside the services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.docker_probe import docker_available
from pytest_resilience.services.ports import lease_port


def need_docker(flag: str, image: str) -> None:
    """Do nothing where Docker answers; an image that is missing may still be pulled.

    :param flag: the option that asks for Docker.
    :raises BackendUnavailable: no daemon answers, or it cannot be used.
    """
    docker = docker_available((image,), pull_within=0.0)
    if not docker and not docker.missing:
        raise BackendUnavailable(f"{flag}: {docker.reason}")


def start_tool(
    janitor: Janitor, ends: ExitStack, name: str, image: str, command: Callable[[int], Sequence[str]]
) -> tuple[int, Callable[[], str]]:
    """Start a container that `ends` removes; return its port, and what returns its log.

    It shares the host's network, so that what it listens at and connects to is this host's 127.0.0.1.

    :param command: returns the image's arguments for a port on 127.0.0.1.
    :raises BackendUnavailable: Docker cannot be used, or the image not be had.
    """
    from pytest_resilience.services.container import ContainerBackend

    port = ends.enter_context(lease_port()).port
    unit = ContainerBackend(janitor).unit(
        Spec(name=name, image=image, command=tuple(command(port)), env={"LOG_LEVEL": "info"}, port=port)
    )
    ends.callback(unit.remove)
    unit.start()
    return port, unit.logs
