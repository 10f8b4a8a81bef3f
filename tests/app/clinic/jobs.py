"""Jobs: work that is asked for now and done later, by a worker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from clinic.body import read_object, text, whole
from clinic.breaker import Breaker, BreakerOpen
from clinic.bugs import planted
from clinic.errors import Refusal, Unavailable
from clinic.queue import Queue
from clinic.results import Charge, Outcome, Results
from clinic.store import GONE
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

T = TypeVar("T")
HOUR = 3_600_000
MIB = 2**20


def remind(payload: Mapping[str, object]) -> Outcome:
    """Write a letter to {patient} about {slot}."""
    patient = text(payload.get("patient"), field="patient")
    slot = whole(payload.get("slot"), field="slot", least=1)
    return Outcome("done", {"letter": f"Dear {patient}, we expect you for appointment {slot}."})


def invoice(payload: Mapping[str, object]) -> Outcome:
    """Charge {patient} the sum of {items}, in cents."""
    patient = text(payload.get("patient"), field="patient")
    items = payload.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= 100:
        raise Refusal(400, "invalid_field", field="items", expected="1 to 100 amounts in cents")
    total = sum(whole(item, field="items", least=0, most=1_000_000) for item in items)
    return Outcome("done", {"patient": patient, "total": total}, Charge(patient, total))


def scan(payload: Mapping[str, object]) -> Outcome:
    """Look at a picture of {mebibytes}, all of which is in memory while the work lasts."""
    return Outcome("done", {"mebibytes": whole(payload.get("mebibytes"), field="mebibytes", least=1, most=1024)})


KINDS: Mapping[str, Callable[[Mapping[str, object]], Outcome]] = {"reminder": remind, "invoice": invoice, "scan": scan}


def check(kind: object, payload: object) -> tuple[str, dict[str, object]]:
    """Return the kind and the payload if a worker can do something with them, else refuse with 400."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise Refusal(400, "unknown_kind", kinds=sorted(KINDS))
    if not isinstance(payload, dict):
        raise Refusal(400, "invalid_field", field="payload", expected="an object")
    whole(payload.get("work_ms", 0), field="work_ms", least=0, most=HOUR)
    KINDS[kind](payload)
    return kind, payload


async def perform(kind: str, payload: Mapping[str, object]) -> Outcome:
    """Do the work. It takes `work_ms` milliseconds (a printer, a bank), which the payload may set."""
    outcome = KINDS[kind](payload)
    size = outcome.result["mebibytes"] if kind == "scan" else 0
    picture = [b"x" * MIB for _ in range(whole(size, field="mebibytes", least=0))]
    await asyncio.sleep(whole(payload.get("work_ms", 0), field="work_ms", least=0, most=HOUR) / 1000)
    picture.clear()
    return outcome


class Jobs:
    """Takes jobs in and says how they stand."""

    def __init__(self, queue: Queue, results: Results, breaker: Breaker) -> None:
        self.breaker = breaker
        self._queue, self._results = queue, results
        self._late: list[asyncio.Task[str]] = []

    async def create(self, request: Request) -> Response:
        """POST /jobs {kind, payload}: 202 with the id, once the queue has it."""
        wanted = await read_object(request)
        kind, payload = check(wanted.get("kind"), wanted.get("payload", {}))
        if planted("job-acknowledged-early"):
            job = str(uuid.uuid4())
            self._late.append(asyncio.create_task(self._queue.put(kind, payload, job=job)))
        else:
            job = await self._ask(lambda: self._queue.put(kind, payload), sent=True)
        return JSONResponse({"id": job, "state": "queued"}, 202, {"Location": f"/jobs/{job}"})

    async def one(self, request: Request) -> Response:
        """GET /jobs/{id}: queued, running, done or failed.

        The queue is asked first. A job leaves it only after its result is on record, so one that is found in
        neither place never was.
        """
        job = _identifier(request.path_params["id"])
        pending: dict[str, str] | Unavailable | None
        try:
            pending = await self._ask(lambda: self._queue.state(job), sent=False)
        except Unavailable as error:
            pending = error
        ended = await self._results.find(job)
        if ended:
            return JSONResponse({"id": job, **ended})
        if isinstance(pending, Unavailable):
            raise pending
        if pending is None and planted("lost-job-queued"):
            pending = {"state": "queued"}
        if pending is None:
            raise Refusal(404, "no_such_job", job=job)
        return JSONResponse({"id": job, **pending, "attempts": int(pending.get("attempts", 0))})

    async def account(self, request: Request) -> Response:
        """GET /accounts/{patient}: what the patient owes."""
        return JSONResponse(await self._results.account(text(request.path_params["patient"], field="patient")))

    async def _ask(self, call: Callable[[], Awaitable[T]], *, sent: bool) -> T:
        try:
            permit = self.breaker.admit()
        except BreakerOpen as error:
            raise Unavailable("redis", "breaker open", retry_after=error.retry_after) from None
        try:
            answer = await call()
        except GONE as error:
            permit.failed()
            raise Unavailable("redis", "timeout" if "imeout" in type(error).__name__ else "lost", sent=sent) from None
        else:
            permit.worked()
            return answer
        finally:
            permit.dropped()


def _identifier(given: str) -> str:
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise Refusal(404, "no_such_job", job=given) from None
