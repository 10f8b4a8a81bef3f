"""WebSockets: a caller that opens connections, sends messages over them and waits for the replies."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import deque
from collections.abc import Callable

from pytest_resilience.load.action import Call, name_of
from pytest_resilience.load.driver import sources, tls, trouble
from pytest_resilience.load.driver.expiry import Expiry
from pytest_resilience.load.driver.flight import Flight
from pytest_resilience.load.driver.greeting import Greetings
from pytest_resilience.load.driver.http import look_up
from pytest_resilience.load.driver.limits import descriptors
from pytest_resilience.load.driver.line import HeldLine
from pytest_resilience.load.driver.message import Messages, replies
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.websocket import WebSocket

AT_ONCE = 200  # handshakes under way; more would overflow the queue of a usual listener, and be told so a second later
RETRY = (0.5, 1.5)  # seconds after which a user whose connection was refused or lost comes back
FAREWELL = 2.0  # seconds that a service has to answer the goodbye of all connections


class WebSocketCaller:
    """Holds a connection for each user.

    :ivar came: called with each line that is open.
    :ivar again: called with a user who comes back, and when.
    """

    def __init__(
        self,
        socket: WebSocket,
        recorder: Recorder,
        *,
        deadline: float,
        seed: int,
        most: int,
        share: int = 0,
        drivers: int = 1,
    ) -> None:
        self._socket, self._recorder, self._seed = socket, recorder, seed
        self._connect_name = recorder.name(f"connect {socket.title}")
        self._message_name = recorder.name(f"message {socket.title}")
        self._held_name = recorder.name(f"held {socket.title}")
        self._greetings = Greetings(socket, share=share, drivers=drivers)
        self._replies = replies(socket.expect)
        self._messages = Messages(socket, share=share, drivers=drivers)
        self._most, self._share, self._drivers = most, share, drivers
        self._loop = asyncio.get_running_loop()
        self._expiry: Expiry[Flight] = Expiry(self._loop, deadline, self._expire)
        self._tls = tls.context(socket.verify, socket.cert) if socket.address.secure else None
        self._at: tuple[str, int] = ("", 0)
        self._local = sources.taking_turns([])
        self._queue: deque[Flight] = deque()
        self._connecting: dict[HeldLine, asyncio.Task[None]] = {}
        self._shaking = 0  # handshakes under way
        self._lines: dict[int, HeldLine | None] = {}  # by user; None while there is no connection
        self._leaving: set[HeldLine] = set()
        self._draw = random.Random(f"{seed}/{share}/retry").uniform
        self.came: Callable[[HeldLine], None] = lambda _line: None
        self.again: Callable[[int, float], None] = lambda _user, _when: None
        self.in_flight = self.begun = 0

    async def open(self) -> None:
        """Look the host up, and raise the limits as far as they go."""
        descriptors()
        address = self._socket.address
        self._at = await look_up(self._socket, address.host, address.port)
        found = sources.addresses(self._at[0], self._most, share=self._share, drivers=self._drivers)
        self._local = sources.taking_turns(found)

    async def admit(self, user: int) -> None:
        """Do nothing: a user comes with its connection."""

    async def dismiss(self, user: int) -> None:
        """Do nothing."""

    # Coming and going

    def call(self, index: int, due: float, user: int, after: object = None) -> None:
        """Connect `user`; the reply is told to `came`."""
        sent = time.monotonic()
        self.begun += 1
        self.in_flight += 1
        self._lines[user] = None
        flight = Flight(user, due, sent)
        try:
            flight.greeting = self._greetings(Call(index, user, self._seed))
        except Exception as error:  # noqa: BLE001  (a user's function; what it raises is the outcome of the call)
            self._not_open(flight, 0, type(error).__name__, f"before connecting: {error}")
            return
        self._expiry.watch(flight)
        self._queue.append(flight)
        self._open_more()

    def come_back(self, index: int, due: float, user: int) -> None:
        """Connect `user` once more, if it is still wanted."""
        if user in self._lines:
            self.call(index, due, user)

    def leave(self, user: int) -> None:
        """Let `user` close its connection, in good order."""
        line = self._lines.pop(user, None)
        if line is not None:
            self._leaving.add(line)
            line.leave()

    def holds(self, line: HeldLine) -> bool:
        """Tell whether the line is still open and wanted."""
        return self._lines.get(line.user) is line

    def _open_more(self) -> None:
        while self._queue and self._shaking < AT_ONCE:
            flight = self._queue.popleft()
            if not flight.over:
                self._shaking += 1
                flight.line = line = HeldLine(self, flight)
                self._connecting[line] = self._loop.create_task(self._open(flight, line))

    async def _open(self, flight: Flight, line: HeldLine) -> None:
        host = None if self._tls is None else self._socket.address.host
        try:
            await self._loop.create_connection(
                lambda: line, *self._at, local_addr=next(self._local), ssl=self._tls, server_hostname=host
            )
        except (OSError, ssl.CertificateError) as error:
            self._unopened(flight, error)
        else:
            line.greet(flight.greeting)
        finally:
            del self._connecting[line]

    def _unopened(self, flight: Flight, error: Exception) -> None:
        if flight.over:
            return
        if trouble.is_ours(error):
            flight.over = True
            self.in_flight -= 1
            self.begun -= 1
            self._recorder.unsent.append(flight.due)
            self._shaken(flight)
            self._come_back(flight.user)
        else:
            self._not_open(flight, 0, trouble.category(error), f"connecting: {error}")

    def _shaken(self, flight: Flight) -> None:
        """Let the next handshake begin; one that was still waiting took nobody's place."""
        if flight.line is not None:
            self._shaking -= 1
        self._open_more()

    def _come_back(self, user: int) -> None:
        if user in self._lines:
            self._lines[user] = None
            self.again(user, time.monotonic() + self._draw(*RETRY))

    # What became of a connection

    def opened(self, line: HeldLine) -> None:
        """Record a handshake, and hold the line."""
        flight = line.opening
        if flight is None or flight.over:
            return
        self._end(flight, self._connect_name, status=101)
        self._shaken(flight)
        if line.user in self._lines:
            self._lines[line.user] = line
            self.came(line)
        else:  # its user went while it was being opened
            self._leaving.add(line)
            line.leaving = True

    def refused(self, line: HeldLine, status: int, error: str, example: str) -> None:
        """Record a handshake that failed."""
        if line.opening is not None:
            self._not_open(line.opening, status, error, example)

    def _not_open(self, flight: Flight, status: int, error: str, example: str) -> None:
        if not flight.over:
            self._end(flight, self._connect_name, status=status, error=error, example=example)
            self._shaken(flight)
            self._come_back(flight.user)

    def lost(self, line: HeldLine, error: str, example: str) -> None:
        """Record what was lost with a connection, unless it was to be closed."""
        while (flight := line.answered()) is not None:
            self._end(flight, self._message_name, error=error, example=example)
        self._leaving.discard(line)
        if self.holds(line):
            now = time.monotonic()
            self.begun += 1
            self._recorder.record(now, now, now, error=error, example=example, name=self._held_name)
            self._come_back(line.user)

    # Messages

    def message(self, line: HeldLine, index: int, due: float) -> None:
        """Send a message that was due at `due`."""
        flight = Flight(line.user, due, time.monotonic(), line)
        self.begun += 1
        self.in_flight += 1
        try:
            message = self._messages(Call(index, line.user, self._seed))
        except Exception as error:  # noqa: BLE001  (a user's function; what it raises is the outcome of the call)
            self._end(flight, self._message_name, error=type(error).__name__, example=f"before sending: {error}")
            return
        if self._socket.expect is False:
            line.send(message, None)
            self._end(flight, self._message_name)
        else:
            flight.message = message
            self._expiry.watch(flight)
            line.send(message, flight)

    def received(self, line: HeldLine, message: str | bytes) -> None:
        """Take the reply to the oldest message, or pass over what is none."""
        waiting = line.first
        if waiting is None:
            return
        category: str | None = None
        example = ""
        try:
            fits = bool(self._replies(message, waiting.message))
        except Exception as error:  # noqa: BLE001  (as above)
            fits, category = True, f"expect {name_of(self._socket.expect)}"
            example = f"it raised {error!r}; the message: {message[:200]!r}"
        if fits:
            flight = line.answered()
            if flight is not None:
                self._end(flight, self._message_name, error=category, example=example)

    def _end(self, flight: Flight, name: int, *, status: int = 0, error: str | None = None, example: str = "") -> None:
        flight.over = True
        self.in_flight -= 1
        done = time.monotonic()
        self._recorder.record(flight.due, flight.sent, done, status=status, error=error, example=example, name=name)

    def _expire(self, flight: Flight) -> None:
        line, waited = flight.line, time.monotonic() - flight.sent
        if line is None or line.opening is flight:
            if line in self._connecting:
                self._connecting[line].cancel()
            elif line is not None:
                line.abort()
            self._not_open(flight, 0, "timeout", f"waited {waited:.2f} s for the handshake")
            return
        # What comes later could not be told from the replies to later messages: the user gives up and comes back.
        line.abort()
        while (late := line.answered()) is not None:
            self._end(late, self._message_name, error="timeout", example=f"waited {waited:.2f} s for a reply")
        self._leaving.discard(line)
        if self.holds(line):
            self._come_back(line.user)

    def give_up(self, *, record: bool) -> None:
        """Abort what is in flight."""
        for flight in self._expiry.all():
            if flight.over:
                continue
            if record:
                self._expire(flight)
            elif flight.line is not None:
                flight.line.abort()

    async def close(self) -> None:
        """Say goodbye on every connection, and wait a little for the answers."""
        for task in list(self._connecting.values()):
            task.cancel()
        for user in list(self._lines):
            self.leave(user)
        end = time.monotonic() + FAREWELL
        while self._leaving and time.monotonic() < end:  # noqa: ASYNC110  (thousands change between two looks)
            await asyncio.sleep(0.005)
        for line in list(self._leaving):
            line.abort()
        self._leaving.clear()
