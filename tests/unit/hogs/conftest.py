"""Hogs on a janitor of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_host import FakeHost

from pytest_resilience import Hogs
from pytest_resilience.hogs.host import Host
from pytest_resilience.janitor import Janitor
from pytest_resilience.options import Options


@pytest.fixture
def janitor(tmp_path: Path) -> Iterator[Janitor]:
    janitor = Janitor.start(directory=tmp_path / "state")
    yield janitor
    assert not janitor.close()


@pytest.fixture
def hogs(janitor: Janitor) -> Hogs:
    return Hogs(janitor, allowed=Options().check_target)


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "host")


@pytest.fixture
def on_fake(janitor: Janitor, fake: FakeHost) -> Hogs:
    """Hogs that believe in the fake host."""
    return Hogs(janitor, allowed=Options().check_target, host=Host(str(fake.root)))
