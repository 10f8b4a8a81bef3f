"""Queue: jobs in Redis, each in one place at a time: waiting, or in the hands of one worker.

Keys: `clinic:jobs` (waiting ids), `clinic:taken:W` (ids in the hands of worker W), `clinic:job:ID` (the job),
`clinic:workers` (who has registered), `clinic:worker:W` (lives as long as W's heart beats).
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass

from clinic.bugs import planted
from redis.asyncio import Redis

WAITING = "clinic:jobs"
WORKERS = "clinic:workers"

# Everything that a worker holds goes back to the front of the queue; unless it stays, it is struck off the register.
# One step for Redis, so that two who find the same dead worker do not both give back, and none who lives is robbed.
EMPTY = """
if ARGV[2] == 'if dead' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local moved = 0
while redis.call('LMOVE', KEYS[2], KEYS[3], 'LEFT', 'RIGHT') do moved = moved + 1 end
if ARGV[2] ~= 'stays' then
    redis.call('SREM', KEYS[4], ARGV[1])
    redis.call('DEL', KEYS[1])
end
return moved
"""
# The job is taken only if it is still known: what was flushed away must not come back as an empty shell.
TAKEN = """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSET', KEYS[1], 'state', 'running', 'worker', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
return redis.call('HMGET', KEYS[1], 'kind', 'payload', 'attempts')
"""


@dataclass(frozen=True)
class Job:
    """Work to be done. `attempts` counts how often a worker has taken it, this time included."""

    id: str
    kind: str
    payload: dict[str, object]
    attempts: int = 0


class Queue:
    """The queue. All methods raise `store.GONE` when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._taken = redis.register_script(TAKEN)
        self._empty = redis.register_script(EMPTY)

    async def put(self, kind: str, payload: dict[str, object], *, job: str | None = None) -> str:
        """Add a job and return its id. Redis has it when this returns."""
        job = job or str(uuid.uuid4())
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_job(job), mapping={"kind": kind, "payload": json.dumps(payload), "state": "queued"})
            pipe.lpush(WAITING, job)
            await pipe.execute()
        return job

    async def state(self, job: str) -> dict[str, str] | None:
        """Return what is known of a job that has not ended: state, kind, worker and attempts."""
        names = ("state", "kind", "worker", "attempts")
        values = await self._redis.hmget(_job(job), list(names))
        known = {name: _text(value) for name, value in zip(names, values, strict=True) if value is not None}
        return known or None

    async def beat(self, worker: str, *, ttl: float) -> None:
        """Register the worker, or say that it still lives."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.sadd(WORKERS, worker)
            pipe.set(_heart(worker), time.time() + ttl, px=int(ttl * 1000))
            await pipe.execute()

    async def take(self, worker: str, *, wait: float) -> Job | None:
        """Move the oldest waiting job into the worker's hands; None if none comes within `wait` seconds."""
        moved = await self._redis.blmove(WAITING, _hands(worker), wait, "RIGHT", "LEFT")  # type: ignore[arg-type]  # fractions too
        if not moved:
            return None
        job = _text(moved)
        found = await self._taken(keys=[_job(job)], args=[worker])
        if not found:
            await self.done(worker, job)
            return None
        if planted("job-let-go-early"):
            await self._redis.lrem(_hands(worker), 0, job)
        kind, payload, attempts = found
        return Job(job, kind.decode(), json.loads(payload), int(attempts))

    async def done(self, worker: str, job: str) -> None:
        """Let go of a job whose result is on record."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.lrem(_hands(worker), 0, job)
            pipe.delete(_job(job))
            await pipe.execute()

    async def open_hands(self, worker: str) -> int:
        """Return to the queue what the worker holds and does not know of: the reply that said so was lost."""
        return await self._back(worker, "stays")

    async def retire(self, worker: str) -> int:
        """Return to the queue all that the worker holds, and strike it off. Returns how many jobs."""
        return await self._back(worker, "leaves")

    async def reclaim(self) -> dict[str, int]:
        """Return to the queue what dead workers hold: the number of jobs by worker."""
        if planted("dead-never-reclaimed"):
            return {}
        members = sorted(_text(each) for each in await self._redis.smembers(WORKERS))
        if planted("ghosts-kept"):
            dead = [name for name in members if not await self._redis.exists(_heart(name))]
            found = {name: await self._back(name, "stays") for name in dead}
        else:
            found = {name: await self._back(name, "if dead") for name in members}
        if planted("leases-by-wall-clock"):
            for name in members:
                until = await self._redis.get(_heart(name))
                if until is not None and float(until) < time.time():
                    found[name] = await self._back(name, "leaves")
        return {worker: jobs for worker, jobs in found.items() if jobs}

    async def _back(self, worker: str, when: str) -> int:
        return int(await self._empty(keys=[_heart(worker), _hands(worker), WAITING, WORKERS], args=[worker, when]))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _job(job: str) -> str:
    return f"clinic:job:{job}"


def _hands(worker: str) -> str:
    return f"clinic:taken:{worker}"


def _heart(worker: str) -> str:
    return f"clinic:worker:{worker}"
