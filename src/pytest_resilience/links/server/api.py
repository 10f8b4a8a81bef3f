"""The routes of Toxiproxy's HTTP API, and one of our own for what a receipt is made of.

Statuses, bodies, the order of keys and the content types are those of Toxiproxy 2.12.0.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import os
import posixpath
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from . import toxicjson
from .collection import ApiError, Collection
from .gojson import dumps
from .http import Request, Response
from .httpread import Target
from .metrics import CONTENT_TYPE
from .proxy import Proxy

VERSION = "2.12.0"  # the version whose behaviour this is; clients look at it

_PLAIN = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
_JSON = {"Content-Type": "application/json"}

Action = Callable[[Request, list[str]], Awaitable[Response]]


class RequestIds:
    """Twenty characters for each request: time, process and a count, as the xid that Toxiproxy gives."""

    def __init__(self) -> None:
        self._origin = os.urandom(3) + os.getpid().to_bytes(4, "big")[-2:]
        self._count = itertools.count(int.from_bytes(os.urandom(3), "big"))

    def next(self) -> str:
        """Return the next one."""
        count = (next(self._count) & 0xFFFFFF).to_bytes(3, "big")
        raw = (int(time.time()) & 0xFFFFFFFF).to_bytes(4, "big") + self._origin + count
        return base64.b32hexencode(raw).decode().rstrip("=").lower()


class Api:
    """What is done for each request."""

    def __init__(self, collection: Collection, *, proxy_metrics: bool = False, runtime_metrics: bool = False) -> None:
        self._collection = collection
        self._shown = {"proxy": proxy_metrics, "runtime": runtime_metrics}
        self._ids = RequestIds()
        one, toxics, toxic = ("proxies", "*"), ("proxies", "*", "toxics"), ("proxies", "*", "toxics", "*")
        self._routes: dict[tuple[str, ...], Mapping[str, Action]] = {
            ("version",): {"GET": self._version},
            ("reset",): {"POST": self._reset},
            ("populate",): {"POST": self._populate},
            ("proxies",): {"GET": self._index, "POST": self._create},
            one: {"GET": self._show, "POST": self._update, "PATCH": self._update, "DELETE": self._delete},
            ("proxies", "*", "stats"): {"GET": self._stats},
            toxics: {"GET": self._toxics, "POST": self._add_toxic},
            toxic: {
                "GET": self._show_toxic,
                "POST": self._change_toxic,
                "PATCH": self._change_toxic,
                "DELETE": self._remove_toxic,
            },
        }
        if proxy_metrics or runtime_metrics:
            self._routes["metrics",] = defaultdict(lambda: self._metrics)

    async def answer(self, request: Request) -> Response:
        """Return the answer to a request."""
        if request.method == "OPTIONS" and request.path == "*":
            return Response(200)
        clean = _cleaned(request.path)
        if clean != request.path:
            return Response(301, headers={"Location": _escaped(request.target, clean)})
        segments = request.path.split("/")[1:]
        methods = next((methods for route, methods in self._routes.items() if _matches(route, segments)), None)
        if methods is None:
            return Response(404, b"404 page not found\n", _PLAIN)
        try:
            action = methods[request.method]
        except KeyError:
            return Response(405)
        mark = {"X-Toxiproxy-Request-Id": self._ids.next()}
        if request.headers.get("user-agent", "").startswith("Mozilla/"):
            return Response(403, b"User agent not allowed\n", {**_PLAIN, **mark})
        try:
            response = await action(request, segments)
        except ApiError as error:
            body = dumps({"error": str(error), "status": error.status}) + "\n"
            response = Response(error.status, _encoded(body), _PLAIN)
        return Response(response.status, response.body, {**response.headers, **mark})

    async def _version(self, request: Request, segments: list[str]) -> Response:
        return Response(
            200, f'{{"version": "{VERSION}"}}\n'.encode(), {"Content-Type": "application/json;charset=utf-8"}
        )

    async def _metrics(self, request: Request, segments: list[str]) -> Response:
        page = self._collection.engine.metrics.text(**self._shown).encode("utf-8", "replace")
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(200, gzip.compress(page), {"Content-Encoding": "gzip", "Content-Type": CONTENT_TYPE})
        return Response(200, page, {"Content-Type": CONTENT_TYPE})

    async def _reset(self, request: Request, segments: list[str]) -> Response:
        await self._collection.reset()
        return Response(204)

    async def _populate(self, request: Request, segments: list[str]) -> Response:
        failure: dict[str, object] = {}
        status = 201
        done: list[Proxy] | None
        try:
            done = await self._collection.populate(request.body) or None
        except ApiError as error:
            status, done = error.status, error.done
            failure = {"error": str(error), "status": status}
        return _json({**failure, "proxies": done and [proxy.as_json() for proxy in done]}, status)

    async def _index(self, request: Request, segments: list[str]) -> Response:
        return _json({name: proxy.as_json() for name, proxy in self._collection.all().items()})

    async def _create(self, request: Request, segments: list[str]) -> Response:
        return _json((await self._collection.create(request.body)).as_json(), 201)

    async def _show(self, request: Request, segments: list[str]) -> Response:
        return _json(self._collection.get(segments[1]).as_json())

    async def _update(self, request: Request, segments: list[str]) -> Response:
        return _json((await self._collection.update(segments[1], request.body)).as_json())

    async def _delete(self, request: Request, segments: list[str]) -> Response:
        await self._collection.delete(segments[1])
        return Response(204)

    async def _stats(self, request: Request, segments: list[str]) -> Response:
        return _json(self._collection.get(segments[1]).stats())

    async def _toxics(self, request: Request, segments: list[str]) -> Response:
        return _json([entry.as_json() for entry in self._collection.get(segments[1]).chain])

    async def _add_toxic(self, request: Request, segments: list[str]) -> Response:
        proxy = self._collection.get(segments[1])
        return _json(toxicjson.add(proxy, request.body, seed=self._collection.engine.seed).as_json())

    async def _show_toxic(self, request: Request, segments: list[str]) -> Response:
        return _json(toxicjson.find(self._collection.get(segments[1]), segments[3]).as_json())

    async def _change_toxic(self, request: Request, segments: list[str]) -> Response:
        proxy = self._collection.get(segments[1])
        return _json(toxicjson.change(proxy, segments[3], request.body).as_json())

    async def _remove_toxic(self, request: Request, segments: list[str]) -> Response:
        proxy = self._collection.get(segments[1])
        proxy.remove(toxicjson.find(proxy, segments[3]))
        return Response(204)


def _matches(route: tuple[str, ...], segments: list[str]) -> bool:
    return len(route) == len(segments) and all(
        bool(segment) if part == "*" else part == segment for part, segment in zip(route, segments, strict=True)
    )


def _cleaned(path: str) -> str:
    """Return a path without empty and dot segments; the slash at its end stays."""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _escaped(target: Target, path: str) -> str:
    """Return the address of another path in place of the target's."""
    query = "" if target.query is None else f"?{target.query}"
    return target.origin + quote(path.encode("utf-8", "surrogateescape"), safe="/$&+,:;=@") + query


def _json(value: object, status: int = 200) -> Response:
    return Response(status, _encoded(dumps(value)), _JSON)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
