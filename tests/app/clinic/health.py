"""Health: whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from clinic.breaker import Breaker
from clinic.bugs import planted
from clinic.database import Database
from clinic.errors import Unavailable
from clinic.store import GONE
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Health:
    """Answers the questions of those who look after the process."""

    def __init__(self, database: Database, ping_redis: Callable[[], Awaitable[object]], *, instance: str) -> None:
        self._database, self._ping_redis, self._instance = database, ping_redis, instance

    async def alive(self, _: Request) -> Response:
        """GET /health: 200 while the process runs. Asks nobody else."""
        if planted("health-asks-the-database"):
            await self._database.ping()
        return JSONResponse({"status": "alive", "instance": self._instance})

    async def ready(self, _: Request) -> Response:
        """GET /ready: 200 when Postgres and Redis answer and the schema is there, else 503 that names what is not."""
        database, redis = await asyncio.gather(self._check_database(), self._check_redis())
        checks = {"database": database, "redis": redis}
        missing = [name for name, state in checks.items() if state != "ok" and not planted("ready-lies")]
        body: dict[str, object] = {"ready": not missing, "instance": self._instance, "checks": checks}
        if not missing or planted("ready-too-early"):
            return JSONResponse(body)
        body |= {"error": "not_ready", "dependency": missing[0], "missing": missing, "retry_after": 1.0}
        return JSONResponse(body, 503, {"Retry-After": "1"})

    async def breaker(self, _: Request) -> Response:
        """GET /breaker: the state of the breaker around the database, and how it came to be."""
        return JSONResponse(_description(self._database.breaker))

    async def _check_database(self) -> str:
        try:
            await self._database.ping()
        except Unavailable as error:
            return str(error.reason)
        return "ok" if self._database.prepared else "starting"

    async def _check_redis(self) -> str:
        try:
            await self._ping_redis()
        except GONE as error:
            return "timeout" if "imeout" in type(error).__name__ else "refused"
        return "ok"


def _description(breaker: Breaker) -> dict[str, object]:
    return {
        "state": breaker.state.value,
        "failures": breaker.failures,
        "since": round(breaker.age(), 3),
        "history": [
            {"at": round(each.at, 3), "from": each.before.value, "to": each.after.value, "why": each.why}
            for each in breaker.history
        ],
    }
