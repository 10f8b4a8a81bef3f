"""Redis crashes while people talk. They are told when words may be lost, and when no longer; none is lost unsaid."""

from __future__ import annotations

import json

import pytest
from harness import Clinic
from websockets.sync.client import ClientConnection, connect

from pytest_resilience import RedisServer, Service

Frame = dict[str, object]


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "Rooms lose Redis",
    symptom="Members are sent `interrupted`; what they say is answered with an `error`, until `restored`.",
    detection="Instances log `subscription lost`; `/ready` is 503 with `redis` among what is missing.",
    mitigation=[
        "Bring Redis back; the instances subscribe again by themselves within half a second.",
        "Have clients say again what was answered with an error.",
    ],
)
@pytest.mark.catches("room-silent-loss", by="interrupted")
@pytest.mark.catches("room-never-restored", by="restored")
def test_members_of_a_room_know_when_words_may_be_lost(clinic: Clinic, redis_server: RedisServer) -> None:
    with enter(clinic(name="one")) as ada, enter(clinic(name="two")) as ben:
        assert [told(ada), told(ben)] == ["joined", "joined"]
        ada.send("before")
        assert [heard(ada)["text"], heard(ben)["text"]] == ["before", "before"]
        with redis_server.killed():
            assert [told(ada), told(ben)] == ["interrupted", "interrupted"]
            ben.send("meanwhile")
            refused = heard(ben)
            assert (refused["type"], refused.get("text")) == ("error", "meanwhile")
        assert [told(ada), told(ben)] == ["restored", "restored"]
        ben.send("after")
        assert [heard(ada)["text"], heard(ben)["text"]] == ["after", "after"]


def enter(instance: Service) -> ClientConnection:
    return connect(f"{instance.url.replace('http', 'ws')}/rooms/tea")


def told(member: ClientConnection) -> object:
    return heard(member)["type"]


def heard(member: ClientConnection) -> Frame:
    """Return what the member is sent next; of the type `silence` if that is nothing for some seconds."""
    try:
        frame: Frame = json.loads(member.recv(timeout=5))
    except TimeoutError:
        return {"type": "silence"}
    return frame
