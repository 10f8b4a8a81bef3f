"""Whether containers can be had here: the daemon, the images, and the reason where one is missing."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.services.docker_daemon import Daemon, one_line

_DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Availability:
    """What a look at the Docker daemon showed; true when containers can be started.

    :ivar available: whether a daemon answers and has all the images.
    :ivar reason: one line: what answered, or what is missing and how to get it.
    :ivar address: the daemon that was asked, as `unix:///path`.
    :ivar engine: which daemon answered, `Docker Engine 20.10.24`; empty when none did.
    :ivar missing: the images that are not there.
    :ivar seconds: how long the look took, pulls included.
    """

    available: bool
    reason: str
    address: str
    engine: str = ""
    missing: tuple[str, ...] = ()
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.available


def docker_available(
    images: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    patience: float = 2.0,
    pull_within: float = 120.0,
) -> Availability:
    """Tell whether the Docker daemon answers and has these images, or gets them by a pull.

    It takes milliseconds, and imports nothing of Docker, unless an image has to be pulled.

    :param environ: where `DOCKER_HOST`, `DOCKER_CONTEXT` and `DOCKER_CONFIG` are looked up (default: this
        process's environment).
    :param patience: seconds that the daemon has for one answer.
    :param pull_within: seconds for all pulls together; 0 to pull nothing: images that are missing are listed as that.
    """
    began = time.monotonic()
    address = daemon_address(os.environ if environ is None else environ)
    engine, missing, available = "", list[str](), False
    try:
        with closing(connect(address, patience=patience)) as daemon:
            engine = daemon.engine
            missing = [image for image in images if not has_image(daemon, image)]
        reason = f"{engine} answers at {address}"
        while missing:
            pull_image(address, missing[0], within=pull_within - (time.monotonic() - began))
            reason += f", pulled {missing.pop(0)}"
        available = True
    except BackendUnavailable as error:
        reason = str(error)
    return Availability(
        available=available,
        reason=reason,
        address=address,
        engine=engine,
        missing=tuple(missing),
        seconds=time.monotonic() - began,
    )


def daemon_address(environ: Mapping[str, str]) -> str:
    """Return where the Docker command line would find its daemon: `$DOCKER_HOST`, the current context, the default."""
    if environ.get("DOCKER_HOST"):
        return environ["DOCKER_HOST"]
    home = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")
    context = environ.get("DOCKER_CONTEXT") or _json(home / "config.json").get("currentContext")
    if not isinstance(context, str) or context in {"", "default"}:
        return _DEFAULT
    # The command line keeps a context's description under the digest of its name.
    described = _json(home / "contexts" / "meta" / hashlib.sha256(context.encode()).hexdigest() / "meta.json")
    match described:
        case {"Endpoints": {"docker": {"Host": str(host)}}}:
            return host
    return _DEFAULT


def connect(address: str, *, patience: float) -> Daemon:
    """Return the daemon, which the caller closes.

    :param patience: seconds that the daemon has for one answer.
    :raises BackendUnavailable: it does not answer, is out of reach, or Python's side of it is not installed.
    """
    if not address.startswith("unix://"):
        raise BackendUnavailable(
            f"the Docker daemon at {address} is reached over a network: containers are needed on this machine's own "
            "127.0.0.1, from a daemon with a Unix socket; set DOCKER_HOST=unix:///path"
        )
    daemon = Daemon.at(address.removeprefix("unix://"), patience=patience)
    for module in ("docker", "testcontainers"):
        if importlib.util.find_spec(module) is None:
            daemon.close()
            raise BackendUnavailable(
                f"{daemon.engine} answers at {address}, but Python's {module} is not installed: "
                "pip install 'pytest-resilience[docker]'"
            )
    return daemon


def has_image(daemon: Daemon, image: str) -> bool:
    """Tell whether the daemon has the image already."""
    return daemon.get(f"/images/{quote(image)}/json") is not None


def pull_image(address: str, image: str, *, within: float) -> None:
    """Have the daemon pull an image, with the credentials that the command line has stored.

    :raises BackendUnavailable: it could not, or not within that many seconds; a pull that takes longer is broken off.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    if within <= 0:
        raise BackendUnavailable(f"image {image} is not here; docker pull {image}")
    repository, tag = (image, None) if "@" in image else _split(image)
    deadline = time.monotonic() + within
    patience = max(1, math.ceil(within))
    try:
        with closing(docker.DockerClient(base_url=address, version="auto", timeout=patience)) as client:
            for line in client.api.pull(repository, tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise BackendUnavailable(
                        f"image {image} is not here and cannot be pulled: {one_line(line['error'])}"
                    )
                if time.monotonic() > deadline:
                    raise BackendUnavailable(
                        f"image {image} is not here and its pull took over {within:.0f} s; docker pull {image}"
                    )
    except (DockerException, RequestException) as error:
        why = getattr(error, "explanation", None) or error
        raise BackendUnavailable(f"image {image} is not here and cannot be pulled: {one_line(why)}") from error


def _split(image: str) -> tuple[str, str]:
    """Part the tag from the name; a colon before a slash belongs to a registry's port."""
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _json(path: Path) -> Mapping[str, object]:
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}  # as the command line: without a readable one, the defaults hold
    return read if isinstance(read, dict) else {}
