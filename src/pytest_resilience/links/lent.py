"""The `toxiproxy-python` client, lent to a test: it speaks to the server behind links, and leaves no proxy there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError
from pytest_resilience.links.toxiproxy import RequestFailed, Toxiproxy

if TYPE_CHECKING:
    from toxiproxy import Toxiproxy as PythonClient


@contextmanager
def lent(client: Toxiproxy) -> Iterator[PythonClient]:
    """Lend the client for as long as it lasts; the proxies that it made are removed at the end.

    The address that it speaks to belongs to a class, so there is one for the whole process: it is set here, and given
    back afterwards.

    :raises UsageError: `toxiproxy-python` is not installed.
    """
    try:
        import toxiproxy
        from toxiproxy.api import APIConsumer
    except ImportError as error:
        raise UsageError(
            f"the toxiproxy fixture needs toxiproxy-python: pip install 'pytest-resilience[toxiproxy]' ({error})"
        ) from error
    made: list[str] = []

    class Lent(toxiproxy.Toxiproxy):  # type: ignore[misc]  # the library has no types
        """The client, which remembers what it made."""

        def create(
            self,
            upstream: str,
            name: str,
            listen: str | None = None,
            enabled: bool | None = None,  # noqa: FBT001  its own signature
        ) -> object:
            proxy = super().create(upstream, name, listen, enabled)
            made.append(name)
            return proxy

    before = APIConsumer.host, APIConsumer.port
    APIConsumer.host, APIConsumer.port = client.host, client.port
    try:
        yield Lent()
    finally:
        APIConsumer.host, APIConsumer.port = before
        for name in dict.fromkeys(made):
            _remove(client, name)


def _remove(client: Toxiproxy, name: str) -> None:
    try:
        client.delete(name)
    except RequestFailed as failure:
        if failure.status != 404:  # the test has removed it
            raise
