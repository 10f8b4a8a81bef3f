"""The faults that end connections or lose data: each bites, says what it touched, and is gone when it heals."""

from __future__ import annotations

import socket
from itertools import islice

import pytest
from echo_harness import ask, connect, is_reset
from links_harness import falls_silent, is_closed, read_exactly

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.links.refusing import durations
from pytest_resilience.waiting import wait_until


def test_half_open_accepts_new_connections_and_never_answers_while_old_ones_live(link):
    with connect(link) as old:
        ask(old)
        with link.half_open() as fault:
            new = connect(link)
            new.sendall(b"hello?")
            assert falls_silent(new)
            ask(old)
            assert fault.receipt.counts == {"connections_unanswered": 1, "chunks_swallowed": 1, "bytes_swallowed": 6}
        ask(old)
        assert is_closed(new)
        new.close()
        with connect(link) as later:
            ask(later)


def test_half_open_counts_a_connection_on_which_nobody_speaks(link):
    with link.half_open() as fault, connect(link) as new:
        wait_until(lambda: fault.receipt.counts["connections_unanswered"] == 1, within=5)
        assert falls_silent(new)


def test_reset_resets_live_connections_at_once_idle_or_not(link):
    with connect(link) as idle, connect(link) as busy:
        ask(idle)
        ask(busy)
        with link.reset() as fault:
            assert is_reset(idle)
            assert is_reset(busy)
    assert fault.receipt.counts == {"connections_reset": 2}


def test_reset_resets_new_connections_at_their_first_byte(link):
    with link.reset() as fault, connect(link) as new:
        assert falls_silent(new)
        new.sendall(b"x")
        assert is_reset(new)
    assert fault.receipt.counts == {"connections_reset": 1}
    with connect(link) as later:
        ask(later)


def test_only_new_connections_can_be_reset(link):
    with connect(link) as old:
        ask(old)
        with link.reset(only_new=True) as fault, connect(link) as new:
            new.sendall(b"x")
            assert is_reset(new)
            ask(old)
        ask(old)
    assert fault.receipt.counts == {"connections_reset": 1}


@pytest.mark.parametrize("live", [True, False], ids=["live", "new"])
def test_an_answer_is_broken_off_in_the_middle(link, live):
    early = connect(link) if live else None
    if early:
        ask(early)
    with link.reset(direction="downstream", after_bytes=1000) as fault:
        with early or connect(link) as end:
            ask(end, b"x" * 1000)
            end.sendall(b"y" * 500)
            assert is_reset(end)
    assert fault.receipt.counts == {"connections_reset": 1}


def test_a_limited_link_cuts_an_answer_short_and_closes_in_good_order(link):
    with connect(link) as old, link.limited(10) as fault:
        for end in (old, connect(link)):
            end.sendall(b"0123456789abcdef")
            assert read_exactly(end, 99) == b"0123456789"
            end.close()
    assert fault.receipt.counts == {"connections_cut_short": 2}


def test_a_limit_that_was_not_reached_did_not_bite(link):
    with connect(link) as end, pytest.raises(FaultDidNotBite, match=r"echo\.limited touched nothing"):
        with link.limited(1000):
            ask(end)


def test_a_flapping_link_goes_down_and_up_by_itself_and_stays_up_after_its_heal(link):
    def is_up() -> bool:
        try:
            connect(link).close()
        except ConnectionRefusedError:
            return False
        return True

    with link.flapping(up=0.05, down=0.05) as fault:
        assert not is_up()
        wait_until(is_up, within=5)
        wait_until(lambda: not is_up(), within=5)
        wait_until(is_up, within=5)
    seen = [is_up() for _ in range(30)]
    assert seen == [True] * 30
    assert fault.receipt.counts["times_down"] >= 2
    with connect(link) as end:
        ask(end)


def test_the_turns_of_a_flapping_come_from_the_seed():
    def drawn(seed: str, jitter: float) -> list[float]:
        return list(islice(durations(seed, 1.0, 0.5, jitter), 20))

    assert drawn("7/echo", 0.0) == [0.5, 1.0] * 10
    assert drawn("7/echo", 0.4) == drawn("7/echo", 0.4) != drawn("8/echo", 0.4)
    assert all(
        0.6 * each <= turn <= 1.4 * each for turn, each in zip(drawn("7/echo", 0.4), [0.5, 1.0] * 10, strict=True)
    )


def test_no_thread_outlives_a_flapping(link):
    import threading

    before = set(threading.enumerate())
    with link.flapping(up=60, down=60, optional=True):
        assert any("flapping" in thread.name for thread in set(threading.enumerate()) - before)
    assert not any("flapping" in thread.name for thread in threading.enumerate())


def test_a_flapping_that_nobody_met_did_not_bite(link):
    with pytest.raises(FaultDidNotBite), link.flapping(up=0.01, down=0.01):
        pass


def test_a_receipt_can_be_read_while_the_fault_is_in_force(link):
    with connect(link) as end, link.severed(silently=True) as fault:
        end.sendall(b"hello?")
        wait_until(lambda: fault.receipt.counts["bytes_dropped"] == 6, within=5)
        end.sendall(b"hello?")
        wait_until(lambda: "bytes dropped 12" in repr(fault), within=5)


def test_a_receipt_stays_readable_when_the_server_does_not_answer(link, link_server, monkeypatch):
    with connect(link) as end, link.slowed(0.001) as fault:
        ask(end)
        assert fault.receipt.counts["bytes_delayed"] == 8
        with monkeypatch.context() as without:
            without.setattr(link_server.client, "port", 1)
            assert "bytes delayed 8" in str(fault.receipt)


def test_the_toxics_of_a_reset_are_only_there_while_it_is_in_force(link, link_server):
    with link.reset(optional=True):
        names = [toxic.name for toxic in link_server.client.proxy(link.name).toxics]
        assert names == ["reset_upstream", "reset_downstream"]
    assert link_server.client.proxy(link.name).toxics == ()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda link: link.limited(-1), "echo.limited: size=-1 must be a whole number, 0 or more"),
        (lambda link: link.limited(1.5), "size=1.5 must be a whole number"),
        (lambda link: link.limited(True), "size=True must be a whole number"),
        (lambda link: link.severed(first=2), "first=2 needs silently=True"),
        (lambda link: link.severed(after_bytes=2), "after_bytes=2 needs silently=True"),
        (lambda link: link.half_open(first=0), "first=0 must be a whole number, 1 or more"),
        (lambda link: link.reset(every=0), "every=0 must be a whole number, 1 or more"),
        (lambda link: link.reset(after_bytes=-1), "after_bytes=-1 must be a whole number"),
        (lambda link: link.reset(toxicity=0), "toxicity=0 must be a share"),
        (lambda link: link.flapping(up=0, down=1), "up=0 must be at least 0.001 seconds"),
        (lambda link: link.flapping(up=1, down="1"), "down='1' must be seconds"),
        (lambda link: link.flapping(up=1, down=1, jitter=1), "jitter=1 must be a share, from 0 and below 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_said(link, misuse, message):
    with pytest.raises(UsageError) as refusal:
        misuse(link)
    assert message in str(refusal.value)


def test_the_service_is_reset_as_well(road):
    from pytest_resilience.links.toxiproxy import Toxic

    client, service = road.connect()
    road.client.add_toxic(road.name, Toxic("r", "reset_peer", attributes={"live": 1}))
    for end in (client, service):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    assert isinstance(client, socket.socket)
