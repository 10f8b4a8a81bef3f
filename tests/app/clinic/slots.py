"""Slots: the times at which a patient can be seen."""

from __future__ import annotations

import asyncio
import json

from clinic.breaker import State
from clinic.bugs import planted
from clinic.cache import Cache
from clinic.database import Database
from clinic.errors import Refusal, Unavailable
from starlette.requests import Request
from starlette.responses import Response

PAGE = 20
QUERY = """
    SELECT slots.id, slots.doctor, slots.starts, bookings.id IS NULL
    FROM slots LEFT JOIN bookings ON bookings.slot = slots.id
    WHERE slots.id BETWEEN %s AND %s ORDER BY slots.id"""


class Slots:
    """Pages of slots, from the cache where it has them, else from the database."""

    def __init__(self, database: Database, cache: Cache, *, total: int) -> None:
        self._database, self._cache = database, cache
        self._pages = max(1, -(-total // PAGE))
        self._loading: dict[int, asyncio.Task[bytes]] = {}

    async def list(self, request: Request) -> Response:
        """GET /slots?page=N: twenty slots. X-Source says where they came from."""
        page = _number(request.query_params.get("page", "0"), field="page")
        if page >= self._pages:
            raise Refusal(404, "no_such_page", page=page, pages=self._pages)
        body = await self._cache.get(_key(page))
        source = "database" if body is None else "cache"
        if body is None:
            body = await self._load_once(page)
        return Response(body, media_type="application/json", headers={"X-Source": source})

    async def one(self, request: Request) -> Response:
        """GET /slots/{id}: one slot as it is now, never cached."""
        number = _number(request.path_params["id"], field="id")
        rows = await self._database.read(QUERY, (number, number))
        if not rows:
            raise Refusal(404, "no_such_slot", slot=number)
        return Response(json.dumps(_slot(rows[0])), media_type="application/json")

    async def changed(self, slot: int) -> None:
        """Forget the page that the slot is on."""
        await self._cache.forget(_key((slot - 1) // PAGE))

    async def _load_once(self, page: int) -> bytes:
        """Let all who miss the same page at the same time share one query.

        Not while the database is failing: then the one query is a probe that may take its whole time-out, and
        the others are better off with the breaker's refusal.
        """
        if self._database.breaker.state is not State.CLOSED:
            return await self._load(page)
        task = self._loading.get(page)
        if task is None:
            task = self._loading[page] = asyncio.create_task(self._load(page))
            task.add_done_callback(lambda done: self._loaded(page, done))
        return await asyncio.shield(task)

    def _loaded(self, page: int, task: asyncio.Task[bytes]) -> None:
        self._loading.pop(page, None)
        if not task.cancelled():
            task.exception()  # seen here too, in case nobody waits for it any more

    async def _load(self, page: int) -> bytes:
        try:
            rows = await self._database.read(QUERY, (page * PAGE + 1, (page + 1) * PAGE))
        except Unavailable:
            if not planted("errors-swallowed"):
                raise
            rows = []
        found = {"slots": [_slot(row) for row in rows], "page": page, "pages": self._pages}
        body = json.dumps(found, separators=(",", ":")).encode()
        await self._cache.put(_key(page), body)
        return body


def _slot(row: tuple[object, ...]) -> dict[str, object]:
    number, doctor, starts, free = row
    return {"id": number, "doctor": doctor, "starts": f"{starts:%Y-%m-%dT%H:%M%z}", "free": free}


def _key(page: int) -> str:
    return f"slots:{page}"


def _number(text: str, *, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refusal(400, "invalid_field", field=field, expected="a whole number")
    return int(text)
