"""What a user sees of the server behind links: the option, the header, and the `toxiproxy` fixture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PASSING = "def test_nothing(): pass"
EMBEDDED = ("--resilience-backend=process", "-p", "no:cacheprovider")


@pytest.fixture(params=["embedded", "server"])
def kind(request: pytest.FixtureRequest, resilience_options) -> str:
    there = shutil.which("toxiproxy-server") is not None
    if request.param == "server" and not there and resilience_options.toxiproxy != "server":
        pytest.skip("no toxiproxy-server on PATH: .ci/toxiproxy.sh installs it")
    return request.param


def test_the_client_speaks_to_the_server_behind_links_and_leaves_nothing(pytester: pytest.Pytester, kind: str) -> None:
    pytester.makepyfile(
        """
        import pytest
        from toxiproxy import Toxiproxy
        from toxiproxy.api import APIConsumer

        def test_first(toxiproxy, link):
            assert isinstance(toxiproxy, Toxiproxy)
            toxiproxy.create("127.0.0.1:1", "mine").add_toxic(type="latency", attributes={"latency": 5})
            link("127.0.0.1:1", name="linked")
            assert set(toxiproxy.proxies()) == {"mine", "linked"}
            assert b"2.12.0" in toxiproxy.version()

        def test_second(toxiproxy):
            assert toxiproxy.proxies() == {}
            APIConsumer.host = "127.0.0.9"      # what a test does to it is undone as well

        def test_third():
            assert (APIConsumer.host, APIConsumer.port) == ("127.0.0.1", 8474)
        """
    )
    # A process of its own, for `requests` does not stand being imported anew.
    result = pytester.runpytest_subprocess(*EMBEDDED, f"--resilience-toxiproxy={kind}")
    result.assert_outcomes(passed=3)


def test_the_header_names_the_server_unless_it_is_the_embedded_one(pytester: pytest.Pytester, kind: str) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest(*EMBEDDED, f"--resilience-toxiproxy={kind}")
    (line,) = [line for line in result.outlines if line.startswith("resilience: ")]
    assert ("links by toxiproxy-server version 2.12.0 (/" in line) == (kind == "server")


def test_a_server_that_is_asked_for_and_is_not_there_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytester.makepyfile(PASSING)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = pytester.runpytest(*EMBEDDED, "--resilience-toxiproxy=server")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--resilience-toxiproxy=server: there is no toxiproxy-server on PATH*"])


def test_docker_that_is_asked_for_and_is_not_there_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytester.makepyfile(PASSING)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    result = pytester.runpytest(*EMBEDDED, "--resilience-toxiproxy=docker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--resilience-toxiproxy=docker: *nobody.sock*"])


def test_an_address_elsewhere_has_to_be_allowed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest(*EMBEDDED, "--resilience-toxiproxy=http://toxi.test:8474")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*target 'toxi.test' is neither loopback nor*--resilience-allow-target=toxi.test*"])
