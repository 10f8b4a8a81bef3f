"""One of the two Postgres servers of a cluster: it can be the primary, or follow the other one as its standby.

Which one it is, is said by a file in its data directory alone, as Postgres has it: both are started with the same
settings, among them where the other one is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_resilience.errors import ServiceNotReady, Unsupported
from pytest_resilience.janitor import RemoveSharedMemory
from pytest_resilience.services.backend import Unit
from pytest_resilience.services.datadir import DataDirectory
from pytest_resilience.services.guise import Guise
from pytest_resilience.services.postgres import PostgresServer, process_spec
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import Program
from pytest_resilience.services.template import USER, cache_directory, template
from pytest_resilience.services.wal import TOOL, Lost, counted, dump

SIGNAL = "standby.signal"
REWINDER = "pg_rewind"
# Where the log of an old primary and that of its successor part: its timeline, and the position.
Fork = tuple[int, str]
# The last line of the history of a primary's timeline says so: "1 0/3000148".
FORK = (
    "SELECT concat_ws(' ', split_part(line, chr(9), 1), split_part(line, chr(9), 2)) FROM regexp_split_to_table("
    "trim(chr(10) FROM pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '.history')), "
    "chr(10)) WITH ORDINALITY AS history (line, number) ORDER BY number DESC LIMIT 1"
)


def node_settings(name: str, other: int) -> dict[str, str]:
    """Return the settings of a node called `name`, whose fellow is at the port `other`."""
    return {
        "primary_conninfo": f"host=127.0.0.1 port={other} user={USER} application_name={name} "
        "sslmode=disable gssencmode=disable",
        # What pg_rewind goes by.
        "wal_log_hints": "on",
        # A standby that was down finds the log it missed.
        "wal_keep_size": "512MB",
        # The default, 5 s between two attempts, would be most of what a test sees of a restart.
        "wal_retrieve_retry_interval": "50ms",
        "wal_receiver_status_interval": "1s",
    }


class PostgresNode(PostgresServer):
    """A Postgres server of a cluster; which of them it is at the moment is its cluster's affair."""

    def begin_as_standby(self, source: PostgresNode) -> None:
        """Start it, for the first time, as the standby of its fellow, which runs."""
        raise NotImplementedError

    def follow(self, source: PostgresNode, fork: Fork) -> Lost | None:
        """Start it again, as the standby of its fellow.

        :return: what it had that is not there; None where that is not known.
        """
        raise NotImplementedError

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of it, as the host that it runs on has them; empty when it is not running."""
        return self._unit.pids

    @property
    def standing_by(self) -> bool:
        """Whether it is a standby: it replays a log, and takes no writes."""
        return self.query("SELECT pg_is_in_recovery()", database=USER) == [("t",)]


class PostgresProcessNode(PostgresNode):
    """One that runs as processes of this host.

    :param tools: the directory of Postgres' programs.
    :param run: runs a command with a file for its output, and returns its exit status.
    """

    def __init__(
        self, unit: Unit, data: DataDirectory, *, tools: Path, guise: Guise, run: Callable[[tuple[str, ...], Path], int]
    ) -> None:
        super().__init__(unit, data=data)
        self._data: DataDirectory = data
        self._tools = tools
        self._guise = guise
        self._run = run

    @classmethod
    def of(
        cls, backend: ProcessBackend, program: Program, *, port: int, other: int, name: str,
        settings: Mapping[str, str] | None = None, cache: Path | None = None,
    ) -> PostgresProcessNode:  # fmt: skip
        """Return a node that is not started yet.

        :param other: the port of its fellow.
        :raises BackendUnavailable: this is root, and Postgres cannot be made to think otherwise.
        :raises Unsupported: Postgres is here without the program that brings an old primary back.
        """
        tools = program.path.parent
        if not (tools / REWINDER).exists():
            raise Unsupported(
                f"{name}: a cluster needs {REWINDER}, which is not beside {program.path}: install all of "
                "Postgres, or put another one on PATH"
            )
        guise, place = backend.guise, backend.place(name)
        store = cache_directory() if cache is None else cache
        data = DataDirectory(
            place,
            lambda: template(program, guise, backend.run, store),
            owner=guise.owner,
            remains=backend.janitor.promise(RemoveSharedMemory(place)),
        )
        asked = {**(settings or {}), **node_settings(name, other)}
        spec = process_spec(program.path, port=port, data=place, name=name, settings=asked)
        return cls(backend.unit(spec), data, tools=tools, guise=guise, run=backend.run)

    def begin_as_standby(self, source: PostgresNode) -> None:
        """Start it on a copy of the template that its fellow began with, from where it replays the log."""
        self._data.reset()
        self._signal()
        self.start()

    def follow(self, source: PostgresNode, fork: Fork) -> Lost | None:
        """Make its data directory again what it can follow its fellow from, and start it."""
        lost = self._lost(*fork)
        if self._can_replay_all(source):
            self._data.reset()
        else:
            self._rewind(source.port)
        self._signal()
        self.start()
        return lost

    def _can_replay_all(self, source: PostgresNode) -> bool:
        """Tell whether the whole log is there, from the template on; to replay it takes a fraction of a rewind."""
        first = min(segment.name for segment in (self._data.template() / "pg_wal").iterdir() if segment.is_file())
        # Whatever timeline it is on now: the name is the timeline and then the position.
        segments = source.query("SELECT name FROM pg_ls_waldir()", database=USER)
        return any(str(name).endswith(first[8:]) for (name,) in segments)

    def _rewind(self, port: int) -> None:
        """Wind it back to where the two parted, and bring what differs."""
        self._data.unlock()
        # The server that pg_rewind runs to recover what crashed does not know the settings that ours is given.
        with (self._data.path / "postgresql.auto.conf").open("a") as settings:
            settings.write("wal_log_hints = on\n")
        status, said = self._ask(rewind(str(self._tools / REWINDER), str(self._data.path), port))
        if status != 0:
            raise ServiceNotReady(
                f"{self.name}: {REWINDER} from the server at port {port} failed with {status}:\n{said}"
            )

    def _lost(self, timeline: int, position: str) -> Lost | None:
        tool = self._tools / TOOL
        if not tool.exists():
            return None
        command = dump(str(tool), str(self._data.path / "pg_wal"), str(timeline), position)
        return counted(self._ask(command)[1], position)

    def _signal(self) -> None:
        signal = self._data.path / SIGNAL
        signal.touch(mode=0o600)
        if self._guise.owner is not None:
            os.chown(signal, self._guise.owner, self._guise.owner)

    def _ask(self, command: tuple[str, ...]) -> tuple[int, str]:
        with tempfile.NamedTemporaryFile(dir=self._data.path.parent, prefix="said-") as output:
            status = self._run(self._guise.wrap(command), Path(output.name))
            return status, Path(output.name).read_text(errors="replace")


def rewind(program: str, data: str, port: int) -> tuple[str, ...]:
    """Return the command that makes the directory `data` of a server that is down what the one at `port` holds."""
    source = f"host=127.0.0.1 port={port} user={USER} dbname={USER} sslmode=disable"
    return program, "--target-pgdata", data, "--source-server", source, "--no-sync"
