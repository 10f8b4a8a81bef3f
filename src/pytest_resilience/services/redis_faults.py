"""What a Redis that is up does to its clients: it refuses writes, has no memory, is loading, or is slow to answer.

Each is Redis' own doing, so a client meets the very replies that it would meet in production. That they were met is
read from Redis' own counts: of the errors it gave (`INFO errorstats`), and of the commands it ran (`INFO stats`).
"""

from __future__ import annotations

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, UsageError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.own_disk import Movable
from pytest_resilience.services.redis_holds import LONGEST, SHORTEST, Holds
from pytest_resilience.services.redis_loads import LASTING, Loads
from pytest_resilience.services.redis_settings import Settings, figures, refusals, since
from pytest_resilience.services.resp import RedisRefused, Reply, RespConnection
from pytest_resilience.timeline import Receipt

PATIENCE = 5.0
PROBE = "pytest-resilience:probe"
NOBODY = ("127.0.0.1", "1")  # tcpmux: nobody listens there, nor in a container


class RedisFaults(Movable):
    """A Redis that can be made to refuse, and to be slow."""

    def command(self, *words: str | float, timeout: float = PATIENCE) -> Reply:
        """Send one command on a connection of its own and return the reply: `server.command("GET", "key")`.

        :param timeout: seconds that connecting and the reply may take.
        :raises RedisRefused: the reply is an error.
        :raises OSError: Redis cannot be reached or does not answer in time.
        """
        with RespConnection(self.host, self.port, timeout=timeout) as connection:
            return connection.command(*words)

    def connections(self) -> int:
        """Return how many connections of clients are open, without the one that asks.

        :raises OSError: it cannot be reached.
        """
        return int(figures(self.command("INFO", "clients"))["connected_clients"]) - 1

    @fault
    def read_only(self, *, optional: bool = False) -> Breakage:
        """Refuse writes with `-READONLY`, as a primary that a failover made a replica. Reads go on.

        It becomes a replica of an address where nobody listens, so that its keys stay. Clients that block (`BLPOP`) are
        sent away with an error, as by a failover. Receipt: writes refused.

        :param optional: that nobody writes is expected.
        :raises Unsupported: this Redis does not count its errors; from 6.2 on it does.
        """
        self._must_run("made read-only")
        refusals(self.command, "READONLY")
        settings = Settings(self.command)
        try:
            settings.change("replica-serve-stale-data", "yes")
            settings.change("replica-read-only", "yes")
            self.command("REPLICAOF", *NOBODY)
            self._must_refuse("READONLY", "SET", PROBE, "1", "PX", "1")
        except BaseException:
            self._promote(settings)
            raise
        before = refusals(self.command, "READONLY")
        receipt = Receipt(optional=optional, writes_refused=0)
        yield receipt
        if self.running:  # else it went with the process
            receipt.note(writes_refused=since(before, refusals(self.command, "READONLY")))
            self._promote(settings)

    @fault
    def out_of_memory(self, *, optional: bool = False) -> Breakage:
        """Refuse with `-OOM` what takes memory, as a Redis at its `maxmemory` that may not evict. Reads go on.

        `maxmemory` is one byte and `maxmemory-policy` is `noeviction`, so no key is lost. Receipt: writes refused.

        :param optional: that nobody writes is expected.
        :raises Unsupported: this Redis does not count its errors; from 6.2 on it does.
        """
        self._must_run("made to run out of memory")
        refusals(self.command, "OOM")
        settings = Settings(self.command)
        try:
            # In this order, and undone in reverse: at no time is there a limit with a policy that evicts.
            settings.change("maxmemory-policy", "noeviction")
            settings.change("maxmemory", "1")
            self._must_refuse("OOM", "SET", PROBE, "1", "PX", "1")
        except BaseException:
            settings.restore()
            raise
        before = refusals(self.command, "OOM")
        receipt = Receipt(optional=optional, writes_refused=0)
        yield receipt
        if self.running:
            receipt.note(writes_refused=since(before, refusals(self.command, "OOM")))
            settings.restore()

    @fault
    def loading(self, *, at_most: float = LASTING, optional: bool = False) -> Breakage:
        """Refuse everything with `-LOADING`, as a Redis that reads its data back after a restart. No key is lost.

        It reads its own append-only file over and over until the heal; connections stay open. Receipt: commands
        refused, and how it ended where it was not by the heal.

        :param at_most: seconds after which it ends by itself, up to 3600. A refusal takes a thousandth of that, and
            10 ms at least.
        :param optional: that nobody asks is expected.
        :raises Unsupported: this Redis refuses `DEBUG`, keeps no append-only file, or does not count its errors.
        """
        if not 0 < at_most <= 3600:
            raise UsageError(f"{self.name}.loading(at_most={at_most}): expected seconds, more than 0 and up to 3600")
        self._must_run("made to load")
        refusals(self.command, "LOADING")
        loads = Loads(self.name, self.host, self.port, at_most=at_most)
        loads.prepare()
        try:
            loads.begin()
            self._must_refuse("LOADING", "PING")
        except BaseException:
            loads.end()
            raise
        before = refusals(self.command, "LOADING")
        receipt = Receipt(optional=optional, commands_refused=0)
        yield receipt
        if not self.running:
            raise ServiceStateError(f"{self.name}: ended while it was loading; see its logs()")
        by_itself = loads.over()
        refused = since(before, refusals(self.command, "LOADING"))
        loads.end()
        self._await_ready("after it was loading")
        receipt.note(commands_refused=refused)
        if refused and by_itself:
            receipt.note(ended=f"by itself before the heal, after at_most={at_most:g} s or more")

    @fault
    def slowed(self, seconds: float, *, optional: bool = False) -> Breakage:
        """Answer in turns of `seconds`, as a Redis that is busy with one slow command after the other.

        What comes during a turn is answered at its end, so that a command waits from nothing to `seconds`, half of it
        on average, and one that comes in the last tenth waits for the next turn too. It is done by `CLIENT PAUSE`,
        again and again. The heal takes up to `seconds`. Receipt: commands delayed.

        :param seconds: of one turn, 0.01 to 60.
        :param optional: that nobody asks is expected.
        """
        if not SHORTEST <= seconds <= LONGEST:
            raise UsageError(f"{self.name}.slowed({seconds}): expected seconds from {SHORTEST:g} to {LONGEST:g}")
        self._must_run("slowed")
        settings = Settings(lambda *words: self.command(*words, timeout=PATIENCE + 2 * seconds))
        settings.change("hz", "500")  # a pause ends with one of so many ticks a second; of 10, by default
        holds = Holds(self.host, self.port, seconds)
        try:
            holds.begin()
        except BaseException:
            holds.end()
            settings.restore()
            raise
        receipt = Receipt(optional=optional, commands_delayed=0)
        yield receipt
        holds.end()
        receipt.note(commands_delayed=holds.delayed)
        if self.running:
            settings.restore()
            self._await_ready("after it was slowed")

    def _promote(self, settings: Settings) -> None:
        self.command("REPLICAOF", "NO", "ONE")
        settings.restore()
        role = self.command("ROLE")
        if not isinstance(role, list) or role[0] != "master":
            raise ServiceStateError(f"{self.name}: is still a replica after REPLICAOF NO ONE: {role!r}")

    def _must_run(self, wanted: str) -> None:
        if not self.running:
            raise ServiceStateError(f"{self.name}: cannot be {wanted}, it is not running; start() it first")

    def _must_refuse(self, error: str, *words: str) -> None:
        try:
            self.command(*words)
        except RedisRefused as refused:
            if error in str(refused):
                return
            raise
        raise FaultDidNotBite(f"{self.name}: answers {' '.join(words)}, where it was to refuse it with -{error}")
