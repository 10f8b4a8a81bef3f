"""A real Postgres server: fresh for each test, and to be broken in its own ways too."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.janitor import RemoveSharedMemory
from pytest_resilience.services.backend import Backend, Spec, Unit, Volume
from pytest_resilience.services.datadir import DataDirectory
from pytest_resilience.services.laundry import wash
from pytest_resilience.services.own_disk import FAREWELL
from pytest_resilience.services.pgwire import PgConnection, Row
from pytest_resilience.services.postgres_faults import PATIENCE, PostgresFaults
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import Program
from pytest_resilience.services.template import CHANGEABLE, DATABASE, USER, cache_directory, template
from pytest_resilience.services.tended import AT_ONCE, START
from pytest_resilience.timeline import Receipt
from pytest_resilience.waiting import wait_until

SETTINGS = {
    "max_connections": "100",
    # The defaults, which initdb would make smaller with its small segments.
    "min_wal_size": "80MB",
    "max_wal_size": "1GB",
}
# Of a process only. An image's initdb has written another one down, which the server would take for an error whenever
# it reads its settings again, and say so in its log.
BUFFERS = {"shared_buffers": "32MB"}
IN_IMAGE = 5432
INITDB_ARGS = "POSTGRES_INITDB_ARGS"


class PostgresServer(PostgresFaults):
    """A Postgres server at `postgresql://postgres@127.0.0.1:PORT/test`; made by `embedded()` or `in_container()`.

    :param data: its data directory where that is on this host; None in a container.
    """

    def __init__(self, unit: Unit, *, data: DataDirectory | None = None, within: float = START) -> None:
        super().__init__(unit, ready=self._answers, scheme="postgresql", within=within)
        self._data = data
        self._data_at_home = data

    @classmethod
    def embedded(
        cls,
        backend: ProcessBackend,
        program: Program,
        *,
        port: int,
        name: str = "postgres",
        settings: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> PostgresServer:
        """Return a server that is not started yet, run from `program` as processes of this host.

        :param settings: of postgresql.conf, over those in `SETTINGS`.
        :param cache: where the templates of data directories are kept, by default `cache_directory()`.
        :raises BackendUnavailable: this is root, and Postgres cannot be made to think otherwise.
        """
        guise, place = backend.guise, backend.place(name)
        store = cache_directory() if cache is None else cache

        def data_at(place: Path, *, spares: bool) -> DataDirectory:
            return DataDirectory(
                place,
                lambda: template(program, guise, backend.run, store),
                owner=guise.owner,
                remains=backend.janitor.promise(RemoveSharedMemory(place)),
                spares=spares,
            )

        def spec_at(place: Path) -> Spec:
            return process_spec(program.path, port=port, data=place, name=name, settings=settings or {})

        def housed(volume: Volume) -> Spec:
            data = volume.source / "data"
            data.mkdir(mode=0o700)
            server._data_at_home, server._data = server._data, data_at(data, spares=False)
            return spec_at(Path(volume.inside) / "data")

        server = cls(backend.unit(spec_at(place)), data=data_at(place, spares=True))
        server._backend, server._housing = backend, housed
        return server

    @classmethod
    def in_container(
        cls,
        backend: Backend,
        image: str,
        *,
        port: int,
        name: str = "postgres",
        settings: Mapping[str, str] | None = None,
    ) -> PostgresServer:
        """Return a server that is not started yet, in a container whose `image` is or behaves like the official one."""
        spec = container_spec(image, port=port, name=name, settings=settings or {})
        server = cls(backend.unit(spec))
        server._backend = backend

        def housed(volume: Volume) -> Spec:
            # A small disk has its log in files of 1 MB, as with an embedded server: data fills it, not the next file.
            initdb = f"{spec.env[INITDB_ARGS]} --wal-segsize 1"
            # Nobody washes it before its test.
            command = (*spec.command, *_options(CHANGEABLE))
            return replace(
                spec, command=command, env={**spec.env, "PGDATA": f"{volume.inside}/data", INITDB_ARGS: initdb}
            )

        server._housing = housed
        return server

    @property
    def url(self) -> str:
        """`postgresql://postgres@127.0.0.1:PORT/test`; no password is asked for."""
        return f"postgresql://{USER}@{self.address}/{DATABASE}"

    def query(self, sql: str, *, database: str = DATABASE, timeout: float = PATIENCE) -> list[Row]:
        """Run SQL in a session of its own and return the rows of the last statement, each value as text or None.

        :param timeout: seconds that connecting and the answer may take.
        :raises PostgresRefused: Postgres answered with an error.
        :raises OSError: it cannot be reached or does not answer in time.
        """
        with PgConnection(self.host, self.port, user=USER, database=database, timeout=timeout) as connection:
            return connection.query(sql)

    def ensure_fresh(self) -> None:
        """Bring it to running, answering, and as it was when it was first started.

        Embedded, that is a restart on a data directory made equal to its template: nothing a test did survives it. In
        a container, where a restart takes much longer, all databases, roles and settings are removed by SQL, and `test`
        is created anew. Either way every connection is closed.

        :raises ServiceNotReady: it cannot be brought there.
        """
        self._move_back()
        if self._data is None:
            super().ensure_fresh()
            with PgConnection(self.host, self.port, user=USER, database=USER, timeout=PATIENCE) as connection:
                wash(connection, DATABASE, USER, settings=CHANGEABLE)
            return
        self._unit.stop(FAREWELL)
        self._data.reset()
        self.start()

    def remove(self) -> None:
        """End it and leave nothing of it, its shared memory included; its logs can still be read."""
        self._move_back()
        self._unit.stop(FAREWELL)
        super().remove()
        if self._data is not None:
            self._data.close()

    def _move_back(self) -> None:
        if self._home is not None:
            self._unit.stop(FAREWELL)
        super()._move_back()

    def _forget_move(self) -> None:
        if self._data is not None and self._data is not self._data_at_home:
            self._data.close()
            self._data = self._data_at_home

    @fault
    def connections_terminated(self, *, optional: bool = False) -> Breakage:
        """Close every client's connection from the server's side, as a failover or an administrator does.

        It is done when it is struck: clients may connect again at once. Receipt: connections terminated.

        :param optional: that nobody is connected is expected.
        """
        if not self.running:
            raise ServiceStateError(
                f"{self.name}: has no connections to terminate, it is not running; start() it first"
            )
        with PgConnection(self.host, self.port, user=USER, database=USER, timeout=PATIENCE) as connection:
            told = connection.query(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            pids = ",".join(str(pid) for pid, _ in told)
            left = f"SELECT 1 FROM pg_stat_activity WHERE pid = ANY('{{{pids}}}')"  # noqa: S608 — numbers of its own
            wait_until(
                lambda: not connection.query(left),
                within=AT_ONCE,
                what=f"{self.name} closes the connections of {pids}",
            )
        yield Receipt(optional=optional, connections_terminated=len(told))

    def _launch(self) -> None:
        # The first start begins with a fresh data directory.
        if self._data is not None and not self.running:
            if not self._data.made:
                self._data.reset()
            self._data.unlock()
        super()._launch()

    def _own_clock(self) -> tuple[float, str]:
        ((seconds,),) = self.query("SELECT extract(epoch FROM clock_timestamp())")
        return float(seconds or "nan"), "clock_timestamp()"

    def _answers(self) -> bool:
        return self.query("SELECT 1", timeout=1.0) == [("1",)]


def process_spec(program: Path, *, port: int, data: Path, name: str, settings: Mapping[str, str]) -> Spec:
    """Return how Postgres is run as a process on the data directory `data`."""
    own = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        # In files of the data directory: a killed server leaves nothing in /dev/shm, of which Docker gives 64 MB only.
        "dynamic_shared_memory_type": "mmap",
    }
    return Spec(
        name=name,
        command=(str(program), "-D", str(data), *_options({**BUFFERS, **SETTINGS, **settings, **own})),
        env={"LC_ALL": "C"},
        port=port,
        directory=data,
        as_user=True,
        stop_signal=signal.SIGINT,
    )


def container_spec(image: str, *, port: int, name: str, settings: Mapping[str, str]) -> Spec:
    """Return how Postgres is run in a container of the official image."""
    return Spec(
        name=name,
        command=("postgres", *_options({**SETTINGS, **settings})),
        image=image,
        env={
            "POSTGRES_USER": USER,
            "POSTGRES_DB": DATABASE,
            "POSTGRES_HOST_AUTH_METHOD": "trust",
            INITDB_ARGS: "--no-sync --encoding UTF8 --locale C",
        },
        port=port,
        container_port=IN_IMAGE,
        stop_signal=signal.SIGINT,
    )


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
