"""Rooms: who is in a room hears all that is said in it, whichever instance they came in by.

What is sent to a member is JSON with a `type`: `joined`, `message`, `error`, `interrupted` (what is said from here
on may be lost) and `restored`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time

from clinic.bugs import planted
from clinic.retry import Backoff
from clinic.store import GONE
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger("clinic.rooms")
PREFIX = "clinic:room:"
LONGEST = 4096  # of what a member says, in characters
TRY_AGAIN_LATER = 1013


class Member:
    """One who is in a room, with what is still to be told to them."""

    def __init__(self, room: str) -> None:
        self.id = secrets.token_hex(4)
        self.room = room
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue(maxsize=256)

    def tell(self, frame: str) -> None:
        """Put it in the inbox. Who does not keep up is sent away rather than remembered without end."""
        try:
            self.inbox.put_nowait(frame)
        except asyncio.QueueFull:
            while not self.inbox.empty():
                self.inbox.get_nowait()
            self.inbox.put_nowait(None)


class Rooms:
    """All rooms of this instance, and its one subscription to what the other instances say."""

    def __init__(self, redis: Redis, *, instance: str, silence: float = 0.5) -> None:
        self._redis, self._instance, self._silence = redis, instance, silence
        self._members: dict[str, set[Member]] = {}
        self._live = asyncio.Event()

    @property
    def members(self) -> int:
        """How many are here, in all rooms."""
        return sum(len(room) for room in self._members.values())

    @property
    def live(self) -> bool:
        """Whether the subscription stands."""
        return self._live.is_set()

    async def join(self, socket: WebSocket) -> None:
        """WebSocket /rooms/{name}: stay until the member leaves. After `joined` nothing is missed."""
        await socket.accept()
        member = Member(socket.path_params["name"])
        try:
            await asyncio.wait_for(self._live.wait(), 1.0)
        except asyncio.TimeoutError:
            await socket.send_text(_frame("error", error="unavailable", dependency="redis", retry_after=1.0))
            await socket.close(TRY_AGAIN_LATER)
            return
        self._members.setdefault(member.room, set()).add(member)
        member.tell(_frame("joined", room=member.room, member=member.id, instance=self._instance))
        tasks = {asyncio.create_task(self._hear(socket, member)), asyncio.create_task(self._tell(socket, member))}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room = self._members[member.room]
            if not planted("members-kept"):
                room.discard(member)
            if not room:
                del self._members[member.room]
            for task in tasks if not planted("task-leak") else ():
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, (WebSocketDisconnect, RuntimeError)):
                    log.warning("%s: %s", type(ended).__name__, ended)

    async def _hear(self, socket: WebSocket, member: Member) -> None:
        while True:
            text = await socket.receive_text()
            if len(text) > LONGEST:
                member.tell(_frame("error", error="too_long", limit=LONGEST))
                continue
            said = _frame("message", room=member.room, member=member.id, instance=self._instance, text=text)
            try:
                await self._redis.publish(PREFIX + member.room, said)
            except GONE:
                member.tell(_frame("error", error="unavailable", dependency="redis", retry_after=1.0, text=text))

    async def _tell(self, socket: WebSocket, member: Member) -> None:
        while True:
            frame = await member.inbox.get()
            if frame is None:
                await socket.close(TRY_AGAIN_LATER, "too slow")
                return
            await socket.send_text(frame)

    async def listen(self) -> None:
        """Pass on what is said, and subscribe again whenever the subscription is lost. Runs until cancelled."""
        backoff, failures = Backoff(base=0.05, cap=0.5), 0
        while True:
            subscription = self._redis.pubsub()
            try:
                await subscription.psubscribe(PREFIX + "*")
                await self._pass_on(subscription)
            except GONE as error:
                failures = 1 if self.live else failures + 1
                if failures == 1:
                    log.warning("subscription lost: %s", type(error).__name__)
            finally:
                self._interrupt()
                await subscription.aclose()  # type: ignore[no-untyped-call]
            if planted("room-never-restored"):
                return
            await asyncio.sleep(max(0.02, backoff.pause(failures)))

    async def _pass_on(self, subscription: PubSub) -> None:
        """Read until the connection is lost. One that is silent is asked to speak: a hung Redis never says goodbye."""
        heard = time.monotonic()
        while True:
            frame = await subscription.get_message(timeout=self._silence)
            if frame is None:
                if time.monotonic() - heard > 2.5 * self._silence:
                    raise ConnectionError("Redis is silent")
                await subscription.ping()
                continue
            heard = time.monotonic()
            if frame["type"] == "psubscribe":
                self._restore()
            elif frame["type"] == "pmessage":
                room = bytes(frame["channel"]).decode().removeprefix(PREFIX)
                for member in self._members.get(room, ()):
                    member.tell(bytes(frame["data"]).decode())

    def _interrupt(self) -> None:
        if self.live:
            self._live.clear()
            if not planted("room-silent-loss"):
                self._announce(_frame("interrupted", dependency="redis"))

    def _restore(self) -> None:
        self._live.set()
        log.info("subscribed")
        self._announce(_frame("restored"))

    def _announce(self, frame: str) -> None:
        for room in self._members.values():
            for member in room:
                member.tell(frame)


def _frame(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})
