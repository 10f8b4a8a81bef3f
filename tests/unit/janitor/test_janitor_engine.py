"""Docker objects: the daemon is asked to remove what carries the label, and nothing else."""

from __future__ import annotations

import http.client
import json
import signal
import socketserver
import threading
import uuid
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_resilience.errors import UndoFailed
from pytest_resilience.janitor import RemoveContainers
from pytest_resilience.janitor.engine import LABEL, UnixConnection
from pytest_resilience.waiting import wait_until

SOCKET = "/var/run/docker.sock"


class Daemon(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A stand-in for the Docker daemon, as far as removal goes."""

    daemon_threads = True

    def __init__(self, path):
        self.objects = {"containers": {}, "networks": {}}
        self.asked = []
        self.refuse = {}
        super().__init__(path, Handler)

    def make(self, kind, label):
        name = uuid.uuid4().hex
        self.objects[kind][name] = label
        return name

    def there(self, kind, name):
        return name in self.objects[kind]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        kind = url.path.split("/")[1]
        query = parse_qs(url.query)
        assert kind == "networks" or query["all"] == ["1"]
        wanted = json.loads(query["filters"][0])["label"]
        self.answer(200, [{"Id": name} for name, label in self.server.objects[kind].items() if label in wanted])

    def do_DELETE(self):
        self.server.asked.append(self.path)
        url = urlsplit(self.path)
        _, kind, name = url.path.split("/")
        assert kind == "networks" or parse_qs(url.query) == {"force": ["1"], "v": ["1"]}
        status = self.server.refuse.pop(name, 0) or (204 if self.server.objects[kind].pop(name, None) else 404)
        self.answer(status, {"message": "busy"} if status >= 400 else None)

    def answer(self, status, body):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if data:
            self.wfile.write(data)

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class RealDaemon:
    """The daemon of this host, through the same few calls."""

    host = f"unix://{SOCKET}"

    def __init__(self):
        self.made = []
        self.image = next((one["Id"] for one in json.loads(self.ask("GET", "/images/json")[1])), None)
        if self.image is None:
            pytest.skip("the Docker daemon has no image to make a container of")

    def ask(self, method, target, body=None):
        connection = UnixConnection(SOCKET, timeout=10)
        try:
            connection.request(method, target, json.dumps(body or {}), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def make(self, kind, label):
        name, value = label.split("=")
        body = {"Image": self.image, "Cmd": ["x"], "Name": f"test-{uuid.uuid4().hex[:8]}", "Labels": {name: value}}
        status, said = self.ask("POST", f"/{kind}/create", body)
        assert status == 201, said
        self.made.append((kind, json.loads(said)["Id"]))
        return self.made[-1][1]

    def there(self, kind, name):
        return self.ask("GET", f"/{kind}/{name}/json" if kind == "containers" else f"/{kind}/{name}")[0] == 200

    def close(self):
        for kind, name in self.made:
            self.ask("DELETE", f"/{kind}/{name}" + ("?force=1&v=1" if kind == "containers" else ""))


@pytest.fixture
def fake(tmp_path):
    path = tmp_path / "docker.sock"
    with Daemon(str(path)) as daemon:
        daemon.host = f"unix://{path}"
        thread = threading.Thread(target=daemon.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield daemon
        daemon.shutdown()
        thread.join()


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.docker)])
def daemon(request):
    if request.param == "fake":
        yield request.getfixturevalue("fake")
        return
    if not Path(SOCKET).exists():
        pytest.skip(f"there is no Docker daemon at {SOCKET}")
    try:
        real = RealDaemon()
    except (OSError, http.client.HTTPException) as error:
        pytest.skip(f"the Docker daemon at {SOCKET} does not answer: {error}")
    yield real
    real.close()


@pytest.fixture
def token():
    return uuid.uuid4().hex[:16]


def test_all_that_carries_the_label_is_removed_and_again(daemon, token):
    ours = [
        ("containers", daemon.make("containers", f"{LABEL}={token}")),
        ("containers", daemon.make("containers", f"{LABEL}={token}")),
        ("networks", daemon.make("networks", f"{LABEL}={token}")),
    ]
    others = [("containers", daemon.make("containers", f"{LABEL}={token}x"))]
    undo = RemoveContainers(token, daemon.host)
    undo.undo()
    assert not [one for one in ours if daemon.there(*one)]
    assert [one for one in others if daemon.there(*one)] == others
    undo.undo()


def test_what_the_daemon_is_already_removing_is_waited_for(fake, token):
    name = fake.make("containers", f"{LABEL}={token}")
    fake.refuse[name] = 409
    RemoveContainers(token, fake.host).undo()
    assert len(fake.asked) == 2
    assert not fake.there("containers", name)


def test_one_refusal_does_not_stop_the_others_and_is_told(fake, token):
    names = [fake.make("containers", f"{LABEL}={token}") for _ in range(3)]
    fake.refuse[names[0]] = 500
    with pytest.raises(UndoFailed, match=r"busy.*docker rm -f"):
        RemoveContainers(token, fake.host).undo()
    assert [fake.there("containers", name) for name in names] == [True, False, False]


def test_a_daemon_that_is_not_there_is_an_error(tmp_path, token):
    with pytest.raises(UndoFailed, match="does not answer"):
        RemoveContainers(token, f"unix://{tmp_path}/none.sock").undo()


def test_a_killed_owners_containers_are_gone_also_one_that_was_still_being_made(owner, fake):
    one = owner(f"janitor.promise(RemoveContainers(janitor.token, {fake.host!r})); say('ready'); rest()")
    first = fake.make("containers", f"{LABEL}={one.token}")
    one.hear()
    one.end(signal.SIGKILL)
    wait_until(lambda: not fake.there("containers", first), within=5)
    late = fake.make("containers", f"{LABEL}={one.token}")
    wait_until(lambda: not fake.there("containers", late), within=5)
    one.must_vanish()
