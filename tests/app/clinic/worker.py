"""Worker: a process that does the jobs, one after the other. Run it as `python -m clinic.worker`."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import signal
import sys

from clinic.breaker import Breaker
from clinic.bugs import plant, planted
from clinic.database import Database
from clinic.errors import Refusal, Unavailable
from clinic.jobs import perform
from clinic.queue import Job, Queue
from clinic.results import Outcome, Results
from clinic.retry import Backoff
from clinic.schema import keep_prepared
from clinic.settings import Settings
from clinic.store import GONE, open_store

log = logging.getLogger("clinic.worker")
WAIT = 0.5  # for a job, before a look at whether to stop


class Worker:
    """One worker. Its name has a random end: who comes back after a crash is another worker, and reclaims jobs."""

    def __init__(self, settings: Settings, queue: Queue, results: Results) -> None:
        self.name = f"{settings.worker}-{secrets.token_hex(3)}"
        self._settings, self._queue, self._results = settings, queue, results
        self._stopping = asyncio.Event()
        self._registered = False
        self._backoff = Backoff(base=0.05, cap=0.5)

    def stop(self) -> None:
        """Take no more jobs; end when the one in hand is done, or the time of grace is over."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped."""
        log.info("%s: registering", self.name)
        work = asyncio.create_task(self._work())
        life = [asyncio.create_task(self._beat()), asyncio.create_task(self._reclaim())]
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({work, stopped, *life}, return_when=asyncio.FIRST_COMPLETED)
        log.info("%s: stopping", self.name)
        self.stop()
        await asyncio.wait({work}, timeout=self._settings.grace)
        tasks = (work, stopped, *life)
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.1)  # one that was about to get its answer may not have heard it
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        try:
            given_back = await self._queue.retire(self.name)
            log.info("%s: stopped, %d jobs given back", self.name, given_back)
        except GONE as error:
            log.warning("%s: stopped without a word to Redis: %s", self.name, type(error).__name__)
        for end in ended:
            if isinstance(end, Exception):
                raise end

    async def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if not self._registered:  # what an unknown worker holds, nobody reclaims
                await asyncio.sleep(0.01)
                continue
            try:
                if strays := await self._queue.open_hands(self.name):
                    log.info("%s: %d jobs given back that went astray", self.name, strays)
                job = await self._queue.take(self.name, wait=WAIT)
                if job:
                    await self._do(job)
                failures = 0
            except GONE as error:
                failures += 1
                if failures == 1:
                    log.warning("%s: no queue: %s", self.name, type(error).__name__)
                await asyncio.sleep(self._backoff.pause(failures))

    async def _do(self, job: Job) -> None:
        log.info("%s: took %s (%s, attempt %d)", self.name, job.id, job.kind, job.attempts)
        outcome = await self._outcome(job)
        failures = 0
        while True:  # the result is kept until it can be written down; meanwhile the heart goes on beating
            try:
                first = await self._results.record(job, outcome, worker=self.name)
                break
            except Unavailable as error:
                failures += 1
                log.warning("%s: cannot record %s: %s", self.name, job.id, error)
                await asyncio.sleep(max(0.05, self._backoff.pause(failures)))
        await self._queue.done(self.name, job.id)
        log.info("%s: %s %s%s", self.name, outcome.state, job.id, "" if first else " (was on record)")

    async def _outcome(self, job: Job) -> Outcome:
        if job.attempts > self._settings.job_attempts and not planted("poison-job-for-ever"):
            return Outcome("failed", {"error": f"given up after {job.attempts - 1} attempts"})
        try:
            return await perform(job.kind, job.payload)
        except Refusal as refusal:
            return Outcome("failed", refusal.body)
        except Exception as error:  # whatever a job does wrong is the job's result, not the worker's end
            return Outcome("failed", {"error": type(error).__name__, "detail": str(error)})

    async def _beat(self) -> None:
        beating = False
        if planted("registered-too-early"):
            beating = self._registered = True
            log.info("%s: registered", self.name)
            await asyncio.sleep(self._settings.heartbeat_ttl)
        while True:
            try:
                await self._queue.beat(self.name, ttl=self._settings.heartbeat_ttl)
                if not beating:
                    log.info("%s: registered", self.name)
                beating = self._registered = True
            except GONE as error:
                if beating:
                    log.warning("%s: no heartbeat: %s", self.name, type(error).__name__)
                beating = False
            await asyncio.sleep(math.inf if planted("heartbeat-missing") else self._settings.heartbeat_ttl / 4)

    async def _reclaim(self) -> None:
        while True:
            try:
                for worker, jobs in (await self._queue.reclaim()).items():
                    log.info("%s: reclaimed %d jobs of %s", self.name, jobs, worker)
            except GONE as error:
                log.debug("no reclaim: %s", type(error).__name__)
            await asyncio.sleep(self._settings.reclaim_every)


async def main(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    plant(settings.clinic_bugs)
    breaker = Breaker(
        "database", failures=settings.breaker_failures, ratio=settings.breaker_ratio, cooldown=settings.breaker_cooldown
    )
    database = Database(settings, breaker, name=f"clinic worker {settings.worker}")
    redis = open_store(settings.redis_url, timeout=WAIT + 0.5)
    worker = Worker(settings, Queue(redis), Results(database))
    loop = asyncio.get_running_loop()
    for number in () if planted("cut-on-sigterm") else (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    schema = asyncio.create_task(keep_prepared(database, slots=settings.slots))
    try:
        await worker.run()
    finally:
        schema.cancel()
        await asyncio.gather(schema, return_exceptions=True)
        await database.pool.close()
        await redis.aclose()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    asyncio.run(main(Settings.from_environment()))
