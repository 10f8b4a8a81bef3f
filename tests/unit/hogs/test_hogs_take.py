"""Each hog takes what it was asked for, says so by what the host shows, and gives it back."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from hog_harness import own

from pytest_resilience import FaultDidNotBite, Hogs, UsageError, together
from pytest_resilience.hogs.cpu import CpuHog
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.process import HogProcess
from pytest_resilience.janitor import Janitor
from pytest_resilience.waiting import wait_until

MIB = 1024**2


def test_memory_is_resident_and_given_back(hogs: Hogs) -> None:
    with hogs.memory(bytes=64 * MIB) as episode:
        [process] = own()
        assert process.memory_info().rss > 64 * MIB
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip() == "1000"
    assert episode.receipt.counts["bytes_taken"] == 64 * MIB
    assert not own()


def test_memory_is_taken_up_to_a_share_of_the_host(hogs: Hogs) -> None:
    share = Host().memory().share + 0.02
    with hogs.memory(share=share) as episode:
        assert episode.receipt.counts["share_in_use"] == pytest.approx(share, abs=0.01)
    assert "fell_short" not in episode.receipt.counts


def test_disk_space_is_taken_by_nothing_that_could_stay(hogs: Hogs, tmp_path: Path) -> None:
    with hogs.disk(bytes=64 * MIB, path=tmp_path) as episode:
        [process] = own()
        files = [
            path for path in Path(f"/proc/{process.pid}/fd").iterdir() if "resilience-hog-" in str(path.readlink())
        ]
        [file] = [path.stat() for path in files]
        assert file.st_blocks * 512 >= 64 * MIB
        assert file.st_nlink == 0
    assert episode.receipt.counts["bytes_taken"] == 64 * MIB
    assert not list(tmp_path.glob(".pytest-resilience-*"))


def test_all_cpus_are_busy_and_then_not(hogs: Hogs) -> None:
    with hogs.cpu() as episode:
        psutil.cpu_percent()
        wait_until(lambda: psutil.cpu_percent(0.3) > 80, within=10)
        [program] = [one for one in own() if one.children()]
        assert len(program.children()) == len(os.sched_getaffinity(0))
    assert float(episode.receipt.counts["busy_share"]) > 0.8
    assert float(episode.receipt.counts["cpu_seconds"]) > 0
    assert not own()


def test_a_burned_part_follows_what_others_use() -> None:
    hog = CpuHog(0.5, 0, fall_short=False, optional=False)
    counts = {"cpus": 2, "busy_share": 0.6}
    assert hog.reached([counts]) == counts
    with pytest.raises(FaultDidNotBite, match="burned nothing"):
        hog.freed([{**counts, "cpu_seconds": 0.0}])
    with pytest.raises(FaultDidNotBite, match=r"hogs.cpu\(share=0.5\): the CPUs .* reached share 0.30"):
        hog.reached([{**counts, "busy_share": 0.3, "why": "the CPUs were not busier"}])


def test_hogs_combine_and_bite_as_one(hogs: Hogs, tmp_path: Path) -> None:
    both = together(hogs.memory(bytes=8 * MIB), hogs.disk(bytes=8 * MIB, path=tmp_path))
    with both as episode:
        assert len(own()) == 2
    assert episode.receipt.counts["hogs.memory.bytes_taken"] == 8 * MIB
    assert not own()


def test_a_share_that_others_hold_already_takes_nothing_and_says_so(hogs: Hogs) -> None:
    with pytest.raises(FaultDidNotBite, match="took nothing, for others hold share"), hogs.memory(share=0.001):
        pass
    with hogs.memory(share=0.001, optional=True) as episode:
        pass
    assert episode.receipt.counts["bytes_taken"] == 0


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("cpu", {"share": 0}, r"hogs.cpu\(share=0\): expected a share of the whole, above 0"),
        ("cpu", {"share": 90}, "at most 1, such as 0.9"),
        ("cpu", {"share": True}, "expected a share"),
        ("cpu", {"nice": -1}, r"nice=-1\): expected a whole number from 0 to 19"),
        ("memory", {"share": 0.5, "bytes": 10}, "expected one of the two"),
        ("memory", {"bytes": 0}, r"bytes=0\): expected a whole number, one or more"),
        ("memory", {"share": "0.9"}, "expected a share"),
        ("disk", {}, "expected one of the two"),
        ("disk", {"bytes": 1, "path": "/not/there"}, "expected a directory that exists"),
        ("disk", {"bytes": 1, "path": 3}, "expected a directory that exists"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_call(
    hogs: Hogs, name: str, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        getattr(hogs, name)(**arguments)


def test_a_body_that_fails_leaves_nothing(hogs: Hogs, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hogs.disk(bytes=MIB, path=tmp_path), hogs.memory(bytes=MIB):
        raise ZeroDivisionError
    assert not own()
    assert not list(tmp_path.glob(".pytest-resilience-*"))


def test_a_hog_whose_line_is_closed_ends(janitor: Janitor) -> None:
    hog = HogProcess(janitor, "hogs.memory", {"resource": "memory", "left": -1, "bytes": MIB, "root": "/"})
    assert hog.struck(10)["state"] == "holding"
    [process] = own()
    hog._hang_up()
    assert process.wait(10) == 0
    hog.close()
