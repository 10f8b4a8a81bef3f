"""The choice of the server behind links."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.janitor import Janitor
from pytest_resilience.links.elsewhere import ServerElsewhere
from pytest_resilience.links.host import LinkServer
from pytest_resilience.links.process import EmbeddedServer, Lease, ToxiproxyServer
from pytest_resilience.options import Options, address_of

PROGRAM = "toxiproxy-server"

# Starts the image, and returns the port of its API and what returns its log; the stack ends it.
StartImage = Callable[[ExitStack], tuple[int, Callable[[], str]]]


def link_server(
    options: Options,
    janitor: Janitor,
    *,
    lease: Callable[[], AbstractContextManager[Lease]],
    start_image: StartImage,
) -> LinkServer:
    """Return the server that the options ask for; it starts when it is first used.

    :raises BackendUnavailable: it is to be found on PATH and is not there.
    """
    if options.toxiproxy in {"auto", "embedded"}:
        return EmbeddedServer(janitor, seed=options.seed)
    if options.toxiproxy == "server":
        return ToxiproxyServer(janitor, find_program(), lease=lease)
    if options.toxiproxy == "docker":
        return ServerElsewhere("127.0.0.1", start=start_image)
    host, port = address_of(options.toxiproxy)
    return ServerElsewhere(host, port)


def describe(options: Options) -> str:
    """Return what the header says of the server behind links; nothing of the embedded one.

    :raises BackendUnavailable: it is to be found on PATH and is not there.
    """
    if options.toxiproxy in {"auto", "embedded"}:
        return ""
    if options.toxiproxy == "server":
        program = find_program()
        said = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=10, check=False)
        return f"links by {said.stdout.strip() or PROGRAM} ({program}), which takes no seed"
    if options.toxiproxy == "docker":
        return f"links by {options.toxiproxy_image}, which takes no seed"
    return f"links by the Toxiproxy at {options.toxiproxy}"


def find_program() -> Path:
    """Return the real toxiproxy-server.

    :raises BackendUnavailable: it is not on PATH.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise BackendUnavailable(
            f"--resilience-toxiproxy=server: there is no {PROGRAM} on PATH; install it "
            "(https://github.com/Shopify/toxiproxy/releases), or use --resilience-toxiproxy=embedded"
        )
    return Path(found)
