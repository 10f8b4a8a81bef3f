"""All proxies of a server, and what a request may do to them."""

from __future__ import annotations

import asyncio

from .address import AddressError
from .gofields import Fields, Struct, kind
from .gojson import GoJsonError, Value, first_value
from .proxy import Engine, Proxy

_LOGGER = "zerolog.Logger"  # a field that the real server lets in, and out, by mistake
_FIELDS = {"name": "string", "listen": "string", "upstream": "string", "enabled": "bool", "Logger": _LOGGER}
_PROXY = Struct("Proxy", _FIELDS)
_POPULATED = Struct("", _FIELDS, promoted="Proxy")
_POPULATED_TYPE = 'struct { toxiproxy.Proxy; Enabled *bool "json:\\"enabled\\"" }'


class ApiError(Exception):
    """What a request is answered with when it cannot be done.

    :ivar done: the proxies that were populated before it could not go on; None where none is.
    """

    def __init__(self, message: str, status: int, done: list[Proxy] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.done = done


def parse(body: bytes) -> Value:
    """Return the first JSON value of a body.

    :raises ApiError: there is none.
    """
    try:
        return first_value(body)
    except GoJsonError as error:
        raise bad_request(error) from None


def bad_request(error: GoJsonError) -> ApiError:
    """Return the answer to a body that cannot be read."""
    return ApiError(f"bad request body: {error}", 400)


def _missing(field: str) -> ApiError:
    return ApiError(f"missing required field: {field}", 400)


class Collection:
    """The proxies by name. One change at a time: what waits for a name to be resolved holds the others up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._proxies: dict[str, Proxy] = {}
        self._changing = asyncio.Lock()

    @property
    def engine(self) -> Engine:
        """What the proxies share."""
        return self._engine

    def get(self, name: str) -> Proxy:
        """Return a proxy.

        :raises ApiError: there is none of this name.
        """
        try:
            return self._proxies[name]
        except KeyError:
            raise ApiError("proxy not found", 404) from None

    def all(self) -> dict[str, Proxy]:
        """Return the proxies, sorted by name."""
        return dict(sorted(self._proxies.items()))

    async def create(self, body: bytes) -> Proxy:
        """Make a proxy of a request's body, and start it unless it is to be disabled.

        :raises ApiError: it cannot be made.
        """
        fields: Fields = {"name": "", "listen": "", "upstream": "", "enabled": True}
        _fill(fields, parse(body))
        for name in ("name", "upstream"):
            if not fields[name]:
                raise _missing(name)
        async with self._changing:
            if fields["name"] in self._proxies:
                raise ApiError("proxy already exists", 409)
            return await self._add(fields)

    async def update(self, name: str, body: bytes) -> Proxy:
        """Give a proxy the addresses and the state of a request's body.

        :raises ApiError: the body cannot be read, or an address not be used.
        """
        proxy = self.get(name)
        fields: Fields = {"listen": proxy.listen, "upstream": proxy.upstream, "enabled": proxy.enabled}
        _fill(fields, parse(body))
        async with self._changing:
            try:
                await proxy.update(str(fields["listen"]), str(fields["upstream"]), enabled=bool(fields["enabled"]))
            except AddressError as error:
                raise ApiError(str(error), 500) from None
        return proxy

    async def delete(self, name: str) -> None:
        """Remove a proxy and close its connections.

        :raises ApiError: there is none of this name.
        """
        async with self._changing:
            self.get(name).forget()
            del self._proxies[name]

    async def reset(self) -> None:
        """Start every proxy and remove all toxics.

        :raises ApiError: a proxy cannot be started; those after it are left as they are.
        """
        async with self._changing:
            for proxy in list(self._proxies.values()):
                try:
                    await proxy.start()
                except AddressError as error:
                    raise ApiError(str(error), 500) from None
                for entry in list(proxy.chain):
                    proxy.remove(entry)

    async def populate(self, body: bytes) -> list[Proxy]:
        """Make the proxies of a list; those that are there with the same addresses are left alone.

        :raises ApiError: the list is not valid (nothing has been done), or one cannot be made.
        """
        wanted = _wanted(parse(body))
        async with self._changing:
            done: list[Proxy] = []
            for fields in wanted:
                try:
                    done.append(await self._replace(fields))
                except AddressError as error:
                    raise ApiError(str(error), 500, done or None) from None
                except ApiError as error:
                    raise ApiError(str(error), error.status, done or None) from None
            return done

    def close(self) -> None:
        """Close everything."""
        for proxy in self._proxies.values():
            proxy.forget()

    async def _replace(self, fields: Fields) -> Proxy:
        existing = self._proxies.get(str(fields["name"]))
        if existing is not None:
            if not await existing.differs(str(fields["listen"]), str(fields["upstream"])):
                return existing
            existing.forget()
        return await self._add(fields)

    async def _add(self, fields: Fields) -> Proxy:
        proxy = Proxy(self._engine, str(fields["name"]), str(fields["listen"]), str(fields["upstream"]))
        if fields["enabled"]:
            try:
                await proxy.start()
            except AddressError as error:
                raise ApiError(str(error), 500) from None
        self._proxies[proxy.name] = proxy
        return proxy


def _fill(fields: Fields, value: Value) -> None:
    try:
        _PROXY.fill(value, fields, whole="toxiproxy.Proxy")
    except GoJsonError as error:
        raise bad_request(error) from None


def _wanted(value: Value) -> list[Fields]:
    """Return the fields of each proxy of a list, after all have been looked at."""
    if value is None:
        return []
    if not isinstance(value, list):
        wrong = f"json: cannot unmarshal {kind(value)} into Go value of type []{_POPULATED_TYPE}"
        raise bad_request(GoJsonError(wrong))
    wanted: list[Fields] = []
    first_error: GoJsonError | None = None
    for element in value:
        fields: Fields = {"name": "", "listen": "", "upstream": "", "enabled": True}
        try:
            _POPULATED.fill(element, fields, whole=_POPULATED_TYPE)
        except GoJsonError as error:
            first_error = first_error or error
        wanted.append(fields)
    if first_error is not None:
        raise bad_request(first_error)
    for number, fields in enumerate(wanted, start=1):
        for name in ("name", "upstream"):
            if not fields[name]:
                raise _missing(f"{name} at proxy {number}")
    return wanted
