"""The roads that `links.py` measures: each program between the client and the service, where it is installed."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from links_ends import connect, pour, trips

from pytest_resilience.janitor import Janitor
from pytest_resilience.links.process import EmbeddedServer
from pytest_resilience.links.toxiproxy import Toxic, Toxiproxy
from pytest_resilience.services.ports import lease_port
from pytest_resilience.waiting import wait_until

LATENCY = 2  # ms each way
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


@dataclass
class Road:
    """One way to the service, and what was measured on it, round by round.

    :ivar pids: of the program in between.
    """

    name: str
    port: int
    pids: list[int]
    delayed: bool = False
    figures: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, connections: int, *, count: int, size: int) -> None:
        """Add a round: trips, then bytes."""
        ends = [connect(self.port) for _ in range(connections if connections == 1 else 64)]
        try:
            times = sorted(trips(ends, count // 8 if self.delayed else count))
        finally:
            _close(ends)
        self._note(f"p50/{len(ends)}", 1e6 * times[len(times) // 2])
        self._note(f"p99/{len(ends)}", 1e6 * times[int(len(times) * 0.99)])
        before = processor(self.pids)
        took, ends = pour(self.port, size, connections)
        used = sum(value - before.get(key, 0) for key, value in processor(self.pids).items()) / 1e9
        _close(ends)
        self._note(f"rate/{connections}", size / took / 1e9)
        self._note(f"cost/{connections}", used / (size / 1e9))

    def _note(self, figure: str, value: float) -> None:
        self.figures.setdefault(figure, []).append(value)


def _close(ends: list[socket.socket]) -> None:
    for end in ends:
        end.close()


def processor(pids: list[int]) -> dict[str, int]:
    """Return the nanoseconds on a processor so far, of each thread of these processes and their children."""
    found: dict[str, int] = {}
    waiting = list(pids)
    while waiting:
        directory = Path(f"/proc/{waiting.pop()}/task")
        try:
            for task in list(directory.iterdir()):
                found[task.name] = int((task / "schedstat").read_text().split()[0])
                waiting += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):  # ended meanwhile
            continue
    return found


class Roads:
    """Starts every road that there is; a context manager that ends them all."""

    def __init__(self, service: int) -> None:
        self._service = service
        self._ends = ExitStack()
        self._janitor = Janitor.start()
        self._ends.callback(self._janitor.close)
        self.all = [Road("direct", service, [])]
        self.clients: dict[str, Toxiproxy] = {}

    def __enter__(self) -> Roads:
        with ExitStack() as started:
            started.push(self.__exit__)
            self._embedded()
            for program, start in (
                ("toxiproxy-server", self._toxiproxy),
                ("nginx", self._nginx),
                ("haproxy", self._haproxy),
                ("socat", self._socat),
            ):
                if (path := shutil.which(program)) is not None:
                    start(path)
            started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _embedded(self) -> None:
        server = EmbeddedServer(self._janitor, seed=1)
        self._ends.callback(server.close)
        client = server.client
        listening = (sock for sock in psutil.net_connections("tcp") if sock.status == psutil.CONN_LISTEN)
        pid = next(sock.pid for sock in listening if sock.laddr[1] == client.port)
        self._proxies("link", client, [pid])

    def _toxiproxy(self, path: str) -> None:
        port = self._port()
        pid = self._launch([path, "-host", "127.0.0.1", "-port", str(port)], port)
        self._proxies("toxiproxy", Toxiproxy("127.0.0.1", port), [pid])

    def _proxies(self, name: str, client: Toxiproxy, pids: list[int]) -> None:
        self.clients[name] = client
        for suffix in ("", f", latency {LATENCY} ms"):
            state = client.create(name + suffix, listen="127.0.0.1:0", upstream=f"127.0.0.1:{self._service}")
            self.all.append(Road(name + suffix, int(state.listen.rpartition(":")[2]), pids, delayed=bool(suffix)))
        for stream in ("upstream", "downstream"):
            client.add_toxic(name + suffix, Toxic(f"slow_{stream}", "latency", stream, 1.0, {"latency": LATENCY}))

    def _nginx(self, path: str) -> None:
        if not _NGINX_MODULE.exists():
            return
        port, home = self._port(), self._janitor.directory
        config = home / "nginx.conf"
        config.write_text(
            f"load_module {_NGINX_MODULE}; daemon off; worker_processes 1; pid {home}/nginx.pid;"
            f"error_log stderr error; events {{ worker_connections 4096; }}"
            f"stream {{ server {{ listen 127.0.0.1:{port}; tcp_nodelay on; proxy_pass 127.0.0.1:{self._service}; }} }}"
        )
        pid = self._launch([path, "-e", "stderr", "-p", str(home), "-c", str(config)], port)
        self.all.append(Road("nginx stream", port, [pid]))

    def _haproxy(self, path: str) -> None:
        port, config = self._port(), self._janitor.directory / "haproxy.cfg"
        config.write_text(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n option splice-auto\n"
            f"listen road\n bind 127.0.0.1:{port}\n server service 127.0.0.1:{self._service}\n"
        )
        self.all.append(Road("haproxy", port, [self._launch([path, "-db", "-f", str(config)], port)]))

    def _socat(self, path: str) -> None:
        port = self._port()
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=128,nodelay"
        pid = self._launch([path, listen, f"TCP:127.0.0.1:{self._service},nodelay"], port)
        self.all.append(Road("socat", port, [pid]))

    def _port(self) -> int:
        return self._ends.enter_context(lease_port()).port

    def _launch(self, argv: list[str], port: int) -> int:
        child = self._janitor.launch(argv, output=self._janitor.directory / "roads.log")
        wait_until(_accepts(port), within=10)
        return child.process.pid


def _accepts(port: int) -> Callable[[], bool]:
    def accepts() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return accepts
