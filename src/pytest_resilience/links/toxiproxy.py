"""The one client of Toxiproxy's HTTP API, for the embedded server and for the real one.

Every request has its own connection and a time-out, so a client may be used from any number of
threads and none of them can be held for ever.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from pytest_resilience.errors import LinkServerError

UPSTREAM = "upstream"  # from the client to the server
DOWNSTREAM = "downstream"  # from the server to the client


class RequestFailed(LinkServerError):
    """A request that the server behind the links refused, or did not answer.

    :ivar status: the HTTP status; None where there was no answer.
    :ivar body: what the server said.
    """

    def __init__(self, server: str, method: str, path: str, status: int | None, body: str) -> None:
        self.method, self.path, self.status, self.body = method, path, status, body
        answer = "no answer" if status is None else f"answered {status}"
        super().__init__(f"link server at {server}: {method} {path}: {answer}: {body.strip()}")


@dataclass(frozen=True)
class Toxic:
    """A toxic on one direction of a proxy.

    :ivar type: `latency`, `timeout`, ...; its attributes are in the units of Toxiproxy (mostly ms).
    :ivar stream: `upstream` or `downstream`.
    :ivar toxicity: the share of connections that it works on, 0-1.
    """

    name: str
    type: str
    stream: str = DOWNSTREAM
    toxicity: float = 1.0
    attributes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ProxyState:
    """A proxy as the server shows it."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[Toxic, ...]


@dataclass(frozen=True)
class Touched:
    """What one toxic has had in its hands: chunks and bytes that went in, connections that it closed."""

    connections: int = 0
    chunks: int = 0
    bytes: int = 0
    closed: int = 0


@dataclass(frozen=True)
class Stats:
    """What has happened at a proxy since it was made. Only the embedded server knows.

    :ivar accepted: connections accepted; `open` of them now; `unreached`: the upstream was not there.
    :ivar cut: connections closed because the proxy was disabled, moved or removed.
    :ivar refused: attempts to connect while it was disabled.
    :ivar refused_exactly: False where `refused` also counts attempts elsewhere on this host that
        failed in that time, for want of the right to look at packets.
    :ivar bytes_up: bytes received from clients, in `chunks_up` reads; `_down`: from the server.
    """

    accepted: int
    open: int
    unreached: int
    cut: int
    refused: int
    refused_exactly: bool
    bytes_up: int
    chunks_up: int
    bytes_down: int
    chunks_down: int
    toxics: Mapping[str, Touched]


