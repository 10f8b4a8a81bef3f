"""Door: every request comes in here. It is counted, let in or turned away, and its refusal gets a body."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import psycopg
from clinic.bugs import planted
from clinic.errors import Refusal, Unavailable
from clinic.flaws import neighbours
from clinic.metrics import Metrics
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


class Door:
    """Makes routes of handlers.

    No more than `limit` requests of guarded routes are in progress at a time; beyond it a 503 comes at once,
    since a queue that only grows is a hang for everybody in it.
    """

    def __init__(self, metrics: Metrics, *, limit: int) -> None:
        self.metrics = metrics
        self.in_flight = 0
        self.turned_away = 0
        self._limit = limit

    def route(self, method: str, path: str, handler: Handler, *, guarded: bool = True) -> Route:
        """Return the route. `guarded=False` is for what must answer, or may last, whatever else goes on."""

        async def endpoint(request: Request) -> Response:
            began = time.monotonic()
            status = 500
            if planted("blocking-call"):
                time.sleep(0.05)
            try:
                response = await (self._guarded(handler, request) if guarded else handler(request))
                status = response.status_code
            except Refusal as refusal:
                status = refusal.status
                return refusal.response()
            else:
                return response
            finally:
                self.metrics.request(method, path, status, time.monotonic() - began)

        return Route(path, endpoint, methods=[method])

    async def _guarded(self, handler: Handler, request: Request) -> Response:
        crowded = planted("sheds-for-neighbours") and neighbours().busy()
        if crowded or (self.in_flight >= self._limit and not planted("no-admission-limit")):
            self.turned_away += 1
            raise Unavailable("clinic", "overloaded")
        self.in_flight += 1
        try:
            return await handler(request)
        finally:
            self.in_flight -= 1


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses (404, 405) in JSON."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    names = {404: "not_found", 405: "method_not_allowed"}
    return JSONResponse({"error": names.get(status, "refused"), "path": request.url.path}, status, headers)


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer a fault of the program itself. The trace is logged by the server."""
    kind = "database_statement" if isinstance(error, psycopg.Error) else "internal"
    return JSONResponse({"error": kind, "class": type(error).__name__}, 500)
