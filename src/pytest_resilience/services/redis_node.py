"""The servers of a Redis cluster: two that replicate, and the sentinel that watches over them.

Each has a file of settings, in which Redis itself writes down whose replica it is, so that it still is after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_resilience.services.backend import Backend, Spec, Unit
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import Program
from pytest_resilience.services.redis import DURABLE, RedisServer
from pytest_resilience.services.resp import Reply, RespConnection
from pytest_resilience.services.service import Service
from pytest_resilience.services.tended import START

SETTINGS = "redis.conf"
PATIENCE = 5.0
HOME_IN_IMAGE = "/data"
# The image's own entry point hands the directory over to the user that Redis will be.
SCRIPT = 'test -f "$0" || printf %s "$1" > "$0"; conf=$0; shift; exec docker-entrypoint.sh redis-server "$conf" "$@"'


class RedisNode(RedisServer):
    """A Redis server of a cluster; whether it is the primary or a replica is written in its file of settings."""

    @classmethod
    def embedded(cls, backend: ProcessBackend, program: Program, *, port: int, name: str = "redis") -> RedisNode:
        """Return a server that is not started yet, run from `program` as a process of this host."""
        return cls(_process(backend, program, port=port, name=name, settings=node_settings(port)))

    @classmethod
    def in_container(cls, backend: Backend, image: str, *, port: int, name: str = "redis") -> RedisNode:
        """Return a server that is not started yet, in a container that shares the host's network."""
        return cls(_container(backend, image, port=port, name=name, settings=node_settings(port)))

    def replicate(self, port: int | None) -> None:
        """Become a replica of the server at `port`, or a primary, and still be it after a restart."""
        target = ("NO", "ONE") if port is None else ("127.0.0.1", port)
        with RespConnection(self.host, self.port, timeout=PATIENCE) as connection:
            connection.command("REPLICAOF", *target)
            connection.command("CONFIG", "REWRITE")

    @property
    def replication(self) -> dict[str, str]:
        """What INFO says of its replication: `role`, `master_port`, `master_link_status`, `master_repl_offset`."""
        lines = str(self.command("INFO", "replication")).splitlines()
        return {key: value for key, colon, value in (line.partition(":") for line in lines) if colon}

    @property
    def offset(self) -> int:
        """How much of the stream of changes it has, in bytes from where the stream began."""
        said = self.replication
        return int(said["slave_repl_offset" if said["role"] == "slave" else "master_repl_offset"])


class Sentinel(Service):
    """A sentinel: it watches over a primary and its replicas, and makes a replica the primary where that is dead.

    :param service: how the primary is called by those who ask for it.
    """

    def __init__(self, unit: Unit, service: str, *, within: float = START) -> None:
        super().__init__(unit, ready=self._pings, scheme="redis+sentinel", within=within)
        self.service = service

    @classmethod
    def embedded(
        cls, backend: ProcessBackend, program: Program, *, port: int, settings: Mapping[str, str], service: str
    ) -> Sentinel:
        """Return one that is not started yet, run from `program` as a process of this host."""
        unit = _process(backend, program, port=port, name="sentinel", settings=settings, words=("--sentinel",))
        return cls(unit, service)

    @classmethod
    def in_container(
        cls, backend: Backend, image: str, *, port: int, settings: Mapping[str, str], service: str
    ) -> Sentinel:
        """Return one that is not started yet, in a container that shares the host's network."""
        unit = _container(backend, image, port=port, name="sentinel", settings=settings, words=("--sentinel",))
        return cls(unit, service)

    @property
    def url(self) -> str:
        """`redis+sentinel://127.0.0.1:PORT/SERVICE/0`."""
        return f"{super().url}/{self.service}/0"

    @property
    def primary_port(self) -> int:
        """The port of the server that it takes for the primary."""
        address = self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
        return int(str(address[1])) if isinstance(address, list) else 0

    def watches(self, port: int) -> bool:
        """Tell whether it knows of a replica at `port`, and takes it for alive and in order."""
        listed = self.command("SENTINEL", "REPLICAS", self.service)
        for words in listed if isinstance(listed, list) else []:
            if isinstance(words, list):
                told = dict(zip(map(str, words[::2]), map(str, words[1::2]), strict=True))
                if told["port"] == str(port):
                    return told["flags"] == "slave" and told.get("master-link-status") == "ok"
        return False

    def command(self, *words: str | float, timeout: float = PATIENCE) -> Reply:
        """Send one command on a connection of its own and return the reply: `command("SENTINEL", "MASTERS")`.

        :param timeout: seconds that connecting and the reply may take.
        :raises RedisRefused: the reply is an error.
        :raises OSError: it cannot be reached or does not answer in time.
        """
        with RespConnection(self.host, self.port, timeout=timeout) as connection:
            return connection.command(*words)

    def _pings(self) -> bool:
        return self.command("PING", timeout=1.0) == "PONG"


def node_settings(port: int) -> dict[str, str]:
    """Return the settings of a server that replicates or is replicated."""
    durable = {key.removeprefix("--"): value or '""' for key, value in zip(DURABLE[::2], DURABLE[1::2], strict=True)}
    return {
        "bind": "127.0.0.1",
        "port": str(port),
        **durable,
        # The defaults wait for more replicas to come, ping every 10 s, and give a silent fellow a minute.
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": "0",
        "repl-ping-replica-period": "1",
        "repl-timeout": "10",
    }


def sentinel_settings(port: int, *, service: str, primary: int, down_after: float) -> dict[str, str]:
    """Return the settings of a sentinel that decides alone.

    :param primary: the port of the server that is the primary at first.
    :param down_after: seconds of silence after which a server is taken for dead.
    """
    return {
        "bind": "127.0.0.1",
        "port": str(port),
        "sentinel monitor": f"{service} 127.0.0.1 {primary} 1",
        "sentinel down-after-milliseconds": f"{service} {max(1, round(down_after * 1000))}",
        # Twice this has to pass between two failovers.
        "sentinel failover-timeout": f"{service} 1500",
    }


def _text(settings: Mapping[str, str], home: str) -> str:
    quoted = home.replace("\\", "\\\\").replace('"', '\\"')  # a folder for temporary files may have a space in its name
    return "".join(f"{key} {value}\n" for key, value in {**settings, "dir": f'"{quoted}"'}.items())


def _process(
    backend: ProcessBackend, program: Program, *, port: int, name: str, settings: Mapping[str, str],
    words: tuple[str, ...] = (),
) -> Unit:  # fmt: skip
    home: Path = backend.place(name)
    file = home / SETTINGS
    file.write_text(_text(settings, str(home)))
    return backend.unit(Spec(name=name, command=(str(program.path), str(file), *words), port=port, directory=home))


def _container(
    backend: Backend, image: str, *, port: int, name: str, settings: Mapping[str, str], words: tuple[str, ...] = ()
) -> Unit:
    file = f"{HOME_IN_IMAGE}/{SETTINGS}"
    command = ("sh", "-c", SCRIPT, file, _text(settings, HOME_IN_IMAGE), *words)
    return backend.unit(Spec(name=name, command=command, image=image, port=port))
