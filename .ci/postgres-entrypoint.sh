#!/bin/sh
# What the official Postgres image's entrypoint does, but for /docker-entrypoint-initdb.d: options alone mean
# postgres, root is given up, and an empty PGDATA becomes a cluster with the user, password and database that
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_HOST_AUTH_METHOD and POSTGRES_INITDB_ARGS ask for.
set -e
case "${1-}" in "" | -*) set -- postgres "$@" ;; esac
if [ "$1" = postgres ]; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA"
        chown -R postgres:postgres "$PGDATA"
        chmod 700 "$PGDATA"
        exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        user=${POSTGRES_USER:-postgres}
        database=${POSTGRES_DB:-$user}
        method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
        if [ -z "${POSTGRES_PASSWORD-}" ] && [ "$method" != trust ]; then
            echo "Error: Database is uninitialized and superuser password is not specified." >&2
            echo "Give POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD=trust." >&2
            exit 1
        fi
        password=$(mktemp)
        printf '%s\n' "${POSTGRES_PASSWORD:-unused}" >"$password"
        # shellcheck disable=SC2086  # several options in one variable are meant
        initdb --username="$user" --pwfile="$password" --auth-local=trust ${POSTGRES_INITDB_ARGS-}
        rm "$password"
        printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"
        printf "listen_addresses = '*'\n" >>"$PGDATA/postgresql.conf"
        if [ "$database" != postgres ]; then
            echo "CREATE DATABASE \"$database\" OWNER \"$user\";" | postgres --single -jE postgres
        fi
    fi
fi
exec "$@"
