"""Schema: the tables, made at start by whichever instance comes first."""

from __future__ import annotations

import asyncio
import logging
import time

import psycopg
from clinic.bugs import planted
from clinic.connection import Connection
from clinic.database import Database
from clinic.errors import Unavailable
from clinic.retry import Backoff

log = logging.getLogger("clinic.schema")

LOCK = 7_220_115  # any number, the same in all instances
TABLES = (
    """
    CREATE TABLE IF NOT EXISTS slots (
        id      integer PRIMARY KEY,
        doctor  text NOT NULL,
        starts  timestamptz NOT NULL
    )""",
    """
    CREATE TABLE IF NOT EXISTS bookings (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        slot     integer NOT NULL UNIQUE REFERENCES slots,
        patient  text NOT NULL,
        key      text UNIQUE,
        made     timestamptz NOT NULL DEFAULT now()
    )""",
    """
    CREATE TABLE IF NOT EXISTS results (
        job       uuid PRIMARY KEY,
        kind      text NOT NULL,
        state     text NOT NULL CHECK (state IN ('done', 'failed')),
        result    jsonb NOT NULL,
        worker    text NOT NULL,
        attempts  integer NOT NULL,
        finished  timestamptz NOT NULL DEFAULT now()
    )""",
    """
    CREATE TABLE IF NOT EXISTS charges (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job      uuid NOT NULL,
        patient  text NOT NULL,
        amount   integer NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS charges_patient ON charges (patient)",
)
SEED = """
    INSERT INTO slots
    SELECT n,
           (ARRAY['Adeyemi', 'Brandt', 'Castillo', 'Dvorak', 'Eriksen'])[1 + n %% 5],
           timestamptz '2030-01-07 08:00+00' + n * interval '15 minutes'
    FROM generate_series(1, %s) AS n
    ON CONFLICT DO NOTHING"""


async def keep_prepared(database: Database, *, slots: int) -> None:
    """Make the schema as soon as the database is there, and again should it ever be gone. Runs until cancelled."""
    backoff = Backoff(base=0.05, cap=0.5)

    async def prepare(connection: Connection) -> None:
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = '5s'")
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            for table in TABLES:
                await connection.execute(table.replace(" UNIQUE REF", " REF") if planted("double-booking") else table)
            if planted("migration-locks"):
                await connection.execute("LOCK TABLE bookings IN ACCESS EXCLUSIVE MODE")
                await connection.execute("SELECT pg_sleep(1)")
            await connection.execute(SEED, (slots,))

    failures = 0
    if planted("ready-too-early"):
        await asyncio.sleep(1)
    while True:
        if not database.prepared:
            try:
                await database.attempt(prepare, deadline=time.monotonic() + 5.0, timeout=5.0)
            except (Unavailable, psycopg.Error) as error:
                failures += 1
                if failures == 1:
                    log.warning("not prepared yet: %s", error)
                await asyncio.sleep(max(0.05, backoff.pause(failures)))
                continue
            failures = 0
            database.prepared = True
            log.info("prepared, %d slots", slots)
        await asyncio.sleep(0.1)
