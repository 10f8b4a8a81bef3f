"""Memory of a GPU: the arithmetic, and the calls, on a driver library that is not there."""

from __future__ import annotations

import pytest
from fake_cuda import OUT_OF_MEMORY, FakeCuda
from hypothesis import given
from hypothesis import strategies as st

from pytest_resilience import FaultDidNotBite, Hogs, Unsupported, UsageError
from pytest_resilience.hogs import floor
from pytest_resilience.hogs.cuda import LIBRARY, Gpu, load
from pytest_resilience.hogs.host import Room
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, NotHere
from pytest_resilience.hogs.vram import CHUNK, CLOSE, VramHog, VramTaker, chunk, target

GIB = 1024**3
MIB = 1024**2


def gpu_here() -> bool:
    try:
        Gpu(load(), 0).close()
    except NotHere:
        return False
    return True


def taker(cuda: FakeCuda, share: float, *, fall_short: bool = False) -> VramTaker:
    hog = VramTaker({"share": share, "gpu": 0, "fall_short": int(fall_short)}, cuda)
    while hog.step() == TAKING:
        pass
    return hog


@given(st.integers(min_value=0, max_value=2**40), st.integers(min_value=0, max_value=2**40), st.floats(0.001, 1))
def test_chunks_leave_the_floor_and_what_was_asked_for(total: int, left: int, share: float) -> None:
    room = Room(total, min(left, total))
    more = chunk(room, target(total, share))
    assert 0 <= more <= CHUNK
    assert more % CLOSE == 0
    if more:
        assert room.left - more >= max(target(total, share), floor.vram(total))


@given(st.integers(min_value=GIB, max_value=2**40), st.floats(0.01, 0.9))
def test_chunks_come_to_what_was_asked_for(total: int, share: float) -> None:
    left = total
    for _ in range(total // CHUNK + 2):
        left -= chunk(Room(total, left), target(total, share))
    wanted = max(target(total, share), floor.vram(total))
    assert wanted <= left < wanted + CLOSE


def test_a_share_is_taken_held_and_freed() -> None:
    cuda = FakeCuda(16 * GIB, others=2 * GIB)
    hog = taker(cuda, 0.9)
    assert hog.step() == HOLDING
    counts = hog.counts()
    assert counts["share_in_use"] == pytest.approx(0.9, abs=0.001)
    assert counts["bytes_taken"] == pytest.approx(12.4 * GIB, abs=CLOSE)
    assert VramHog(0.9, 0, fall_short=False, optional=False).reached([counts])["share_in_use"] == pytest.approx(
        0.9, abs=0.001
    )
    assert hog.release() == 0
    assert cuda.free == 14 * GIB
    assert not cuda.contexts


def test_what_would_leave_less_than_the_floor_takes_nothing_unless_it_may_fall_short() -> None:
    cuda = FakeCuda(16 * GIB)
    hog = taker(cuda, 0.99)
    assert (hog.step(), cuda.free) == (SHORT, 16 * GIB)
    with pytest.raises(
        FaultDidNotBite, match=r"share=0.99, gpu=0\): the floor is 327.7 MiB of its 16 GiB, share 0.980"
    ):
        VramHog(0.99, 0, fall_short=False, optional=False).reached([hog.counts() | {"why": hog.why}])
    short = taker(cuda, 0.99, fall_short=True)
    assert cuda.free == pytest.approx(floor.vram(16 * GIB), abs=CLOSE)
    said = VramHog(0.99, 0, fall_short=True, optional=False).reached([short.counts() | {"why": short.why}])
    assert said["fell_short"] == "stopped at the floor of 327.7 MiB free: reached share 0.980"


def test_what_others_need_more_is_given_back() -> None:
    cuda = FakeCuda(16 * GIB)
    hog = taker(cuda, 0.95)
    cuda.others = 700 * MIB
    hog.step()
    assert cuda.free >= floor.vram(16 * GIB)
    assert hog.counts()["bytes_given_back"]


def test_memory_in_pieces_is_short_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(16 * GIB)
    hog = VramTaker({"share": 0.5, "gpu": 0, "fall_short": 0}, cuda)
    hog.step()
    monkeypatch.setattr(cuda, "cuMemAlloc_v2", lambda *_: OUT_OF_MEMORY)
    while hog.step() == TAKING:
        pass
    assert hog.why == "was refused more (out of memory)"


@pytest.mark.parametrize(
    ("cuda", "words"),
    [
        (FakeCuda(GIB, broken=100), "can be used here: cuInit failed with 100 .no CUDA-capable device"),
        (FakeCuda(GIB, count=0), "no NVIDIA GPU 0 here: 0 can be seen"),
    ],
    ids=["broken", "none"],
)
def test_no_gpu_is_said_with_the_reason(cuda: FakeCuda, words: str) -> None:
    with pytest.raises(NotHere, match=words):
        Gpu(cuda, 0)


def test_another_failure_of_the_driver_is_no_shortage() -> None:
    gpu = Gpu(FakeCuda(GIB), 0)
    with pytest.raises(RuntimeError, match="cuMemFree_v2 failed with 1"):
        gpu.free(12345)


def test_without_a_gpu_the_test_is_skipped_and_with_one_it_is_filled(hogs: Hogs) -> None:
    if not gpu_here():
        with pytest.raises(Unsupported, match="hogs.vram: there is no NVIDIA GPU"), hogs.vram(share=0.1):
            pytest.fail("was struck")
        return
    room = Gpu(load(), 0).room()
    with hogs.vram(share=room.share + 0.1) as episode:
        assert Gpu(load(), 0).room().left < room.left
    assert episode.receipt.counts["share_in_use"] == pytest.approx(room.share + 0.1, abs=0.02)


@pytest.mark.parametrize("arguments", [{"share": 0}, {"share": 2}, {"gpu": -1}, {"gpu": "0"}])
def test_what_cannot_be_meant_is_refused(hogs: Hogs, arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"hogs.vram\("):
        hogs.vram(**arguments)  # type: ignore[arg-type]


def test_the_library_is_the_drivers_own() -> None:
    assert LIBRARY == "libcuda.so.1"  # not the runtime's: CuPy and PyTorch both stand on it
