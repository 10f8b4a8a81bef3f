"""The server as a program: how it starts, what it imports, and how it ends."""

from __future__ import annotations

import ast
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from links_harness import PROGRAM, Server


def test_it_imports_nothing_of_the_package_around_it():
    for path in PROGRAM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path}: imports from above itself"
                names = [node.module or ""] if node.level == 0 else []
            assert not any(name.startswith("pytest") for name in names), path


def test_it_starts_by_its_path_without_the_package_being_importable():
    code = f"import sys, runpy; sys.argv = ['x', '--version']; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert ran.stdout == "toxiproxy-server version 2.12.0\n", ran.stderr


def test_it_starts_as_a_module_and_ends_on_sigterm_with_status_zero():
    server = Server(program=("-m", "pytest_resilience.links.server"))
    assert server.client.version() == "2.12.0"
    assert server.close() == 0


def test_a_config_makes_proxies(tmp_path: Path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps([{"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}]))
    server = Server("-config", str(config))
    assert list(server.client.proxies()) == ["a"]
    server.close()


def test_a_config_that_cannot_be_read_does_not_keep_it_from_starting(tmp_path: Path):
    config = tmp_path / "config.json"
    config.write_text("{")
    for path in (config, tmp_path / "missing.json"):
        server = Server("--config", str(path))
        assert server.client.proxies() == {}
        server.close()


def test_a_port_in_use_is_an_error(link_server):
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), "--host", "127.0.0.1", "--port", str(link_server.port)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode == 1
    assert f"listen tcp 127.0.0.1:{link_server.port}: bind: address already in use" in ran.stdout


def test_it_ends_while_connections_are_open():
    server = Server()
    server.client.create("a", listen="127.0.0.1:0", upstream=f"127.0.0.1:{server.port}")
    port = int(server.client.proxy("a").listen.rpartition(":")[2])
    through = type(server.client)("127.0.0.1", port)
    assert through.version() == "2.12.0"
    assert server.close() == 0


def test_metrics_are_answered_only_where_they_are_asked_for(link_server):
    assert link_server.ask("GET", "/metrics").status == 404
    for arguments in (["-proxy-metrics"], ["--runtime-metrics"], ["-proxy-metrics=true", "-runtime-metrics=false"]):
        server = Server(*arguments)
        answer = server.ask("GET", "/metrics")
        assert answer.status == 200
        assert (b"go_goroutines" in answer.body) == (arguments == ["--runtime-metrics"])
        server.close()


def test_metrics_are_compressed_where_that_is_welcome():
    server = Server("-runtime-metrics")
    answer = server.ask("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"go_info" in gzip.decompress(answer.body)
    server.close()


@pytest.mark.parametrize("arguments", [["-proxy-metrics=perhaps"], ["-port", "x"], ["-nothing"]])
def test_an_option_that_cannot_be_meant_ends_it_with_status_two(arguments):
    ran = subprocess.run([sys.executable, str(PROGRAM), *arguments], capture_output=True, text=True, timeout=30)
    assert ran.returncode == 2
    assert arguments[0].partition("=")[0].strip("-") in ran.stderr


def test_the_log_keeps_to_its_level(monkeypatch, capfd):
    for level, said in (("info", True), ("error", False), ("nonsense", True)):
        monkeypatch.setenv("LOG_LEVEL", level)
        server = Server()
        server.process.terminate()
        output, _ = server.process.communicate(timeout=10)
        assert (b"Starting Toxiproxy" in output) == said
