"""NVIDIA's driver library, as far as a hog calls it, over a GPU that is not there."""

from __future__ import annotations

import ctypes
from typing import Any

OUT_OF_MEMORY, INVALID_VALUE = 2, 1


class FakeCuda:
    """Keeps accounts of what is allocated; `others` is what other programs hold."""

    def __init__(self, total: int, *, others: int = 0, count: int = 1, broken: int = 0) -> None:
        self.total, self.others, self.count, self.broken = total, others, count, broken
        self.held: dict[int, int] = {}
        self.contexts = 0
        self._next = 4096

    @property
    def free(self) -> int:
        return self.total - self.others - sum(self.held.values())

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self.broken

    def cuGetErrorString(self, status: int, text: Any) -> int:  # noqa: N802
        text._obj.value = b"no CUDA-capable device is detected"
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.count
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        device._obj.value = index
        return 0

    def cuDevicePrimaryCtxRetain(self, context: Any, device: Any) -> int:  # noqa: N802
        context._obj.value = 77
        self.contexts += 1
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, device: Any) -> int:  # noqa: N802
        self.contexts -= 1
        return 0

    def cuCtxSetCurrent(self, context: ctypes.c_void_p) -> int:  # noqa: N802
        return 0 if context.value == 77 else INVALID_VALUE

    def cuMemGetInfo_v2(self, free: Any, total: Any) -> int:  # noqa: N802
        free._obj.value, total._obj.value = max(0, self.free), self.total
        return 0

    def cuMemAlloc_v2(self, place: Any, size: ctypes.c_size_t) -> int:  # noqa: N802
        if size.value > self.free:
            return OUT_OF_MEMORY
        self._next += 4096
        self.held[self._next] = size.value
        place._obj.value = self._next
        return 0

    def cuMemFree_v2(self, place: ctypes.c_uint64) -> int:  # noqa: N802
        return 0 if self.held.pop(place.value, None) else INVALID_VALUE
