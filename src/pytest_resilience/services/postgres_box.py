"""A Postgres server of a cluster in a container: it makes itself a copy of its fellow when it is told to.

What a container runs is settled when it is made, and nothing can be done inside one that has stopped. So the order to
copy is left with the fellow, as a replication slot of a certain name, and looked for at each start.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_resilience.services.backend import Backend
from pytest_resilience.services.postgres import container_spec
from pytest_resilience.services.postgres_node import FORK, SIGNAL, Fork, PostgresNode, node_settings
from pytest_resilience.services.template import CHANGEABLE, USER
from pytest_resilience.services.wal import TOOL, Lost, counted, dump

# A copy has a directory of its own beside the first one: to make files takes longest where some were just removed.
WALDUMP = " ".join(dump(TOOL, '"$PGDATA/pg_wal"', '"$TIMELINE"', '"$START"'))
SCRIPT = f"""\
set -e
ask() {{ psql -h 127.0.0.1 -p "$OTHER" -U {USER} -d {USER} -Atqc "$1" 2>/dev/null || true; }}
if test -f /data-directory; then PGDATA=$(cat /data-directory); fi
if test "$(ask "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '$ORDER'")" = 1; then
    if test -s "$PGDATA/PG_VERSION"; then
        read -r TIMELINE START <<EOF
$(ask "$FORK")
EOF
        {WALDUMP} 2>&1 || true
    fi
    PGDATA=$(mktemp -d /var/lib/postgresql/XXXXXX)
    pg_basebackup -D "$PGDATA" -h 127.0.0.1 -p "$OTHER" -U {USER} -w -X stream -c fast --no-sync
    touch "$PGDATA/{SIGNAL}"
    echo "$PGDATA" > /data-directory
fi
export PGDATA
exec docker-entrypoint.sh "$@"
"""  # noqa: S608 — of names of its own


class PostgresContainerNode(PostgresNode):
    """One that runs in a container, which shares the host's network."""

    @classmethod
    def of(cls, backend: Backend, image: str, *, port: int, other: int, name: str) -> PostgresContainerNode:
        """Return a node that is not started yet, in a container whose `image` is or behaves like the official one.

        :param other: the port of its fellow.
        """
        settings = {**CHANGEABLE, **node_settings(name, other), "listen_addresses": "127.0.0.1", "port": str(port)}
        spec = container_spec(image, port=port, name=name, settings=settings)
        return cls(
            backend.unit(
                replace(
                    spec,
                    command=("sh", "-c", SCRIPT, name, *spec.command),
                    env={**spec.env, "OTHER": str(other), "ORDER": _order(name), "FORK": FORK},
                    container_port=None,
                )
            )
        )

    def begin_as_standby(self, source: PostgresNode) -> None:
        """Start it, and let it make a copy of its fellow."""
        self._start_as_copy(source)

    def follow(self, source: PostgresNode, fork: Fork) -> Lost | None:
        """Start it again, and let it count what it had and make a copy of its fellow."""
        before = len(self.logs())
        self._start_as_copy(source)
        return counted(self.logs()[before:], fork[1])

    def _start_as_copy(self, source: PostgresNode) -> None:
        source.query(f"SELECT pg_create_physical_replication_slot('{_order(self.name)}')", database=USER)
        try:
            self.start()
        finally:
            source.query(f"SELECT pg_drop_replication_slot('{_order(self.name)}')", database=USER)


def _order(name: str) -> str:
    return f"copy_for_{name}".replace("-", "_")
