"""Requests over TLS: who is trusted, and what it is called when nobody is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import load_server
import pytest

from pytest_resilience.errors import SetupFailed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.driver import tls
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get, Request

if sys.version_info < (3, 11):
    # The test's own server runs on asyncio, whose TLS there warns of transports that the other side has closed.
    pytestmark = pytest.mark.filterwarnings("ignore:.*_SSLProtocolTransport:pytest.PytestUnraisableExceptionWarning")

CERTIFICATE = Path(__file__).parent / "certificate" / "certificate.pem"
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
