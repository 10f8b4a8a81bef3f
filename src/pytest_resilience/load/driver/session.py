"""A session: one job of a driver, from opening what it needs to the last frame.

    1  Job arrives; what it needs is opened; Ready goes out.
    2  Go arrives with the moment of the first arrival. Batches go out every 50 ms.
    3  Stop arrives. What is due before its moment is still sent, what is in flight gets its
       deadline, and what was opened is closed. The last batch and Final go out.

If the parent is gone, nobody wants the results: the session ends at once.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import cast

from pytest_resilience.errors import ResilienceError
from pytest_resilience.load.driver.gauge import Gauge
from pytest_resilience.load.driver.make import Source, make
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.driver.wire import Failed, Final, Go, Job, Message, Ready, Stop, Unpacker, pack
from pytest_resilience.load.what import What

REPORT_EVERY = 0.05
GRACE = 0.5  # seconds beyond the deadline for what is in flight to notice that it is over


class ParentGone(Exception):
    """The process that started the driver has ended."""


class Line(asyncio.Protocol):
    """The driver's end of the socket pair, inside the loop."""

    def __init__(self) -> None:
        self._unpacker = Unpacker()
        self._came: asyncio.Queue[Message | None] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take what the parent sends."""
        for message in self._unpacker.feed(data):
            self._came.put_nowait(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the parent, or of the line."""
        self._closed.set()
        self._came.put_nowait(None)

    def send(self, message: Message) -> None:
        """Send it when the parent has room for it; the driver never waits for that."""
        if self._transport is not None:
            self._transport.write(pack(message))

    async def receive(self) -> Message:
        """Return the next message; raise `ParentGone` when there will be none."""
        message = await self._came.get()
        if message is None:
            raise ParentGone
        return message

    async def finish(self) -> None:
        """Return when everything has been taken over by the parent's end."""
        if self._transport is not None:
            self._transport.close()
        await self._closed.wait()


class Session:
    """One job of a driver."""

    def __init__(self, job: Job, what: What, line: Line) -> None:
        self._job, self._line = job, line
        self._recorder = Recorder()
        self._caller, self._start = make(job, what, self._recorder)
        self._loop = asyncio.get_running_loop()
        self._broken: asyncio.Future[None] = self._loop.create_future()
        self._reporting: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Do the job.

        :raises ParentGone: nobody wants the results any more.
        :raises SetupFailed: what it needs could not be opened, or not be closed; its samples are sent even so.
        """
        await self._caller.open()
        self._line.send(Ready())
        go = await self._line.receive()
        if isinstance(go, Go):
            await self._conduct(go.begin)
        else:
            await self._caller.close()

    async def _conduct(self, begin: float) -> None:
        gauge = Gauge(self._loop, self._recorder)
        source = self._start(begin, self._fail)
        self._report()
        stop = Stop(0.0, drain=False)
        failure: ResilienceError | None = None
        try:
            stop = await self._stopped()
            source.stop(stop.until)
            if stop.drain:
                await self._drain(source)
        except ResilienceError as error:
            failure = error
        source.give_up()
        self._caller.give_up(record=stop.drain)
        try:
            await self._caller.close()
        except ResilienceError as error:
            failure = failure or error
        gauge.close()
        self._finish()
        if failure is not None:
            raise failure

    def _fail(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

    async def _stopped(self) -> Stop:
        """Return when the parent says stop; raise what broke the run, or `ParentGone`, if that comes first."""
        listening = self._loop.create_task(self._line.receive())
        await asyncio.wait((listening, self._broken), return_when=asyncio.FIRST_COMPLETED)
        if self._broken.done():
            self._broken.result()
        message = await listening
        return message if isinstance(message, Stop) else Stop(time.monotonic(), drain=False)

    async def _drain(self, source: Source) -> None:
        """Wait until all is sent and answered, for as long as the deadline allows."""
        end = time.monotonic() + self._job.deadline + GRACE
        gone = self._loop.create_task(self._line.receive())  # only the parent's end can come now
        over = self._loop.create_task(self._quiet(source))
        waiting: set[asyncio.Future[object]] = {gone, over, self._broken}  # type: ignore[arg-type]
        await asyncio.wait(waiting, timeout=end - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if gone.done():
            gone.result()
        gone.cancel()
        if self._broken.done():
            self._broken.result()

    async def _quiet(self, source: Source) -> None:
        await source.over()
        while self._caller.in_flight:  # noqa: ASYNC110  (changes far more often than it is looked at)
            await asyncio.sleep(0.002)

    def _report(self) -> None:
        self._line.send(self._recorder.batch(self._caller.in_flight))
        self._reporting = self._loop.call_later(REPORT_EVERY, self._report)

    def _finish(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()
        recorder = self._recorder
        self._line.send(recorder.batch(self._caller.in_flight))
        self._line.send(Final(recorder.batches, recorder.total, self._caller.begun, recorder.unsent.tobytes()))


async def serve(end: socket.socket, job: Job, what: What) -> None:
    """Do `job` and report over `end`; what goes wrong is reported too."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(Line, sock=end)
    try:
        await Session(job, what, line).run()
    except ParentGone:
        return
    except ResilienceError as error:
        line.send(Failed(type(error).__name__, str(error)))
    await line.finish()
