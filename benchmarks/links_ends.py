"""The two ends of the roads that `links.py` measures: a service, and what a client asks of it.

A connection begins with eight bytes: zero, and what comes after is said back; or how many bytes will come,
which are swallowed and answered with one byte.
"""

from __future__ import annotations

import select
import socket
import statistics
import struct
import threading
import time

MESSAGE = 100
_BEGIN = struct.Struct("!Q")
_BLOCK = bytes(1 << 18)


def connect(port: int, swallowed: int = 0) -> socket.socket:
    """Return a connection through a road: of echoes, or of so many bytes."""
    end = socket.create_connection(("127.0.0.1", port), timeout=60)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    end.sendall(_BEGIN.pack(swallowed))
    if not swallowed:
        trip(end)  # the far side is connected too
    return end


def serve(listener: socket.socket) -> None:
    """Serve any number of connections, in one thread."""
    poll = select.epoll()
    listener.settimeout(0)
    poll.register(listener, select.EPOLLIN)
    ends: dict[int, socket.socket] = {}
    missing: dict[int, int] = {}
    buffer = memoryview(bytearray(1 << 20))
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                end, _ = listener.accept()
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ends[end.fileno()] = end
                poll.register(end, select.EPOLLIN)
                continue
            end = ends[number]
            try:
                if number not in missing:
                    (missing[number],) = _BEGIN.unpack(end.recv(_BEGIN.size, socket.MSG_WAITALL))
                    continue
                size = end.recv_into(buffer)
                if not size:
                    raise ConnectionResetError
                if missing[number] == 0:
                    end.sendall(buffer[:size])
                else:
                    missing[number] -= size
                    if missing[number] == 0:
                        end.sendall(b"!")
            except (ConnectionError, struct.error):  # the client is done
                missing.pop(number, None)
                ends.pop(number).close()


def trip(end: socket.socket) -> float:
    """Return the seconds that a message takes there and back."""
    began = time.perf_counter()
    end.sendall(_BLOCK[:MESSAGE])
    end.recv(MESSAGE, socket.MSG_WAITALL)
    return time.perf_counter() - began


def trips(ends: list[socket.socket], count: int) -> list[float]:
    """Return the seconds of `count` trips, a message always under way on each connection."""
    if len(ends) == 1:
        return [trip(ends[0]) for _ in range(count)]
    poll = select.epoll()
    by_number = {end.fileno(): end for end in ends}
    sent: dict[int, float] = {}
    for number, end in by_number.items():
        poll.register(number, select.EPOLLIN)
        sent[number] = time.perf_counter()
        end.send(_BLOCK[:MESSAGE])
    times: list[float] = []
    while sent:
        for number, _ in poll.poll():
            end = by_number[number]
            end.recv(MESSAGE, socket.MSG_WAITALL)
            times.append(time.perf_counter() - sent.pop(number))
            if len(times) + len(sent) < count:
                sent[number] = time.perf_counter()
                end.send(_BLOCK[:MESSAGE])
    poll.close()
    return times


def pour(port: int, size: int, connections: int) -> tuple[float, list[socket.socket]]:
    """Return the seconds that `size` bytes take over so many connections, and these, still open."""
    share = size // connections
    ends = [connect(port, share) for _ in range(connections)]

    def send(end: socket.socket) -> None:
        left = share
        while left:
            left -= end.send(memoryview(_BLOCK)[: min(left, len(_BLOCK))])
        end.recv(1)

    threads = [threading.Thread(target=send, args=(end,)) for end in ends]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began, ends


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: list[float]) -> float:
    """Return the middle; of nothing, nan."""
    return statistics.median(values) if values else float("nan")
