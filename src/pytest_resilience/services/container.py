"""The container backend: units run in Docker, started through Testcontainers."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import Janitor, RemoveContainers
from pytest_resilience.services.backend import Spec, word
from pytest_resilience.services.container_engine import refusal
from pytest_resilience.services.container_unit import Container, has_init
from pytest_resilience.services.docker_probe import connect, daemon_address, has_image, pull_image
from pytest_resilience.services.faketime import MANNERS
from pytest_resilience.services.volume import Tmpfs

if TYPE_CHECKING:
    from docker.models.containers import Container as Box

# Seconds that the daemon has: for one answer, for a pull.
PATIENCE = 10.0
PULL_WITHIN = 300.0
DISK = "/disk"  # where a container has its volume


class ContainerBackend:
    """Runs units as containers of the Docker daemon that the command line would use.

    Published ports are bound to 127.0.0.1. All containers carry the janitor's label and are removed by it, in
    whichever way we end; Testcontainers' own Ryuk helps where its image is there already.

    :param janitor: removes what we leave behind.
    :param environ: where `DOCKER_HOST` and its like are looked up (default: this process's environment).
    :raises BackendUnavailable: no daemon answers, or it cannot be used.
    """

    name = "docker"

    def __init__(self, janitor: Janitor, *, environ: Mapping[str, str] | None = None) -> None:
        self.janitor = janitor
        self.address = daemon_address(os.environ if environ is None else environ)
        with closing(connect(self.address, patience=PATIENCE)) as daemon:
            # After the connection: without a daemon, Testcontainers may not be installed either.
            from testcontainers.core.config import testcontainers_config as config

            self._engine = daemon.engine
            self._ryuk = not config.ryuk_disabled and has_image(daemon, config.ryuk_image)
        self._notes = (
            [] if self._ryuk or config.ryuk_disabled else [f"Ryuk is done without: no image {config.ryuk_image}"]
        )
        self._names: dict[str, itertools.count[int]] = {}
        self._starting = threading.Lock()

    @property
    def notes(self) -> list[str]:
        """What the header has to say besides: which of Testcontainers' helpers is done without."""
        return list(self._notes)

    def describe(self) -> str:
        """Return which daemon it is: `Docker Engine 20.10.24`."""
        return self._engine

    def unit(self, spec: Spec) -> Container:
        """Return a unit that has not been started.

        :raises UsageError: the spec has no image, or publishes a container's port at no port.
        """
        if spec.image is None:
            raise UsageError(
                f"{spec.name}: the docker backend needs an image; give one, or run with --resilience-backend=process"
            )
        if spec.container_port is not None and spec.port is None:
            raise UsageError(f"{spec.name}: container_port={spec.container_port} needs the port at which to publish it")
        called = word(spec.name)
        number = next(self._names.setdefault(called, itertools.count(1)))
        name = f"pytest-resilience-{self.janitor.token[:8]}-{called}" + (f"-{number}" if number > 1 else "")
        undo = RemoveContainers(self.janitor.token, host=self.address)
        return Container(
            spec, name, create=lambda: self._create(spec, name), promise=lambda: self.janitor.promise(undo)
        )

    def volume(self, name: str, size: int) -> Tmpfs:
        """Return a new empty volume, a file system in memory that the daemon shows to the container as `/disk`.

        :raises Unsupported: this user may not mount one.
        """
        return Tmpfs(self.janitor, word(name), size, inside=DISK)

    def _create(self, spec: Spec, name: str) -> Box:
        """Return a started container; what could not be started is removed."""
        from docker.errors import APIError
        from testcontainers.core.container import DockerContainer

        image = spec.image or ""
        with closing(connect(self.address, patience=PATIENCE)) as daemon:
            there = has_image(daemon, image)
        if not there:
            pull_image(self.address, image, within=PULL_WITHIN)
        with self._starting, _testcontainers(self.address, ryuk=self._ryuk):
            described = DockerContainer(
                image,
                docker_client_kw={"environment": {**os.environ, "DOCKER_HOST": self.address}},
                env={**MANNERS, **spec.env},
                name=name,
            )
            if spec.command:
                described.with_command(list(spec.command))
            if spec.volume is not None:
                described.with_volume_mapping(str(spec.volume.source), spec.volume.inside, "rw")
            options: dict[str, Any] = {
                "labels": dict([self.janitor.label]),
                "stop_signal": str(spec.stop_signal),
                "init": has_init(spec),
            }
            if spec.container_port is None:
                options["network"] = "host"
            else:
                # Fixed, since a random port is another one after each restart. docker-py takes the tuple.
                described.ports[str(spec.container_port)] = ("127.0.0.1", spec.port)  # type: ignore[assignment]
            described.with_kwargs(**options)
            try:
                return described.start().get_wrapped_container()
            except BaseException as error:
                described.stop()  # it may have been created
                if isinstance(error, APIError):
                    raise refusal(spec.name, "started", error) from error
                raise

    def __repr__(self) -> str:
        return f"<ContainerBackend: {self._engine} at {self.address}>"


@contextmanager
def _testcontainers(address: str, *, ryuk: bool) -> Iterator[None]:
    """Configure Testcontainers for a start of ours.

    Its configuration is one object for the whole process and read from the environment when it is imported, so it is
    changed for the moment and then given back: a test suite may use Testcontainers for itself as well.
    """
    from testcontainers.core.config import ConnectionMode, testcontainers_config

    ours = {
        "ryuk_disabled": not ryuk,
        "ryuk_docker_socket": address.removeprefix("unix://"),
        # Inside a container it would take the address of a bridge instead.
        "tc_host_override": "127.0.0.1",
        "connection_mode_override": ConnectionMode.docker_host,
        "sleep_time": 0.02,
        # Images are named by our options, whole.
        "hub_image_name_prefix": "",
    }
    before = {name: getattr(testcontainers_config, name) for name in ours}
    for name, value in ours.items():
        setattr(testcontainers_config, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(testcontainers_config, name, value)
