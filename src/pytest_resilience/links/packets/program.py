"""The program of one packet road: a relay on the host, and a clerk in a cable of its own.

Run as `python -I -S program.py CONTROL TARGET`: CONTROL is the descriptor of a socket on which the clerk is asked,
TARGET the service's `host:port`. The first line on CONTROL says where clients connect, or why there is no road.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from pathlib import Path


def main(control: socket.socket, target: str) -> None:
    """Run until the other end of `control` is closed."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # run by its path, it has to find the package
    from pytest_resilience.links.packets.clerk import serve
    from pytest_resilience.links.packets.relay import Relay, address

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    entrance = socket.create_server(("127.0.0.1", 0), backlog=1024)
    relays, clerks = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The clerk moves between namespaces, which a process can do only alone, with all of its sockets made elsewhere.
    if os.fork() == 0:
        relays.close()
        port = entrance.getsockname()[1]
        entrance.close()
        serve(control, clerks, port)
        return
    clerks.close()
    control.close()

    async def carry() -> None:
        await Relay(entrance, relays, address(target)).run()

    asyncio.run(carry())
    os.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is the test's business
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
