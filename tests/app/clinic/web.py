"""Web: the clinic over HTTP. Run it as `python -m clinic.web`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace

import uvicorn
from clinic.bookings import Bookings
from clinic.breaker import Breaker, State, Transition
from clinic.bugs import plant, planted
from clinic.cache import Cache
from clinic.database import Database
from clinic.door import Door, on_bug, on_http_exception
from clinic.flaws import keep_sockets, shut_when_full
from clinic.health import Health
from clinic.ingest import Ingest
from clinic.jobs import Jobs
from clinic.limits import raise_descriptors
from clinic.metrics import Labels, Metrics
from clinic.queue import Queue
from clinic.results import Results
from clinic.rooms import Rooms
from clinic.schema import keep_prepared
from clinic.settings import Settings
from clinic.slots import Slots
from clinic.spool import Spool
from clinic.store import open_store
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import WebSocketRoute

log = logging.getLogger("clinic.web")
GAUGE, COUNTER = "gauge", "counter"


def application(settings: Settings) -> Starlette:
    """Put the clinic together. Nothing is connected to until the first request, or the start of the application."""
    plant(settings.clinic_bugs)
    if planted("no-cache-timeout"):
        settings = replace(settings, cache_timeout=3600.0)
    metrics = Metrics()
    door = Door(metrics, limit=settings.max_in_flight)
    breaker = Breaker(
        "database",
        failures=settings.breaker_failures,
        ratio=settings.breaker_ratio,
        window=settings.breaker_window,
        cooldown=settings.breaker_cooldown,
        tell=_log_transition,
    )
    near = Breaker("cache", failures=settings.cache_failures, cooldown=settings.cache_cooldown, tell=_log_transition)
    far = Breaker("queue", failures=settings.cache_failures, cooldown=settings.cache_cooldown, tell=_log_transition)
    database = Database(settings, breaker, name=f"clinic {settings.instance}")
    quick = open_store(settings.redis_url, timeout=settings.cache_timeout)
    redis = open_store(settings.redis_url, timeout=settings.queue_timeout, connections=32)
    cache = Cache(quick, near, ttl=settings.cache_ttl, timeout=settings.cache_timeout)
    slots = Slots(database, cache, total=settings.slots)
    bookings = Bookings(database, slots.changed)
    jobs = Jobs(Queue(redis), Results(database), far)
    rooms = Rooms(redis, instance=settings.instance)
    ingest = Ingest(metrics, Spool(settings.ingest_spool), limit=settings.ingest_limit, idle=settings.ingest_idle)
    health = Health(database, redis.ping, instance=settings.instance)

    def state() -> Iterator[tuple[str, str, Mapping[Labels, float]]]:
        yield (
            "clinic_breaker_state",
            GAUGE,
            {
                (("breaker", each.name), ("state", state.value)): float(each.state is state)
                for each in (breaker, near, far)
                for state in State
            },
        )
        yield "clinic_cache_total", COUNTER, {(("result", name),): count for name, count in cache.counts.items()}
        pool = database.pool
        use = {"in_use": pool.in_use, "idle": pool.idle, "waiting": pool.waiting, "size": pool.size}
        yield "clinic_pool", GAUGE, {(("connections", name),): count for name, count in use.items()}
        events = {"opened": pool.opened, "discarded": pool.discarded, "turned_away": pool.turned_away}
        yield "clinic_pool_total", COUNTER, {(("event", name),): count for name, count in events.items()}
        retries: dict[Labels, float] = {
            (("after", str(attempt)),): count for attempt, count in database.retries.items()
        }
        yield "clinic_retries_total", COUNTER, retries
        pauses: dict[Labels, float] = {
            (("after", str(attempt)),): seconds for attempt, seconds in database.pauses.items()
        }
        yield "clinic_retry_pause_seconds_sum", COUNTER, pauses
        yield "clinic_in_flight", GAUGE, {(): door.in_flight}
        yield "clinic_turned_away_total", COUNTER, {(): door.turned_away}
        yield "clinic_room_members", GAUGE, {(): rooms.members}
        yield "clinic_tasks", GAUGE, {(): len(asyncio.all_tasks())}

    metrics.source(state)

    async def show_metrics(_: Request) -> Response:
        if planted("metrics-ask-the-database"):
            await database.ping()
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(keep_prepared(database, slots=settings.slots)),
            asyncio.create_task(rooms.listen()),
        ]
        if planted("shut-after-shortage"):
            tasks.append(asyncio.create_task(shut_when_full()))
        if planted("half-closed-kept"):
            keep_sockets()
        if planted("cut-on-sigterm"):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log.info("%s: serving on http://%s:%d", settings.instance, settings.host, settings.port)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await database.pool.close()
            await quick.aclose()
            await redis.aclose()
            log.info("%s: stopped", settings.instance)

    return Starlette(
        routes=[
            door.route("GET", "/slots", slots.list),
            door.route("GET", "/slots/{id}", slots.one),
            door.route("POST", "/bookings", bookings.create),
            door.route("GET", "/bookings/{id:int}", bookings.one),
            door.route("POST", "/jobs", jobs.create),
            door.route("GET", "/jobs/{id}", jobs.one),
            door.route("GET", "/accounts/{patient}", jobs.account),
            door.route("POST", "/ingest", ingest.create, guarded=False),
            door.route("GET", "/health", health.alive, guarded=False),
            door.route("GET", "/ready", health.ready, guarded=False),
            door.route("GET", "/breaker", health.breaker, guarded=False),
            door.route("GET", "/metrics", show_metrics, guarded=False),
            WebSocketRoute("/rooms/{name}", rooms.join),
        ],
        exception_handlers={HTTPException: on_http_exception, Exception: on_bug},
        lifespan=lifespan,
    )


def _log_transition(breaker: Breaker, change: Transition) -> None:
    log.warning("breaker %s: %s -> %s: %s", breaker.name, change.before.value, change.after.value, change.why)


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    web = application(settings)
    raise_descriptors()
    # Ten thousand sockets are millions of objects. By default the collector looks at all of them again and again, for a
    # second each, in which everybody waits; what a message leaves behind is gone long before this many are made.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    uvicorn.run(
        web,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
        ws_max_size=64 * 1024,
    )


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    main(Settings.from_environment())
