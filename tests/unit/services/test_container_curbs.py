"""A limit below what a container has in memory: the kernel takes back what it can, and is asked again while it does."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_resilience.errors import Unsupported, UsageError
from pytest_resilience.services import container_curbs
from pytest_resilience.services.container_curbs import UpdatedMemory

MIB = 2**20
BUSY = (
    "Cannot update container d57e: runc did not terminate successfully: exit status 1: unable to set memory limit to "
    "53821440 (current usage: 61132800, peak usage: 61132800)"
)
OLDER = "write /sys/fs/cgroup/memory/docker/d57e/memory.limit_in_bytes: device or resource busy"


class Box:
    """A container whose daemon refuses as often as it has answers."""

    name = "box"
    client = None

    def __init__(self, *refusals: str) -> None:
        self.refusals = list(refusals)
        self.limits: dict[str, int] = {}
        self.attrs: dict[str, Any] = {"State": {"OOMKilled": False, "Running": True}, "HostConfig": {"Memory": 0}}

    def reload(self) -> None:
        self.attrs["HostConfig"]["Memory"] = self.limits.get("mem_limit", 0)

    def update(self, **limits: int) -> dict[str, object]:
        from docker.errors import APIError

        if self.refusals:
            raise APIError("500 Server Error", explanation=self.refusals.pop(0))
        self.limits = limits
        return {}


@pytest.fixture(autouse=True)
def _docker() -> None:
    pytest.importorskip("docker")


@pytest.mark.parametrize("said", [BUSY, OLDER])
def test_what_is_in_the_way_is_reclaimed_by_asking_again(said: str) -> None:
    box = Box(said, said)
    cap = UpdatedMemory("worker", box, None, 64 * MIB)  # type: ignore[arg-type]
    assert cap.read() == 64 * MIB
    assert not box.refusals
    cap._watch.end()


def test_what_cannot_be_reclaimed_is_a_mistake_and_no_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_curbs, "_RECLAIM", 0.05)
    with pytest.raises(UsageError, match=r"worker: uses more than .*67108864.* already.*current usage: 61132800.*more"):
        UpdatedMemory("worker", Box(*[BUSY] * 1000), None, 64 * MIB)  # type: ignore[arg-type]


def test_another_refusal_is_not_repeated() -> None:
    box = Box("Your kernel does not support memory limit capabilities", BUSY)
    with pytest.raises(Unsupported, match="does not support memory limit"):
        UpdatedMemory("worker", box, None, 64 * MIB)  # type: ignore[arg-type]
    assert box.refusals == [BUSY]
