"""Refusals: every way in which the clinic says no, as a status and a JSON body."""

from __future__ import annotations

import math
from typing import Literal

from clinic.bugs import planted
from starlette.responses import JSONResponse

Reason = Literal["breaker open", "busy", "refused", "timeout", "lost", "failing", "starting", "overloaded"]


class Refusal(Exception):
    """An answer that is not what was asked for, and says why."""

    def __init__(self, status: int, error: str, **details: object) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, object] = {"error": error, **details}

    def response(self) -> JSONResponse:
        """Build the answer, with a Retry-After header where the body has `retry_after`."""
        seconds = self.body.get("retry_after")
        headers = {"Retry-After": str(max(1, math.ceil(seconds)))} if isinstance(seconds, float) else None
        if planted("no-retry-after"):
            headers = None
        return JSONResponse(self.body, 500 if self.status == 503 and planted("500-for-503") else self.status, headers)


class Unavailable(Refusal):
    """Something that is needed cannot be had now.

    `sent` is whether the work may have reached the dependency: then what came of it is unknown, and
    only work that can be repeated without harm may be repeated.
    """

    def __init__(self, dependency: str, reason: Reason, *, retry_after: float = 1.0, sent: bool = False) -> None:
        super().__init__(
            503,
            "unavailable",
            dependency=dependency,
            reason=reason,
            retry_after=round(max(0.05, retry_after), 3),
            outcome="unknown" if sent and not planted("outcome-not-told") else "not done",
        )
        self.dependency = dependency
        self.reason = reason
        self.sent = sent

    def __str__(self) -> str:
        return f"{self.dependency}: {self.reason}"