class Toxiproxy:
    """A server that speaks Toxiproxy's API.

    :param timeout: seconds that a request may take.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 5.0) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout

    def version(self) -> str:
        """Return the version that the server says it is."""
        return _Record(self._request("GET", "/version")).text("version")

    def proxies(self) -> dict[str, ProxyState]:
        """Return all proxies by name."""
        return {name: _proxy(_Record(value)) for name, value in _Record(self._request("GET", "/proxies")).items()}

    def proxy(self, name: str) -> ProxyState:
        """Return one proxy."""
        return _proxy(_Record(self._request("GET", _path(name))))

    def create(self, name: str, *, listen: str, upstream: str, enabled: bool = True) -> ProxyState:
        """Make a proxy; a port of 0 is replaced by the one it got."""
        body = {"name": name, "listen": listen, "upstream": upstream, "enabled": enabled}
        return _proxy(_Record(self._request("POST", "/proxies", body)))

    def update(
        self, name: str, *, listen: str | None = None, upstream: str | None = None, enabled: bool | None = None
    ) -> ProxyState:
        """Change what is given. A change of address, or disabling, closes the proxy's connections."""
        wanted = {"listen": listen, "upstream": upstream, "enabled": enabled}
        body = {key: value for key, value in wanted.items() if value is not None}
        return _proxy(_Record(self._request("POST", _path(name), body)))

    def delete(self, name: str) -> None:
        """Remove a proxy and close its connections."""
        self._request("DELETE", _path(name))

    def reset(self) -> None:
        """Enable every proxy and remove all toxics."""
        self._request("POST", "/reset")

    def add_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Put a toxic on a proxy and on its live connections."""
        body = {
            "name": toxic.name,
            "type": toxic.type,
            "stream": toxic.stream,
            "toxicity": toxic.toxicity,
            "attributes": dict(toxic.attributes),
        }
        return _toxic(_Record(self._request("POST", _path(proxy, "toxics"), body)))

    def change_toxic(self, proxy: str, toxic: Toxic) -> Toxic:
        """Give the toxic of this name other attributes and another toxicity."""
        body = {"toxicity": toxic.toxicity, "attributes": dict(toxic.attributes)}
        return _toxic(_Record(self._request("POST", _path(proxy, "toxics", toxic.name), body)))

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic off a proxy and off its live connections."""
        self._request("DELETE", _path(proxy, "toxics", name))

    def stats(self, proxy: str) -> Stats:
        """Return what has happened at a proxy.

        On a server that keeps no live counters it is `observed.ObservedToxiproxy` that knows.
        """
        return _stats(_Record(self._request("GET", _path(proxy, "stats"))))

    def counts(self) -> bool:
        """Tell whether the server keeps live counters, as the embedded one does and the real one does not."""
        try:
            self._request("GET", _path("no-such-proxy", "stats"))
        except RequestFailed as failure:
            if failure.status != 404:
                raise
            return "proxy not found" in failure.body  # else there is no such page
        return True

    def page(self, path: str) -> str:
        """Return a page as it is, such as `/metrics`."""
        return self._answer("GET", path)

    def _request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        """Return the JSON of the answer, None for an empty one.

        :raises RequestFailed: the server refused, or did not answer in time.
        """
        answer = self._answer(method, path, body)
        parsed: object = json.loads(answer) if answer else None
        return parsed

    def _answer(self, method: str, path: str, body: Mapping[str, object] | None = None) -> str:
        """Return what the server says.

        :raises RequestFailed: it refused, or did not answer in time.
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        payload = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, payload, {"Connection": "close"})
            response = connection.getresponse()
            answer = response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error} (within {self.timeout:g} s)"
            raise RequestFailed(f"{self.host}:{self.port}", method, path, None, failure) from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise RequestFailed(f"{self.host}:{self.port}", method, path, response.status, answer)
        return answer

    def __repr__(self) -> str:
        return f"<Toxiproxy at {self.host}:{self.port}>"


class _Record:
    """A JSON object whose fields are what they should be."""

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise LinkServerError(f"the link server answered {value!r}, and a JSON object was expected")
        self._fields: dict[str, object] = value

    def items(self) -> list[tuple[str, object]]:
        return list(self._fields.items())

    def _get(self, name: str, *kinds: type) -> object:
        value = self._fields.get(name)
        if not isinstance(value, kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise LinkServerError(f"the link server answered {name}={value!r}, and {expected} was expected")
        return value

    def text(self, name: str) -> str:
        return str(self._get(name, str))

    def number(self, name: str) -> int:
        return int(str(self._get(name, int)))

    def ratio(self, name: str) -> float:
        return float(str(self._get(name, int, float)))

    def flag(self, name: str) -> bool:
        return self._get(name, bool) is True

    def record(self, name: str) -> _Record:
        return _Record(self._get(name, dict))

    def records(self, name: str) -> list[_Record]:
        values = self._get(name, list)
        return [_Record(value) for value in values] if isinstance(values, Sequence) else []


def _path(*segments: str) -> str:
    return "/proxies/" + "/".join(quote(segment, safe="") for segment in segments)


def _toxic(record: _Record) -> Toxic:
    attributes = record.record("attributes")
    return Toxic(
        record.text("name"),
        record.text("type"),
        record.text("stream"),
        record.ratio("toxicity"),
        {name: attributes.number(name) for name, _ in attributes.items()},
    )


def _proxy(record: _Record) -> ProxyState:
    toxics = tuple(_toxic(toxic) for toxic in record.records("toxics"))
    return ProxyState(
        record.text("name"), record.text("listen"), record.text("upstream"), record.flag("enabled"), toxics
    )


def _stats(record: _Record) -> Stats:
    up, down, toxics = record.record(UPSTREAM), record.record(DOWNSTREAM), record.record("toxics")
    return Stats(
        accepted=record.number("accepted"),
        open=record.number("open"),
        unreached=record.number("unreached"),
        cut=record.number("cut"),
        refused=record.number("refused"),
        refused_exactly=record.flag("refused_exactly"),
        bytes_up=up.number("bytes"),
        chunks_up=up.number("chunks"),
        bytes_down=down.number("bytes"),
        chunks_down=down.number("chunks"),
        toxics={name: _touched(toxics.record(name)) for name, _ in toxics.items()},
    )


def _touched(record: _Record) -> Touched:
    return Touched(*(record.number(name) for name in ("connections", "chunks", "bytes", "closed")))
