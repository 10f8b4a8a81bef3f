"""Requests over TLS: who is trusted, and what it is called when nobody is."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import load_server
import pytest
import socket_server

from pytest_resilience.errors import SetupFailed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.driver import tls
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get, Request
from pytest_resilience.load.websocket import WebSocket

if sys.version_info < (3, 11):
    # The test's own server runs on asyncio, whose TLS there warns of transports that the other side has closed.
    pytestmark = pytest.mark.filterwarnings("ignore:.*_SSLProtocolTransport:pytest.PytestUnraisableExceptionWarning")

CERTIFICATE = Path(__file__).parent / "certificate" / "certificate.pem"
KEY = CERTIFICATE.with_name("key.pem")
SHORT = steady(50, lasting=0.2)


@pytest.fixture(scope="module")
def secure() -> Iterator[str]:
    with load_server.in_thread(secure=True) as url:
        yield url


@pytest.mark.parametrize("verify", [CERTIFICATE, str(CERTIFICATE), False])
def test_a_service_that_is_trusted_is_loaded(secure: str, load_janitor: Janitor, verify: bool | str | Path) -> None:
    with prepare(Get(f"{secure}/ok", verify=verify), launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert (len(run.samples), run.samples.errors, run.samples.statuses) == (10, {}, {200})


def test_a_service_that_is_not_trusted_fails_in_a_category_of_its_own(secure: str, load_janitor: Janitor) -> None:
    with prepare(Get(f"{secure}/ok"), launcher=load_janitor, rate=SHORT) as run:
        run.finish()
    assert run.samples.errors == {"tls": 10}
    assert "self-signed" in run.examples["tls"] or "self signed" in run.examples["tls"]


def test_a_service_without_tls_fails_likewise(load_janitor: Janitor) -> None:
    with load_server.in_thread() as url:
        request = Get(url.replace("http:", "https:") + "/ok", verify=False)
        with prepare(request, launcher=load_janitor, rate=SHORT, deadline=0.5) as run:
            run.finish()
    assert len(run.samples) == 10
    assert set(run.samples.errors) <= {"tls", "reset", "timeout"}
    assert run.samples.failures == 10


def test_a_failure_in_the_middle_of_an_answer_has_its_own_category(secure: str, load_janitor: Janitor) -> None:
    with prepare(Get(f"{secure}/short", verify=False), launcher=load_janitor, rate=SHORT, deadline=1) as run:
        run.finish()
    assert run.samples.errors == {"reset": 10}


def test_a_file_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match=r"verify='/nowhere\.pem': there is no such file"):
        Request("https://127.0.0.1/", verify="/nowhere.pem")
    with pytest.raises(UsageError, match=r"cert='/nowhere\.pem': there is no such file"):
        Request("https://127.0.0.1/", cert=(CERTIFICATE, "/nowhere.pem"))
    with pytest.raises(UsageError, match=r"cert='/nowhere\.pem': there is no such file"):
        WebSocket("wss://127.0.0.1/", cert="/nowhere.pem")


@pytest.mark.parametrize("wrong", [(), ("a", "b", "c"), (1, 2)])
def test_what_cannot_be_a_certificate_and_its_key_is_refused_at_once(wrong: object) -> None:
    with pytest.raises(UsageError, match="cert=.*a certificate and its key, or a tuple of two files"):
        Request("https://127.0.0.1/", cert=wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mutual() -> Iterator[str]:
    with load_server.in_thread(secure=True, mutual=True) as url:
        yield url


def test_a_service_that_asks_who_its_client_is_is_told(mutual: str, load_janitor: Janitor, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(CERTIFICATE.read_bytes() + KEY.read_bytes())
    for cert in ((CERTIFICATE, KEY), str(both)):
        what = Get(f"{mutual}/ok", verify=CERTIFICATE, cert=cert)
        with prepare(what, launcher=load_janitor, rate=SHORT) as run:
            run.finish()
        assert (len(run.samples), run.samples.errors, run.samples.statuses) == (10, {}, {200})


@contextmanager
def refusing() -> Iterator[str]:
    """Refuse whoever shows no certificate, in so many words: asyncio's own server just hangs up."""
    context = load_server.certificate(mutual=True)

    def work(listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            client = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            with suppress(ssl.SSLError):
                client.do_handshake()
            with suppress(OSError):
                socket.socket.shutdown(client, socket.SHUT_WR)
                while socket.socket.recv(client, 4096):  # what is left unread would reset the connection
                    pass
            client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=work, args=(listener,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_client_whom_the_service_does_not_know_fails_in_the_category_of_tls(
    load_janitor: Janitor,
) -> None:
    with refusing() as url:
        with prepare(Get(f"{url}/ok", verify=CERTIFICATE), launcher=load_janitor, rate=SHORT, deadline=5) as run:
            run.finish()
    assert run.samples.failures == 10
    assert run.samples.errors == {"tls": 10}, run.examples


def test_a_key_that_is_not_the_certificates_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cert=.*cannot be used"):
        tls.context(CERTIFICATE, cert=CERTIFICATE)  # no key in it


@pytest.mark.parametrize("cert", [None, (CERTIFICATE, KEY)])
def test_websockets_are_held_over_tls(load_janitor: Janitor, cert: tuple[Path, Path] | None) -> None:
    with socket_server.in_thread(tls=load_server.certificate(mutual=cert is not None)) as seen:
        chat = WebSocket(f"{seen.url}/echo", send="ping", every=0.1, expect="ping", verify=CERTIFICATE, cert=cert)
        with prepare(chat, launcher=load_janitor, users=3, deadline=5) as run:
            run.hold(0.5)
    assert run.samples.errors == {}, run.examples
    assert seen.url.startswith("wss://") and seen.codes == [1000] * 3
    assert len(run.samples.named("message /echo")) >= 9


def test_a_websocket_to_a_service_that_is_not_trusted_fails_in_the_category_of_tls(load_janitor: Janitor) -> None:
    with socket_server.in_thread(tls=load_server.certificate()) as seen:
        with prepare(WebSocket(f"{seen.url}/echo"), launcher=load_janitor, users=1, deadline=5) as run:
            run.hold(0.3)
    assert run.samples.errors.keys() == {"tls"}
    assert seen.most == 0


def test_a_file_without_certificates_is_told_before_the_first_arrival(load_janitor: Janitor, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(UsageError, match="its certificates cannot be read"):
        tls.context(empty)
    run = prepare(Get("https://127.0.0.1:9/", verify=empty), launcher=load_janitor, rate=1)
    with pytest.raises((UsageError, SetupFailed), match="its certificates cannot be read"), run:
        raise AssertionError("the run has begun")


def test_the_usual_ports_are_left_out_of_the_host_header() -> None:
    assert Get("https://h/").address.authority == "h"
    assert Get("https://h:80/").address.authority == "h:80"
