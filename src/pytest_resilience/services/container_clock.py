"""The clock of a container: its own by way of libfaketime, which the dynamic loader is told of in its file system.

Its environment is what it was created with, so there is no LD_PRELOAD to be set; `/etc/ld.so.preload` does the same.
"""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from pytest_resilience.errors import Unsupported
from pytest_resilience.services.faketime import ENABLING, MACHINES, NAME, WHERE, find_library, offset
from pytest_resilience.services.sleep_library import NAME as SLEEP_NAME
from pytest_resilience.services.sleep_library import sleep_library

if TYPE_CHECKING:
    from docker.models.containers import Container as Box

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # as Docker calls them
_PRELOAD, _SETTINGS = "etc/ld.so.preload", "etc/faketimerc"
_BROUGHT, _SLEEP = f"/usr/local/lib/{NAME}", f"/usr/local/lib/{SLEEP_NAME}"


def set_clock(name: str, box: Box, ahead: float) -> None:
    """Let the clock of a container that does not run be `ahead` seconds ahead from its next start on; 0: not at all.

    The image's own library is taken, else a copy of this host's.

    :raises Unsupported: neither has one.
    """
    if not ahead:
        _put(box, {_PRELOAD: b""})
        return
    machine = box.image.attrs["Architecture"] if box.image is not None else ""
    sleep = sleep_library(_MACHINES.get(machine, "none"))
    if sleep is None:
        raise Unsupported(f"{name}: {MACHINES}, and its image is for {machine or 'none that is known'}")
    files = {_SETTINGS: f"{offset(ahead)}\n".encode(), _SLEEP.lstrip("/"): sleep}
    library = next((path for path in WHERE if _has(box, path)), None)
    if library is None:
        ours = find_library()
        if ours is None:
            raise Unsupported(
                f"{name}: a clock of its own needs libfaketime, which is neither in its image nor on this host: "
                f"{ENABLING} in either"
            )
        library = _BROUGHT
        files[_BROUGHT.lstrip("/")] = ours.read_bytes()
    _put(box, {**files, _PRELOAD: f"{_SLEEP}\n{library}\n".encode()})


def read_clock(name: str, box: Box) -> float:
    """Return what date(1) reads in a container that runs, in Unix seconds.

    :raises Unsupported: the image has no date(1).
    """
    status, said = box.exec_run(["date", "+%s"], stderr=False)
    if status != 0 or not isinstance(said, bytes):
        raise Unsupported(f"{name}: its clock cannot be read back: there is no date(1) in its image; add coreutils")
    return float(said)


def _has(box: Box, path: str) -> bool:
    from docker.errors import NotFound

    try:
        chunks, _ = box.get_archive(path)
    except NotFound:
        return False
    return any(chunks)


def _put(box: Box, files: dict[str, bytes]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            about = tarfile.TarInfo(path)
            about.size, about.mode = len(content), 0o644
            tar.addfile(about, io.BytesIO(content))
    box.put_archive("/", packed.getvalue())
