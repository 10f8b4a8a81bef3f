"""A real Redis server: durable as most run it, empty for each test, and to be broken in its own ways too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_resilience.errors import ServiceNotReady, ServiceStateError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.backend import Backend, Spec, Unit
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import Program
from pytest_resilience.services.redis_faults import PATIENCE, RedisFaults
from pytest_resilience.services.resp import RedisRefused, RespConnection
from pytest_resilience.services.tended import START
from pytest_resilience.timeline import Receipt

# An append-only file, written in each turn of the event loop and forced to the disk every second:
# what was acknowledged survives a crash of the process, and up to a second of it is lost with the machine.
DURABLE = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
IN_IMAGE = 6379
# Images whose tag is their version. Of others it is not known before they have been started.
OFFICIAL = re.compile(r"(?:(?:docker\.io/)?library/)?redis:(\d+)")


class RedisServer(RedisFaults):
    """A Redis server at `redis://127.0.0.1:PORT/0`; made by `embedded()` or `in_container()`."""

    def __init__(self, unit: Unit, *, within: float = START) -> None:
        super().__init__(unit, ready=self._pings, scheme="redis", within=within)
        self._settings: Mapping[str, str] = {}

    @classmethod
    def embedded(cls, backend: ProcessBackend, program: Program, *, port: int, name: str = "redis") -> RedisServer:
        """Return a server that is not started yet, run from `program` as a process of this host."""

        def at(home: Path) -> Spec:
            return process_spec(program.path, port=port, home=home, name=name, version=program.version)

        server = cls(backend.unit(at(backend.place(name))))
        server._backend, server._housing = backend, lambda volume: at(Path(volume.inside))
        return server

    @classmethod
    def in_container(cls, backend: Backend, image: str, *, port: int, name: str = "redis") -> RedisServer:
        """Return a server that is not started yet, in a container whose `image` is or behaves like the official one."""
        spec = container_spec(image, port=port, name=name)
        server = cls(backend.unit(spec))
        server._backend = backend
        server._housing = lambda volume: replace(spec, command=(*spec.command, "--dir", volume.inside))
        return server

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"{super().url}/0"

    def start(self) -> None:
        """Start it and return when it answers PING; its settings then are what `ensure_fresh` goes back to."""
        super().start()
        if not self._settings:
            with RespConnection(self.host, self.port, timeout=PATIENCE) as connection:
                self._settings = _settings(connection)

    def ensure_fresh(self) -> None:
        """Bring it to running, answering, empty, and with the settings it was started with.

        What cannot be set back while it runs is set back by a restart.

        :raises ServiceNotReady: it cannot be brought there.
        """
        self._move_back()
        super().ensure_fresh()
        try:
            self._reset()
        except (RedisRefused, OSError):
            self._unit.kill()
            self.start()
            self._reset()

    def remove(self) -> None:
        """End it and leave nothing of it; its logs can still be read."""
        self._move_back()
        super().remove()

    @fault
    def flushed(self, *, optional: bool = False) -> Breakage:
        """Lose every key of every database at once, as by FLUSHALL or a cache that was replaced by an empty one.

        It is done when it is struck; the heal has nothing to bring back. Receipt: keys flushed.

        :param optional: an empty server is expected.
        """
        if not self.running:
            raise ServiceStateError(f"{self.name}: cannot be flushed, it is not running; start() it first")
        with RespConnection(self.host, self.port, timeout=PATIENCE) as connection:
            # In one transaction, so that the count is of the keys that went.
            for words in (("MULTI",), ("INFO", "keyspace"), ("FLUSHALL",)):
                connection.command(*words)
            done = connection.command("EXEC")
        if not isinstance(done, list) or not isinstance(done[0], str):
            raise TypeError(f"{self.name}: EXEC answered {done!r}")
        yield Receipt(optional=optional, keys_flushed=_keys(done[0]))

    def _own_clock(self) -> tuple[float, str]:
        reply = self.command("TIME")
        if not isinstance(reply, list):
            raise TypeError(f"{self.name}: TIME answered {reply!r}")
        seconds, microseconds = (float(str(word)) for word in reply)
        return seconds + microseconds / 1e6, "TIME"

    def _pings(self) -> bool:
        return self.command("PING", timeout=1.0) == "PONG"

    def _reset(self) -> None:
        with RespConnection(self.host, self.port, timeout=PATIENCE) as connection:
            now = _settings(connection)
            for name, value in self._settings.items():
                if now.get(name) != value:
                    connection.command("CONFIG", "SET", name, value)
            connection.command("FLUSHALL")
            left = _keys(str(connection.command("INFO", "keyspace")))
        if left:
            raise ServiceNotReady(
                f"{self.name} at {self.address}: {left} keys right after FLUSHALL: a client of the last test still "
                "writes to it; end that client with the test that started it"
            )


def process_spec(program: Path, *, port: int, home: Path, name: str = "redis", version: str = "") -> Spec:
    """Return how Redis is run as a process, with its data in `home`."""
    where = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(home))
    return Spec(name=name, command=(str(program), *where, *DURABLE, *_debugging(version)), port=port, directory=home)


def container_spec(image: str, *, port: int, name: str = "redis") -> Spec:
    """Return how Redis is run in a container: options only, before which the image puts `redis-server`."""
    where = ("--bind", "0.0.0.0", "--port", str(IN_IMAGE), "--protected-mode", "no")  # noqa: S104 — of the container
    official = OFFICIAL.match(image)
    command = (*where, *DURABLE, *_debugging(official[1] if official else ""))
    return Spec(name=name, command=command, image=image, port=port, container_port=IN_IMAGE)


def _debugging(version: str) -> tuple[str, ...]:
    """Return what lets a Redis be debugged, as `loading()` does: from 7.0 it has to be told, before it cannot be."""
    major = version.partition(".")[0]
    return ("--enable-debug-command", "yes") if major.isdigit() and int(major) >= 7 else ()


def _settings(connection: RespConnection) -> dict[str, str]:
    reply = connection.command("CONFIG", "GET", "*")
    words = [str(word) for word in reply] if isinstance(reply, list) else []
    return dict(zip(words[::2], words[1::2], strict=True))


def _keys(keyspace: str) -> int:
    """Count the keys in an answer to INFO keyspace: `db0:keys=3,expires=0,avg_ttl=0`."""
    databases = (line.partition("keys=")[2] for line in keyspace.splitlines() if line.startswith("db"))
    return sum(int(counts.partition(",")[0]) for counts in databases)
