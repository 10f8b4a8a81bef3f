"""The server as a program: its options, its start, and its end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Coroutine, Sequence
from datetime import datetime, timezone
from pathlib import Path

from . import address
from .api import VERSION, Api
from .clock import Clock
from .collection import ApiError, Collection
from .http import Protocol
from .leg import Buffer
from .proxy import Engine

_PORT = 8474
_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toxiproxy-server",
        description="A TCP proxy that breaks what goes through it, with the HTTP API of Toxiproxy.",
        allow_abbrev=False,
    )
    # Go's flags take one dash or two.
    parser.add_argument("-host", "--host", default="localhost", help="where the API listens (default: localhost)")
    parser.add_argument("-port", "--port", default=_PORT, type=int, help=f"its port; 0: any (default: {_PORT})")
    parser.add_argument("-config", "--config", type=Path, help="a JSON file of proxies to create, as for /populate")
    parser.add_argument(
        "-seed", "--seed", type=int, help="what all random choices come from (default: chosen and logged)"
    )
    for name, text in (("proxy", "of the bytes of each proxy"), ("runtime", "of the process")):
        parser.add_argument(
            f"-{name}-metrics",
            f"--{name}-metrics",
            nargs="?",
            type=_flag,
            const=True,
            default=False,
            help=f"answer /metrics with counters {text} (default: false)",
        )
    parser.add_argument("--ready-fd", type=int, help="a descriptor to write the port to, as a line, once it listens")
    parser.add_argument("-version", "--version", action="version", version=f"toxiproxy-server version {VERSION}")
    return parser


def _flag(text: str) -> bool:
    """Return what Go's flags take for a bool."""
    if text in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise argparse.ArgumentTypeError(f"invalid boolean value {text!r}: expected true or false")


def log(level: str, message: str, **fields: object) -> None:
    """Write a line of JSON to stdout, as Toxiproxy does, unless `LOG_LEVEL` asks for weightier ones only."""
    wanted = os.environ.get("LOG_LEVEL", "")
    if wanted in _LEVELS and _LEVELS.index(level) < _LEVELS.index(wanted):
        return
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = {"level": level, **fields, "time": now, "message": message}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def serve(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    _take_descriptors()
    loop = asyncio.get_running_loop()
    seed: int = secrets.randbits(32) if options.seed is None else options.seed
    collection = Collection(Engine(loop, Clock.best(loop), seed, Buffer()))
    try:
        listener = await address.listen(address.join(options.host, options.port))
    except address.AddressError as error:
        log("error", f"Could not start the API: {error}")
        return 1
    live: set[Protocol] = set()
    api = Api(collection, proxy_metrics=options.proxy_metrics, runtime_metrics=options.runtime_metrics)
    if options.config is not None:
        await _populate(collection, options.config)
    server = await loop.create_server(lambda: Protocol(api.answer, live), sock=listener, backlog=4096)
    log("info", "Starting Toxiproxy HTTP server", address=address.of_socket(listener), version=VERSION, seed=seed)
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w", encoding="ascii") as ready:
            ready.write(f"{listener.getsockname()[1]}\n")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    server.close()
    for connection in list(live):
        connection.close()
    collection.close()
    return 0


def _take_descriptors() -> None:
    """Allow ourselves all the open files that the hard limit does, as Go does: a connection takes two."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _populate(collection: Collection, config: Path) -> None:
    """Make the proxies of a file. A file that cannot be read is logged, and the server goes on."""
    try:
        body = await asyncio.to_thread(config.read_bytes)
        proxies = await collection.populate(body)
    except OSError as error:
        log("error", "Error reading config file", config=str(config), error=str(error))
    except ApiError as error:
        log("error", "Failed to populate proxies from file", config=str(config), error=str(error))
    else:
        log("info", "Populated proxies from file", config=str(config), proxies=len(proxies))


def _run(main: Coroutine[None, None, int]) -> int:
    """Run on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; return its exit status."""
    return _run(serve(_parser().parse_args(arguments)))
