"""Bugs: mistakes that real services have, to be planted by name, so that the scenarios can be shown to catch them.

`CLINIC_BUGS=no-retry,stale-pool` plants two. Each is asked for by `planted(name)` at the place of the safeguard that it
takes away, and without the variable the answer is always no. `tests/proof` runs the scenarios against them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

log = logging.getLogger("clinic.bugs")

# The road to the database, what is written there, the cache, what is answered.
_WEB = {
    "no-database-timeout": "a statement may take as long as it likes, and so may a request",
    "no-connect-timeout": "a connect to the database may take as long as it likes",
    "no-retry": "what may be repeated is not: the first error is the answer",
    "retry-without-backoff": "the next attempt follows the last one at once",
    "retry-without-limit": "whatever fails is tried again and again until the deadline",
    "breaker-never-opens": "the breakers count failures and do nothing about them",
    "breaker-never-half-opens": "a breaker that is open stays so for ever",
    "stale-pool": "connections are lent again without a look at whether they are broken",
    "connection-leak": "a place in the pool is lost with each piece of work that fails",
    "single-connection": "all who need the database share one connection",
    "migration-locks": "an instance that starts locks the tables for as long as its migration takes",
    "endless-queue": "who waits for a connection waits as long as it takes, in a queue without an end",
    "double-booking": "no constraint: a slot is looked up, and booked if it was free",
    "taken-slot-acknowledged": "nobody looks at whether the INSERT has inserted anything",
    "acknowledged-before-commit": "the answer is given before the work is done",
    "commit-not-flushed": "a commit is acknowledged before it is on the disk",
    "lock-kept": "an advisory lock is taken and not given back",
    "idempotency-key-ignored": "a repetition is taken for another booking",
    "cache-required": "an error of the cache is an error of the request",
    "no-cache-timeout": "the cache is waited for as long as it takes",
    "answer-of-another": "a Redis connection is used again while an answer that nobody waits for is on its way",
    "errors-swallowed": "where the database fails, the page is empty",
    "500-for-503": "what cannot be had now is answered as a fault of the program",
    "no-retry-after": "a refusal does not say when to come again",
    "outcome-not-told": "every refusal says that nothing was done",
    "no-admission-limit": "everybody is let in, however many there are",
    "blocking-call": "each request blocks the event loop for 50 ms",
    "ready-lies": "/ready says yes whatever is missing",
    "health-asks-the-database": "/health asks the database",
    "metrics-ask-the-database": "/metrics asks the database",
}
# Jobs, workers, rooms, uploads, and what a process leaves behind.
_WORK = {
    "job-acknowledged-early": "a job is accepted before the queue has it",
    "lost-job-queued": "a job that nobody has any more is shown as queued, for ever",
    "job-let-go-early": "a worker lets go of a job as it begins with it",
    "job-charged-twice": "a result that is on record already charges the account once more",
    "poison-job-for-ever": "a job that kills its workers is tried without end",
    "heartbeat-missing": "a worker registers and then says no more",
    "registered-too-early": "a worker says that it is registered before it is, and takes jobs",
    "dead-never-reclaimed": "what a dead worker holds stays with it",
    "ghosts-kept": "a dead worker stays in the register",
    "leases-by-wall-clock": "whether a worker lives is told by comparing clocks of two hosts",
    "keys-expire-by-wall-clock": "an idempotency key is forgotten a day later, by the clock of the instance",
    "cache-expires-by-wall-clock": "a cached page ends at a time that the instance's clock sets",
    "checksum-ignored": "an upload is taken whatever its checksum",
    "upload-in-memory": "an upload is held in memory until it is complete",
    "short-write-ignored": "what a write did not take is not written again",
    "full-disk-swallowed": "an error of the disk is passed over",
    "memory-leak": "something of each upload is kept",
    "descriptor-leak": "a file is opened for each upload and not closed",
    "thread-leak": "a thread is started for each upload and never ends",
    "task-leak": "the tasks of a member who has left a room go on",
    "half-closed-kept": "a socket is not closed when its client has gone",
    "few-descriptors": "the limit of open files is left low",
    "shut-after-shortage": "who comes in the seconds after a shortage of descriptors is turned away",
    "members-kept": "who has left a room is still told what is said there",
    "room-never-restored": "a lost subscription is not made again",
    "room-silent-loss": "who is in a room is not told that something may be lost",
    "cut-on-sigterm": "SIGTERM ends the process at once, whatever is in progress",
    "ready-too-early": "an instance says that it is ready before it is",
    "sheds-for-neighbours": "requests are turned away by how busy the host is, not by how busy the service is",
    "timeouts-too-tight": "statements have 5 ms, which is enough on a calm day",
}
BUGS: Mapping[str, str] = MappingProxyType(_WEB | _WORK)
"""Name to what is wrong."""

_planted: frozenset[str] = frozenset()


def plant(names: str) -> None:
    """Plant the bugs of this process, names with commas between them, instead of those before.

    A name that is none is a `SystemExit` that says which there are.
    """
    global _planted  # noqa: PLW0603  (of the process, like the environment that it is read from)
    wanted = frozenset(name.strip() for name in names.split(",") if name.strip())
    if unknown := sorted(wanted - BUGS.keys()):
        raise SystemExit(f"CLINIC_BUGS={names!r}: no such bug: {', '.join(unknown)}; there are: {', '.join(BUGS)}")
    _planted = wanted
    if wanted:
        log.warning("planted: %s", ", ".join(sorted(wanted)))


def planted(name: str) -> bool:
    """Whether the bug is there."""
    return name in _planted
