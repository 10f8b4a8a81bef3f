"""A mix does each of its parts as often as it says, and keeps them apart."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call, user
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.mix import Mix, mix
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get, Post
from pytest_resilience.load.websocket import WebSocket
from pytest_resilience.options import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Server

URL = "http://127.0.0.1:9/slots"


async def nothing() -> None:
    """Do nothing."""


def test_every_round_holds_each_part_as_often_as_its_weight() -> None:
    deal = mix((3, Get(URL)), (1, Post(URL)), (2, nothing)).rounds(7)
    for _ in range(10):
        assert Counter(islice(deal, 6)) == {0: 3, 1: 1, 2: 2}


def test_the_order_is_drawn_from_the_seed() -> None:
    parts = mix((5, Get(URL)), (5, nothing))
    one, same, other = ([*islice(parts.rounds(seed), 40)] for seed in (1, 1, 2))
    assert one == same != other


def test_parts_have_samples_of_their_own_name(server: Server, load_janitor: Janitor) -> None:
    @user
    async def reader() -> AsyncIterator[object]:
        async def read(call: Call) -> int:
            return call.index

        yield read

    shop = mix((6, Get(f"{server.url}/ok")), (3, Post(f"{server.url}/status/503")), (1, reader))
    with prepare(shop, launcher=load_janitor, rate=steady(200, lasting=0.2)) as run:
        run.finish()
    assert {name: len(run.samples.named(name)) for name in ("GET /ok", "POST /status/503", "reader")} == {
        "GET /ok": 24, "POST /status/503": 12, "reader": 4,
    }  # fmt: skip
    assert not run.samples.named("GET /ok").failures
    assert run.samples.named("POST /status/503").errors == {"status 503": 12}
    assert len(set(run.samples.returned)) == 4
    assert sorted(sample.due for sample in run.samples) == pytest.approx([run.began + k / 200 for k in range(40)])


def test_users_do_the_parts_of_a_mix_one_after_the_other(server: Server, load_janitor: Janitor) -> None:
    with prepare(mix((1, Get(f"{server.url}/ok")), (1, nothing)), launcher=load_janitor, users=2, drivers=2) as run:
        run.hold(0.2)
    counts = [len(run.samples.named(name)) for name in ("GET /ok", "nothing")]
    assert sum(counts) == len(run.samples)
    assert abs(counts[0] - counts[1]) <= 2


def test_a_part_without_a_deadline_has_that_of_the_run(server: Server, load_janitor: Janitor) -> None:
    parts = mix((1, Get(f"{server.url}/hang", deadline=0.4)), (1, Post(f"{server.url}/hang")))
    with prepare(parts, launcher=load_janitor, rate=steady(100, lasting=0.1), deadline=0.1) as run:
        run.finish()
    assert run.samples.errors == {"timeout": 10}
    assert min(run.samples.named("GET /hang").latencies) >= 0.4
    assert min(run.samples.named("POST /hang").latencies) < 0.3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: mix(), "at least one part"),
        (lambda: mix(Get(URL)), r"expected \(weight, what\)"),
        (lambda: mix((0, Get(URL))), "whole number from 1"),
        (lambda: mix((0.5, Get(URL))), "whole number from 1"),
        (lambda: mix((True, Get(URL))), "whole number from 1"),
        (lambda: mix((1, Get(URL)), (2, Get(URL + "?x"))), "2 parts are named 'GET /slots'"),
        (lambda: mix((1, lambda: 1), (1, lambda: 2)), "2 parts are named '<lambda>'"),
        (lambda: mix((20_000, Get(URL))), "give smaller ones"),
        (lambda: mix((1, WebSocket("ws://127.0.0.1/"))), "held and not called"),
        (lambda: mix((1, mix((1, Get(URL))))), "weights do not nest"),
        (lambda: mix((1, None)), "of type NoneType"),
    ],
)
def test_a_mix_that_cannot_be_meant_is_refused_at_once(wrong: object, message: str) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError, match=message):
        wrong()


def test_every_part_has_to_be_allowed(load_janitor: Janitor) -> None:
    load = Loader(load_janitor, seed=7, allowed=Options().check_target)
    with pytest.raises(TargetNotAllowed):
        load(mix((1, Get(URL)), (1, Post("http://shop.example/"))), rate=1)


def test_a_mix_says_what_it_is() -> None:
    assert repr(mix((3, Get(URL)), (1, nothing))) == "<mix of 3 GET /slots, 1 nothing>"
    assert isinstance(mix((1, nothing)), Mix)
