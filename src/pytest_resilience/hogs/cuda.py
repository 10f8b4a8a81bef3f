"""The little of NVIDIA's driver library that takes memory of a GPU."""

from __future__ import annotations

import ctypes
from typing import Protocol

from pytest_resilience.hogs.host import Room
from pytest_resilience.hogs.taker import NotHere

LIBRARY = "libcuda.so.1"
_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY


class Call(Protocol):
    """A function of the library: 0 is success."""

    def __call__(self, *arguments: object) -> int:
        """Call it."""


class Library(Protocol):
    """The library, or what stands in for it: functions by their names."""

    def __getattr__(self, name: str) -> Call: ...


class Full(Exception):
    """The GPU has no memory left for it."""


def load() -> Library:
    """Return the driver library.

    :raises NotHere: there is none.
    """
    try:
        library: Library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise NotHere(
            f"there is no NVIDIA GPU here: {LIBRARY} cannot be loaded ({error}). Run on a machine with a GPU and its "
            "driver; in a container, with `docker run --gpus all`"
        ) from error
    return library


class Gpu:
    """One GPU, as far as its memory goes.

    :param index: of the GPUs that CUDA_VISIBLE_DEVICES leaves.
    :raises NotHere: there is no such GPU.
    """

    def __init__(self, library: Library, index: int) -> None:
        self._library = library
        try:
            self._do("cuInit", 0)
            count = ctypes.c_int()
            self._do("cuDeviceGetCount", ctypes.byref(count))
        except RuntimeError as error:
            raise NotHere(f"there is no NVIDIA GPU that can be used here: {error}") from error
        if index >= count.value:
            raise NotHere(f"there is no NVIDIA GPU {index} here: {count.value} can be seen, numbered from 0")
        self._device, context = ctypes.c_int(), ctypes.c_void_p()
        self._do("cuDeviceGet", ctypes.byref(self._device), index)
        self._do("cuDevicePrimaryCtxRetain", ctypes.byref(context), self._device)
        self._do("cuCtxSetCurrent", context)

    def room(self) -> Room:
        """Return how much memory it has, and how much is free."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._do("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return Room(total.value, free.value)

    def take(self, size: int) -> int:
        """Allocate so many bytes; return where they are.

        :raises Full: it has not as many.
        """
        place = ctypes.c_uint64()
        status = self._library.cuMemAlloc_v2(ctypes.byref(place), ctypes.c_size_t(size))
        if status == _OUT_OF_MEMORY:
            raise Full
        if status:
            raise RuntimeError(self._words("cuMemAlloc_v2", status))
        return place.value

    def free(self, place: int) -> None:
        """Free what is there."""
        self._do("cuMemFree_v2", ctypes.c_uint64(place))

    def close(self) -> None:
        """Let it go."""
        self._do("cuDevicePrimaryCtxRelease_v2", self._device)

    def _do(self, name: str, *arguments: object) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise RuntimeError(self._words(name, status))

    def _words(self, name: str, status: int) -> str:
        text = ctypes.c_char_p()
        self._library.cuGetErrorString(status, ctypes.byref(text))
        return f"{name} failed with {status} ({(text.value or b'unknown').decode()})"
