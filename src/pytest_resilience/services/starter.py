"""The starter: what the `service` fixture gives; starts a test's own services and ends them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from pytest_resilience.errors import UsageError
from pytest_resilience.services.backend import Backend, Spec, Volume
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.readiness import Ready
from pytest_resilience.services.service import Service
from pytest_resilience.services.tended import START
from pytest_resilience.services.volume import check_size

PLACEHOLDER = "{port}"
DISK = "{disk}"


class Starter:
    """Starts services, each with a port of its own, and ends them all when it is closed.

    :param processes: runs commands.
    :param containers: runs images; None where images are not run, and commands stand in for them.
    :param started: is told of each service before it is started.
    :param running: is told of each service when it is ready.
    """

    def __init__(
        self,
        processes: Backend,
        containers: Backend | None,
        *,
        started: Callable[[Service], object],
        running: Callable[[Service], object] = lambda _: None,
    ) -> None:
        self._processes = processes
        self._containers = containers
        self._started = started
        self._running = running
        self._ends = ExitStack()
        self._names: set[str] = set()

    def __call__(
        self,
        *command: str | Path,
        name: str = "service",
        image: str | None = None,
        env: Mapping[str, str | Path] | None = None,
        port: bool = True,
        ready: Ready = None,
        scheme: str = "http",
        directory: Path | None = None,
        stop_signal: int = signal.SIGTERM,
        within: float = START,
        disk: int | None = None,
    ) -> Service:
        """Start your own service and return it when it is ready.

        On the docker backend, a service with an `image` runs in that image, in the host's network; one without
        runs as a process, as it does on the process backend.

        :param command: the program and its arguments; `{port}` in them is replaced by the port leased for it.
        :param name: how it is called in messages and in the names of its faults; a second one of the same name gets
            a number.
        :param image: the image to run the command (or the image's own) in, on the docker backend.
        :param env: environment variables, added to pytest's own; `{port}` is replaced in them too. A container has
            these alone.
        :param port: False for a service that listens nowhere, such as a worker.
        :param ready: when it is ready: a path that answers below 400, a compiled pattern to find in its log, or a
            function that returns something true; by default, when its port accepts connections, or it runs.
        :param scheme: of its `url`.
        :param directory: the working directory of the process.
        :param stop_signal: what asks it to end gracefully.
        :param within: seconds it may take to become ready, at the start and after each fault.
        :param disk: bytes of a disk of its own, which can be full: a file system in memory that is kept over every
            restart. `{disk}` in the command and in `env` is replaced by its path.
        :raises Unsupported: no disk of its own may be mounted here, not even in a user namespace.
        :raises ServiceNotReady: it ended or was not ready in time; the message has the end of its log.
        :raises UsageError: there is nothing to run, it is no text, or there is no port to put in place of `{port}`.
        """
        contained = self._containers is not None and image is not None
        backend = self._containers if contained and self._containers is not None else self._processes
        if not command and not contained:
            raise UsageError(
                f"service(name={name!r}): no command to run; an image alone runs on the docker backend only"
            )
        call = f"service(name={name!r})"
        words = [_text(word, f"{call}: a word of the command") for word in command]
        settings = {key: _text(value, f"{call}: env[{key!r}]") for key, value in (env or {}).items()}
        number: int | None = None
        if port:
            lease = self._ends.enter_context(lease_port())
            number = lease.port
        elif any(PLACEHOLDER in text for text in (*words, *settings.values())):
            raise UsageError(
                f"service(name={name!r}, port=False): {PLACEHOLDER} is used, and there is no port to put there"
            )
        unique = self._unique(name)
        volume = self._volume(backend, unique, disk)
        own = {PLACEHOLDER: None if number is None else str(number), DISK: volume.inside if volume else None}
        unit = backend.unit(
            Spec(
                name=unique,
                command=tuple(_filled(word, own) for word in words),
                image=image,
                env={key: _filled(value, own) for key, value in settings.items()},
                port=number,
                directory=directory,
                stop_signal=stop_signal,
                volume=volume,
            )
        )
        service = Service(unit, ready=ready, scheme=scheme, within=within)
        self._ends.callback(service.remove)
        self._started(service)
        service.start()
        self._running(service)
        return service

    def close(self) -> None:
        """End all services, the last one first, and give their ports back."""
        self._ends.close()

    def _volume(self, backend: Backend, name: str, size: int | None) -> Volume | None:
        if size is None:
            return None
        volume = backend.volume(name, check_size(f"service(name={name!r}): disk", size))
        self._ends.callback(volume.close)
        return volume

    def _unique(self, name: str) -> str:
        candidates = (name if number == 1 else f"{name}-{number}" for number in range(1, len(self._names) + 2))
        free = next(candidate for candidate in candidates if candidate not in self._names)
        self._names.add(free)
        return free


def _text(value: str | Path, what: str) -> str:
    if not isinstance(value, (str, Path)):
        raise UsageError(
            f"{what} is {value!r}, of type {type(value).__name__}; expected text, the words of a command one by one: "
            'service(sys.executable, "-m", "shop", env={"PORT": "{port}"})'
        )
    return str(value)


def _filled(text: str, own: Mapping[str, str | None]) -> str:
    # Not str.format: commands are full of braces that mean something else.
    for placeholder, value in own.items():
        text = text if value is None else text.replace(placeholder, value)
    return text
