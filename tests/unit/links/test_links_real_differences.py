"""What the table of differences in docs/links.md says of the real Toxiproxy is so, and so is what it says of ours.

Each test has a real server of its own, for several of them do not survive it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from links_harness import PROGRAM, Road, Server, falls_silent, is_closed, read_exactly
from twin_scenes import after, ending, talk
from twins import Call, RealServer, Twins, answer, raw

from pytest_resilience.errors import LinkServerError
from pytest_resilience.links.choice import find_program
from pytest_resilience.links.toxiproxy import RequestFailed, Toxic, Toxiproxy
from pytest_resilience.waiting import wait_until

SEEDED = ("-seed", "42")
CONNECTIONS = 24


@pytest.fixture
def pair(twins: Twins, tmp_path: Path) -> Iterator[Twins]:
    """A pair that may come to harm."""
    pair = Twins(Server(*SEEDED), RealServer(find_program(), tmp_path / "log", *SEEDED))
    yield pair
    pair.embedded.close()
    pair.real.process.kill()
    pair.real.process.wait()


@pytest.fixture
def roads(pair: Twins) -> Iterator[tuple[Road, Road]]:
    """A road on ours and one on theirs."""
    roads = Road(pair.embedded), Road(pair.real)
    for road in roads:
        road.client.timeout = 2.0
    yield roads
    for road in roads:
        try:
            road.close()
        except LinkServerError:  # theirs may be gone
            for sock in road._sockets:
                sock.close()


def pattern(road: Road, ends: list[tuple[socket.socket, socket.socket]]) -> str:
    """Return which connections a toxic swallows the answers of."""
    for _, service in ends:
        service.sendall(b"x")
    return "".join("-" if falls_silent(client, within=0.03) else "x" for client, _ in ends)


def test_toxicity_is_drawn_once_here_and_anew_with_every_change_there(roads: tuple[Road, Road]) -> None:
    changed = []
    for road in roads:
        toxic = road.toxic("bandwidth", rate=0, toxicity=0.5)
        ends = [road.connect() for _ in range(CONNECTIONS)]
        patterns = [pattern(road, ends)]
        for _ in range(2):
            road.client.change_toxic(road.name, Toxic(toxic.name, "bandwidth", "downstream", 0.5, {"rate": 0}))
            for client, _ in ends:  # what was let go
                falls_silent(client, within=0.001)
            patterns.append(pattern(road, ends))
        changed.append(len(set(patterns)) > 1)
    assert changed == [False, True]


def test_a_seed_is_honoured_here_and_not_there(twins: Twins, tmp_path: Path) -> None:
    def patterns(start) -> set[str]:
        found = set()
        for number in range(3):
            server = start(number)
            client = server.client
            with socket.create_server(("127.0.0.1", 0)) as service:
                upstream = "{}:{}".format(*service.getsockname())
                port = client.create("seeded", listen="127.0.0.1:0", upstream=upstream).listen.rpartition(":")[2]
                client.add_toxic("seeded", Toxic("t", "limit_data", "upstream", 0.5, {"bytes": 0}))
                bits = ""
                for _ in range(CONNECTIONS):
                    with socket.create_connection(("127.0.0.1", int(port)), timeout=5) as end:
                        with service.accept()[0] as far:
                            far.settimeout(5)
                            end.sendall(b"x")
                            bits += "x" if far.recv(1) else "-"
                found.add(bits)
            server.close()
        return found

    assert len(patterns(lambda _: Server(*SEEDED))) == 1
    assert len(patterns(lambda number: RealServer(find_program(), tmp_path / f"log{number}", *SEEDED))) == 3


def test_a_toxic_comes_off_under_back_pressure_here_and_hangs_the_api_there(roads: tuple[Road, Road]) -> None:
    outcomes = []
    for road in roads:
        toxic = road.toxic("latency", latency=10)
        _, service = road.connect()
        service.setblocking(False)
        quiet = 0
        while quiet < 10:  # the client does not read, so at last nothing more can be sent
            try:
                service.send(bytes(1 << 20))
                quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.02)  # for what is under way to arrive
        try:
            road.remove(toxic)
            outcomes.append(list(road.client.proxy(road.name).toxics))
        except RequestFailed as failure:
            outcomes.append(failure.status)
            with pytest.raises(RequestFailed, match="no answer"):
                road.client.proxies()
    assert outcomes == [[], None]


def test_two_latencies_add_up_for_every_chunk_here_and_for_the_first_there(roads: tuple[Road, Road]) -> None:
    late = []
    for road in roads:
        road.toxic("latency", latency=100)
        road.client.add_toxic(road.name, Toxic("second", "latency", attributes={"latency": 100}))
        client, service = road.connect()
        sent = []
        for _ in range(5):
            service.sendall(b"x")
            sent.append(time.monotonic())
            falls_silent(client, within=0.02)
        late.append([read_exactly(client, 1) and time.monotonic() - moment for moment in sent])
    assert min(late[0]) >= 0.2
    assert min(late[1]) < 0.2


def test_a_client_that_has_said_all_is_answered_here(pair: Twins) -> None:
    with socket.create_connection(("127.0.0.1", pair.embedded.port), timeout=5) as sock:
        sock.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert read_exactly(sock, 15) == b"HTTP/1.1 200 OK"


def test_a_reset_peer_that_waits_comes_off_at_once_here(roads: tuple[Road, Road]) -> None:
    took = []
    for road in roads:
        toxic = road.toxic("reset_peer", timeout=700)
        client, service = road.connect()
        service.sendall(b"x")
        falls_silent(client, within=0.05)
        took.append(after(lambda road=road, toxic=toxic: road.remove(toxic), 0, 0.3))
        assert is_closed(client)
    assert took[0] == "in time"
    assert took[1] != "in time"


@pytest.mark.parametrize(
    "fatal",
    [
        Toxic("t", "slicer"),
        Toxic("t", "slicer", attributes={"average_size": 1, "size_variation": 1000}),
        Toxic("t", "bandwidth", attributes={"rate": -1}),
        Toxic("t", "latency", attributes={"jitter": 2**63 - 1}),
    ],
    ids=["slicer without attributes", "slicer that varies too much", "negative bandwidth", "endless jitter"],
)
def test_no_attribute_kills_the_server_here(roads: tuple[Road, Road], pair: Twins, fatal: Toxic) -> None:
    for road in roads:
        road.client.add_toxic(road.name, fatal)
        client, service = road.connect()
        with contextlib.suppress(OSError):  # the end of theirs
            for _ in range(30):  # where sizes vary, luck may save it for a while
                service.sendall(b"x" * 1100)
                falls_silent(client, within=0.02)
    wait_until(lambda: pair.real.process.poll() is not None, within=10)  # it has died
    assert pair.embedded.process.poll() is None
    assert pair.embedded.client.version() == "2.12.0"


def test_a_dial_that_hangs_keeps_nobody_else_waiting_here(roads: tuple[Road, Road]) -> None:
    """A listener whose queue is full lets a dial hang."""
    answered = []
    for road in roads:
        with socket.socket() as full, socket.create_server(("127.0.0.1", 0)) as good:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            road.client.update(road.name, upstream="{}:{}".format(*full.getsockname()))
            stuck = [socket.create_connection(("127.0.0.1", road.port), timeout=5) for _ in range(3)]
            falls_silent(stuck[0])
            try:
                road.client.update(road.name, upstream="{}:{}".format(*good.getsockname()))
                good.settimeout(1)
                with socket.create_connection(("127.0.0.1", road.port), timeout=1), good.accept()[0]:
                    answered.append(True)
            except (RequestFailed, OSError):
                answered.append(False)
            for sock in [*fillers, *stuck]:
                sock.close()
    assert answered == [True, False]


def test_live_counters_are_ours_alone(roads: tuple[Road, Road]) -> None:
    ours, theirs = roads
    assert ours.client.counts()
    assert not theirs.client.counts()
    assert ours.stats().accepted == 0
    with pytest.raises(RequestFailed, match="404 page not found"):
        Toxiproxy(theirs.client.host, theirs.client.port).stats(theirs.name)


def test_attributes_of_ours_are_ignored_there(roads: tuple[Road, Road]) -> None:
    shown = [road.toxic("latency", latency=1, first=2).attributes for road in roads]
    assert shown == [{"latency": 1, "jitter": 0, "first": 2}, {"latency": 1, "jitter": 0}]


def test_a_body_of_gigabytes_is_refused_here(pair: Twins) -> None:
    head = b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 70000000\r\n\r\n"
    assert raw(pair.embedded.port, head).startswith("HTTP/1.1 413 ")
    assert raw(pair.real.port, head) == "<open>"  # it waits for it


def test_a_port_of_the_api_that_is_taken_ends_the_program_here(pair: Twins) -> None:
    arguments = ["-host", "127.0.0.1", "-port", str(pair.real.port)]
    ran = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 1
    assert "address already in use" in ran.stdout
    program = shutil.which("toxiproxy-server") or ""
    with pytest.raises(subprocess.TimeoutExpired):  # it stays, and serves nothing
        subprocess.run([program, *arguments], capture_output=True, timeout=1.0)


def test_both_end_on_sigterm_with_status_zero_and_close_what_is_open(pair: Twins) -> None:
    for server in pair:
        road = Road(server)
        client, service = road.connect()
        talk(client, service)
        assert server.close() == 0
        assert [ending(client), ending(service)] == [(0, "closed")] * 2
        for sock in road._sockets:
            sock.close()


def test_a_config_is_read_alike_and_a_bad_one_keeps_neither_from_starting(twins: Twins, tmp_path: Path) -> None:
    good = (
        '[{"name":"a","listen":"127.0.0.1:0","upstream":"u:1","toxics":[{"type":"latency"}]},'
        '{"name":"b","upstream":"u:2","enabled":false}]'
    )
    for number, text in enumerate([good, "{", '[{"name":"a"}]', good.replace("127.0.0.1:0", "nonsense")]):
        config = tmp_path / f"{number}.json"
        config.write_text(text)
        said = []
        for server in (
            Server("-config", str(config)),
            RealServer(find_program(), tmp_path / "log", "-config", str(config)),
        ):
            body = answer(server.port, Call("GET", "/proxies"))[1]
            said.append(re.sub(r"127\.0\.0\.1:\d+", "address", body))
            assert server.close() == 0
        assert said[0] == said[1]


def test_versions_are_printed_alike(twins: Twins) -> None:
    commands = [[sys.executable, str(PROGRAM)], [str(find_program())]]
    ours, theirs = (
        subprocess.run([*command, "-version"], capture_output=True, text=True, timeout=30).stdout
        for command in commands
    )
    assert ours == theirs
