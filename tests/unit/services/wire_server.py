"""A server that speaks from a script: reads what it is sent, and answers with given bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def scripted(*answers: bytes) -> Iterator[int]:
    """Yield the port of a server that answers each message it reads with the next of `answers`, and then closes."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            for answer in answers:
                if not connection.recv(65536):
                    return
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
