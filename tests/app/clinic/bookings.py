"""Bookings: a slot given to a patient. A slot is given once; an answer of 201 is never taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg
from clinic.body import read_object, text, whole
from clinic.bugs import planted
from clinic.connection import Connection
from clinic.database import Database
from clinic.errors import Refusal
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

DAY = 86_400.0


@dataclass(frozen=True)
class Booking:
    """What the database holds."""

    id: int
    slot: int
    patient: str


class Bookings:
    """Makes bookings and shows them. `changed` is told of each slot that has been taken."""

    def __init__(self, database: Database, changed: Callable[[int], Awaitable[None]]) -> None:
        self._database, self._changed = database, changed

    async def create(self, request: Request) -> Response:
        """POST /bookings {slot, patient}: 201, or 200 where the same Idempotency-Key has made it before."""
        wanted = await read_object(request)
        slot = whole(wanted.get("slot"), field="slot", least=1)
        patient = text(wanted.get("patient"), field="patient")
        key = request.headers.get("Idempotency-Key")
        if planted("idempotency-key-ignored"):
            key = None
        if key is not None:
            key = text(key, field="Idempotency-Key")

        async def work(connection: Connection) -> tuple[Booking, bool]:
            return await book(connection, slot=slot, patient=patient, key=key)

        if planted("acknowledged-before-commit"):
            self._later = asyncio.create_task(self._database.run(work, repeatable=True))
            return JSONResponse(vars(Booking(0, slot, patient)), 201)
        try:
            booking, made = await self._database.run(work, repeatable=key is not None)
        except psycopg.errors.ForeignKeyViolation:
            raise Refusal(404, "no_such_slot", slot=slot) from None
        if made:
            await self._changed(slot)
        return JSONResponse(vars(booking), 201 if made else 200)

    async def one(self, request: Request) -> Response:
        """GET /bookings/{id}."""
        number = request.path_params["id"]
        if number >= 2**63:
            raise Refusal(404, "no_such_booking", booking=number)
        rows = await self._database.read("SELECT id, slot, patient FROM bookings WHERE id = %s", (number,))
        if not rows:
            raise Refusal(404, "no_such_booking", booking=number)
        return JSONResponse(vars(Booking(*rows[0])))


async def book(connection: Connection, *, slot: int, patient: str, key: str | None) -> tuple[Booking, bool]:
    """Return the booking and whether it was made now.

    The connection is in autocommit mode: the INSERT is a transaction, and it has been committed, and flushed
    to the server's disk, when its reply is here. Of two at a time the constraints let one in; the other waits
    for the first one's end and then finds its row.
    """
    if planted("lock-kept"):
        await connection.execute("SELECT pg_advisory_lock(%s)", (slot,))
    if planted("double-booking"):
        cursor = await connection.execute("SELECT id FROM bookings WHERE slot = %s", (slot,))
        if await cursor.fetchone():
            raise Refusal(409, "slot_taken", slot=slot)
    cursor = await connection.execute(
        """
        INSERT INTO bookings (slot, patient, key) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING RETURNING id, slot, patient""",
        (slot, patient, key),
    )
    row = await cursor.fetchone()
    if row:
        return Booking(*row), True
    if planted("taken-slot-acknowledged"):
        return Booking(0, slot, patient), True
    if key is not None:
        least = time.time() - DAY if planted("keys-expire-by-wall-clock") else 0.0
        cursor = await connection.execute(
            "SELECT id, slot, patient FROM bookings WHERE key = %s AND made > to_timestamp(%s)", (key, least)
        )
        row = await cursor.fetchone()
        if row:
            earlier = Booking(*row)
            if (earlier.slot, earlier.patient) != (slot, patient):
                raise Refusal(422, "idempotency_key_reused", key=key, slot=earlier.slot)
            return earlier, False
    raise Refusal(409, "slot_taken", slot=slot)
