"""The washing of a Postgres server by SQL: what a test left goes, and the server does not have to be restarted."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_resilience.services.pgwire import PgConnection


def wash(connection: PgConnection, database: str, user: str, *, settings: Mapping[str, str] | None = None) -> None:
    """Remove every database, role, replication slot and setting that is not Postgres' own, and create `database`.

    All other connections are closed. What stays: changes in the databases `postgres` and `template1`, and
    settings that take a restart to go back. It takes one round trip for each thing to be removed.

    :param connection: a session of `user`, a superuser, in the database `postgres`.
    :param settings: what it has by ALTER SYSTEM afterwards.
    :raises PostgresRefused: something cannot be removed.
    """
    connection.query("SET default_transaction_read_only = off")
    connection.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()"
    )
    connection.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
    databases = "SELECT quote_ident(datname) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
    for (name,) in connection.query(databases):
        connection.query(f"DROP DATABASE {name} WITH (FORCE)")
    roles = "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> "
    for (name,) in connection.query(f"{roles}'{user}'"):
        connection.query(f"DROP OWNED BY {name} CASCADE")
        connection.query(f"DROP ROLE {name}")
    connection.query("ALTER SYSTEM RESET ALL")
    for name, value in (settings or {}).items():
        connection.query(f"ALTER SYSTEM SET {name} = '{value}'")
    connection.query("SELECT pg_reload_conf()")
    connection.query(f"CREATE DATABASE {database} TEMPLATE template0")
