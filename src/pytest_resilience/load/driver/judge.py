"""A judge: whether a response is a success, and what of it is kept."""

from __future__ import annotations

from collections.abc import Callable

from pytest_resilience.load.action import name_of
from pytest_resilience.load.request import Request
from pytest_resilience.load.response import Response

GOOD: tuple[None, str, None] = (None, "", None)


class Judge:
    """Judges the responses to one request by its `expect`, `check` and `keep`.

    :ivar reads: whether it has to see the bodies.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._passed: set[int] = set()
        self._failed: dict[int, str] = {}
        self._check, self._keep = request.check, request.keep
        self.reads = self._check is not None or self._keep is not None

    def __call__(self, status: int, head: bytes, body: list[bytes]) -> tuple[str | None, str, object]:
        """Return the category of failure or None, an example of it, and what is kept."""
        if status in self._passed and not self.reads:
            return GOOD
        if status not in self._passed:
            error = self._failed.get(status)
            if error is None:
                if not self._request.expects(status):
                    error = self._failed[status] = f"status {status}"
                else:
                    self._passed.add(status)
            if error is not None:
                return error, head[:300].decode("latin-1"), None
        if not self.reads:
            return None, "", None
        return self._look(Response(status, head, b"".join(body)))

    def _look(self, response: Response) -> tuple[str | None, str, object]:
        excerpt = f"; the body: {response.body[:200]!r}"
        try:
            if self._check is not None:
                verdict = self._check(response)
                if not verdict:
                    hint = " (return True for a success)" if verdict is None else ""
                    return _named("check", self._check), f"it returned {verdict!r}{hint}{excerpt}", None
        except Exception as error:  # noqa: BLE001  (a user's function; what it raises is the outcome of the call)
            return _named("check", self._check), f"it raised {error!r}{excerpt}", None
        try:
            return None, "", None if self._keep is None else self._keep(response)
        except Exception as error:  # noqa: BLE001  (as above)
            return _named("keep", self._keep), f"it raised {error!r}{excerpt}", None


def _named(role: str, function: Callable[[Response], object] | None) -> str:
    name = name_of(function)
    return role if name == "<lambda>" else f"{role} {name}"
