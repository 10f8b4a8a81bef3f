from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from pytest_resilience.services.docker_probe import daemon_address, docker_available


def test_without_a_daemon_the_answer_is_quick_and_names_the_socket(tmp_path: Path) -> None:
    found = docker_available(["redis:7"], environ={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert not found
    assert found.reason == f"no Docker daemon: {tmp_path}/none.sock does not exist; start dockerd"
    assert found.engine == ""
    assert found.seconds < 1  # nothing was waited for


def test_without_a_daemon_nothing_of_docker_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in {"docker", "testcontainers"}]:
        monkeypatch.delitem(sys.modules, name)
    docker_available([], environ={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert "docker" not in sys.modules


def test_a_socket_that_nobody_listens_at_is_no_daemon(tmp_path: Path) -> None:
    path = tmp_path / "dead.sock"
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(path))
    found = docker_available([], environ={"DOCKER_HOST": f"unix://{path}"})
    assert not found
    assert found.reason == f"no Docker daemon listens at {path}; start dockerd"


def test_a_daemon_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "hung.sock"
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(path))
        bound.listen()
        found = docker_available([], environ={"DOCKER_HOST": f"unix://{path}"}, patience=0.2)
    assert not found
    assert f"the Docker daemon at {path} does not answer: timed out" in found.reason
    assert "\n" not in found.reason


def test_a_program_that_speaks_something_else_is_no_daemon(tmp_path: Path) -> None:
    path = tmp_path / "odd.sock"
    with closing(socket.socket(socket.AF_UNIX)) as bound:
        bound.bind(str(path))
        bound.listen()

        def babble() -> None:
            with closing(bound.accept()[0]) as peer:
                peer.send(b"220 mail.example ESMTP\r\n")
                peer.recv(1024)  # it stays to listen: who hangs up at once may be met by a broken pipe

        babbler = threading.Thread(target=babble)
        babbler.start()
        found = docker_available([], environ={"DOCKER_HOST": f"unix://{path}"}, patience=0.2)
        babbler.join()
    assert not found
    assert found.reason == f"the Docker daemon at {path} does not answer: 220 mail.example ESMTP"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:2375", "ssh://root@example.org", "tcp://example.org:2376"])
def test_a_daemon_over_the_network_is_refused_with_the_reason(address: str) -> None:
    found = docker_available([], environ={"DOCKER_HOST": address})
    assert not found
    assert found.reason.startswith(f"the Docker daemon at {address} is reached over a network")
    assert "DOCKER_HOST=unix:///path" in found.reason


def context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


def test_the_daemon_is_looked_for_where_the_command_line_does(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert daemon_address(home) == "unix:///var/run/docker.sock"
    context(tmp_path, "rootless", "unix:///run/user/1000/docker.sock")
    assert daemon_address({**home, "DOCKER_CONTEXT": "rootless"}) == "unix:///run/user/1000/docker.sock"
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "rootless"}')
    assert daemon_address(home) == "unix:///run/user/1000/docker.sock"
    assert daemon_address({**home, "DOCKER_CONTEXT": "default"}) == "unix:///var/run/docker.sock"
    assert daemon_address({**home, "DOCKER_HOST": "unix:///mine"}) == "unix:///mine"


def test_a_broken_configuration_of_the_command_line_means_its_default(tmp_path: Path) -> None:
    folder = tmp_path / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text("[")
    assert daemon_address({"HOME": str(tmp_path)}) == "unix:///var/run/docker.sock"
