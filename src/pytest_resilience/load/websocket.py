"""A WebSocket: a connection that is held, with messages that go over it and come back."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pytest_resilience.errors import UsageError
from pytest_resilience.load.address import Address, parse
from pytest_resilience.load.each import Each
from pytest_resilience.load.request import Tail, check_headers, check_path
from pytest_resilience.load.trust import Cert, Verify, check_trust

if TYPE_CHECKING:
    from pytest_resilience.load.action import Call

Text: TypeAlias = "str | bytes"
Sends: TypeAlias = "Text | Callable[[Call], Text] | Each | None"
Expects: TypeAlias = "Text | Callable[[Text], object] | Callable[[Text, Text], object] | bool"


@dataclass(frozen=True)
class WebSocket:
    """A connection per user, held for as long as the profile has that user, with a message every so often.

    ::

        chat = WebSocket(f"ws://127.0.0.1:{port}/chat", send="ping", every=10, expect="pong")
        with load(chat, users=ramp(0, 10_000, over=20) + steady(10_000)) as run:
            run.hold(60)
        assert SLO(p99=0.2).met_by(run.samples.named("connect /chat"))
        assert SLO(p99=0.1, error_rate=0.001).met_by(run.samples.named("message /chat"))

    Samples have three names:

    - "connect /chat": from when the profile wanted the user until the handshake was complete.
    - "message /chat": from when a message was due until its reply came. The first of each user is due
      after a part of `every` drawn from the seed, so that they do not all speak at once; the others
      follow every `every` seconds, whatever became of those before.
    - "held /chat": only failures, one for each connection that was lost although it was to be held. Its
      user comes back after half a second to one and a half.

    :ivar url: where to: `ws://` or `wss://`, with a host.
    :ivar send: the message: text, bytes, a function of `call` that returns one, or `each(...)`. None to be silent.
    :ivar every: the seconds from one message of a user to its next.
    :ivar expect: what the reply is: True for the next message that comes, a text or bytes for one that is just that,
        a function of a message, or of it and what was sent, that says whether it is one; False for no reply (a
        message is then done when it is written). What is no reply is passed over. Replies belong to messages in
        their order.
    :ivar path: what follows the URL's path, for each connection: a function of `call`, or `each(...)`.
    :ivar headers: added to the handshake, such as Cookie, Origin or Sec-WebSocket-Protocol.
    :ivar deadline: seconds for the handshake and for a reply; None for the run's own.
    :ivar name: what stands in the names instead of the path.
    :ivar verify: as in `Request`.
    :ivar cert: as in `Request`.

    :raises UsageError: the URL, a header or the times cannot be meant.
    """

    url: str
    _: KW_ONLY
    send: Sends = None
    every: float | None = None
    expect: Expects = True
    path: Tail = None
    headers: Mapping[str, str] | None = None
    deadline: float | None = None
    name: str | None = None
    verify: Verify = True
    cert: Cert = None
    address: Address = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", parse(self.url, ("ws", "wss")))
        if (self.send is None) != (self.every is None):
            raise UsageError(
                f"{self!r}: send={self.send!r} and every={self.every!r}: a message needs both, a silent connection none"
            )
        if self.every is not None and not 0 < self.every < math.inf:
            raise UsageError(f"every={self.every!r}: expected seconds, more than zero")
        if self.deadline is not None and not 0 < self.deadline < math.inf:
            raise UsageError(f"deadline={self.deadline}: expected seconds, more than zero")
        if callable(self.expect):
            takes_sent(self.expect)
        elif not isinstance(self.expect, (str, bytes, bool)):
            raise UsageError(f"expect={self.expect!r}: expected a message, a function of one, True or False")
        check_path(self.path)
        check_headers(self.headers or {})
        check_trust(self.verify, self.cert)

    @property
    def title(self) -> str:
        """What stands in the names of its samples."""
        return self.name or self.address.path

    @property
    def label(self) -> str:
        """What the run is called."""
        return f"WebSocket {self.title}"

    def __repr__(self) -> str:
        return f"<WebSocket {self.url}>"


def takes_sent(expect: Callable[..., object]) -> bool:
    """Tell whether a function of a message wants what was sent too.

    :raises UsageError: it wants neither one nor two arguments.
    """
    try:
        parameters = inspect.signature(expect).parameters.values()
    except ValueError:  # some built-in functions do not tell
        return False
    wanted = [one for one in parameters if one.default is one.empty and one.kind is not one.VAR_POSITIONAL]
    if len(wanted) not in {1, 2} or any(one.kind in {one.KEYWORD_ONLY, one.VAR_KEYWORD} for one in wanted):
        raise UsageError(f"expect={expect!r}: expected a function of a message, or of a message and what was sent")
    return len(wanted) == 2
