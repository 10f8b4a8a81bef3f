"""An answer whose head is known is taken without parsing, and only where that cannot be wrong."""

from __future__ import annotations

import pytest

from pytest_resilience.load.driver import heads
from pytest_resilience.load.driver.heads import MOST, Heads

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def test_a_head_is_known_once_its_answer_was_whole() -> None:
    found = Heads()
    found.learn(HEAD + b"ok", 200)
    assert found.known == {HEAD: (200, 2)}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 103 Hints\r\nContent-Length: 0\r\n\r\n" + HEAD + b"ok", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n", 100),
    ],
)
def test_a_head_that_does_not_settle_the_length_is_parsed_every_time(answer: bytes, status: int) -> None:
    found = Heads()
    found.learn(answer, status)
    assert not found.known


def test_a_service_with_a_new_head_for_each_answer_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Heads()
    for number in range(3 * MOST):
        found.learn(b"HTTP/1.1 200 OK\r\nX-Id: %d\r\nContent-Length: 0\r\n\r\n" % number, 200)
    assert len(found.known) <= 1


def test_a_service_with_a_new_head_every_second_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(heads.time, "monotonic", lambda: now[0])
    found = Heads()
    for number in range(3 * MOST):
        now[0] += 1
        found.learn(b"HTTP/1.1 200 OK\r\nDate: %d\r\nContent-Length: 0\r\n\r\n" % number, 200)
        assert len(found.known) == number % MOST + 1
