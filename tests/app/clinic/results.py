"""Results: how jobs ended, in Postgres, each exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.bugs import planted
from clinic.connection import Connection
from clinic.database import Database
from clinic.queue import Job
from psycopg.types.json import Jsonb


@dataclass(frozen=True)
class Charge:
    """Money that a patient owes, in cents."""

    patient: str
    amount: int


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `done` or `failed`, what came of it, and what it costs whom."""

    state: str
    result: dict[str, object]
    charge: Charge | None = None


class Results:
    """The record of ended jobs, and the accounts that they charge."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, job: Job, outcome: Outcome, *, worker: str) -> bool:
        """Write the outcome down and charge the account; both, once, or neither.

        A job can be run twice: by a worker that was taken for dead and by the one that took over. The first to
        get here decides, by the primary key on the job's id. Returns whether this was the first.
        """

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                cursor = await connection.execute(
                    """
                    INSERT INTO results (job, kind, state, result, worker, attempts) VALUES (%s, %s, %s, %s, %s, %s)
                    ON CONFLICT (job) DO NOTHING""",
                    (job.id, job.kind, outcome.state, Jsonb(outcome.result), worker, job.attempts),
                )
                first = cursor.rowcount == 1
                if (first or planted("job-charged-twice")) and outcome.charge:
                    await connection.execute(
                        "INSERT INTO charges (job, patient, amount) VALUES (%s, %s, %s)",
                        (job.id, outcome.charge.patient, outcome.charge.amount),
                    )
            return first

        return await self._database.run(work, repeatable=True)

    async def find(self, job: str) -> dict[str, object] | None:
        """Return the job's end, or None if it has none."""
        rows = await self._database.read(
            "SELECT kind, state, result, worker, attempts FROM results WHERE job = %s", (job,)
        )
        if not rows:
            return None
        return dict(zip(("kind", "state", "result", "worker", "attempts"), rows[0], strict=True))

    async def account(self, patient: str) -> dict[str, object]:
        """Return what the patient owes and from how many charges."""
        rows = await self._database.read(
            "SELECT coalesce(sum(amount), 0)::bigint, count(*) FROM charges WHERE patient = %s", (patient,)
        )
        return {"patient": patient, "owes": rows[0][0], "charges": rows[0][1]}
