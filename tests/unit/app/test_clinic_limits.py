"""Tests of what the clinic asks of the system."""

from __future__ import annotations

import resource

import psutil
from clinic_processes import Start


def test_the_clinic_may_open_as_many_files_as_the_system_allows(start: Start) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 512), hard))
    try:
        web = start("web")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert psutil.Process(web.process.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
