"""Body: the JSON that a request carries, read with a limit on its size and its time."""

from __future__ import annotations

import asyncio
import json

from clinic.errors import Refusal
from starlette.requests import ClientDisconnect, Request

LIMIT = 64 * 1024
SECONDS = 5.0


async def read_object(request: Request) -> dict[str, object]:
    """Return the JSON object in the body, or refuse with 400, 408 or 413."""
    try:
        raw = await asyncio.wait_for(_read(request), SECONDS)
    except asyncio.TimeoutError:
        raise Refusal(408, "body_too_slow", seconds=SECONDS) from None
    except ClientDisconnect:
        raise Refusal(400, "client_left") from None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise Refusal(400, "invalid_json") from None
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_json", expected="an object")
    return value


async def _read(request: Request) -> bytes:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LIMIT:
            raise Refusal(413, "body_too_large", limit=LIMIT)
    return bytes(raw)


def text(value: object, *, field: str, limit: int = 200) -> str:
    """Return the value if it is a text of 1 to `limit` characters, else refuse with 400."""
    if not isinstance(value, str) or not 0 < len(value) <= limit or not _storable(value):
        raise Refusal(400, "invalid_field", field=field, expected=f"a text of 1 to {limit} characters")
    return value


def _storable(value: str) -> bool:
    """Whether Postgres can hold it: no NUL, and no half of a surrogate pair, which JSON can spell."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def whole(value: object, *, field: str, least: int, most: int = 2**31 - 1) -> int:
    """Return the value if it is a whole number from `least` to `most`, else refuse with 400."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refusal(400, "invalid_field", field=field, expected=f"a whole number from {least} to {most}")
    return value
