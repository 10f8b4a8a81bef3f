"""Chaos, load and stress scenarios as ordinary pytest tests.

Everything public is importable from here and is loaded when it is first named, so that importing
the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_resilience.consistency.finding import Consistency as Consistency
    from pytest_resilience.consistency.history import History as History
    from pytest_resilience.consistency.kept import nothing_doubled as nothing_doubled
    from pytest_resilience.consistency.kept import nothing_lost as nothing_lost
    from pytest_resilience.consistency.kept import queue_kept as queue_kept
    from pytest_resilience.consistency.kept import set_kept as set_kept
    from pytest_resilience.consistency.linearizable import linearizable as linearizable
    from pytest_resilience.consistency.models import Lock as Lock
    from pytest_resilience.consistency.models import Model as Model
    from pytest_resilience.consistency.models import Register as Register
    from pytest_resilience.consistency.operation import Fate as Fate
    from pytest_resilience.consistency.operation import Operation as Operation
    from pytest_resilience.consistency.sums import counter_kept as counter_kept
    from pytest_resilience.consistency.sums import total_kept as total_kept
    from pytest_resilience.errors import DriverDied as DriverDied
    from pytest_resilience.errors import DriverSaturated as DriverSaturated
    from pytest_resilience.errors import FaultDidNotBite as FaultDidNotBite
    from pytest_resilience.errors import HostInDanger as HostInDanger
    from pytest_resilience.errors import NoSamples as NoSamples
    from pytest_resilience.errors import NotPortable as NotPortable
    from pytest_resilience.errors import ResilienceError as ResilienceError
    from pytest_resilience.errors import ServiceNotReady as ServiceNotReady
    from pytest_resilience.errors import SetupFailed as SetupFailed
    from pytest_resilience.errors import TargetNotAllowed as TargetNotAllowed
    from pytest_resilience.errors import ThresholdCrossed as ThresholdCrossed
    from pytest_resilience.errors import Unsupported as Unsupported
    from pytest_resilience.errors import UsageError as UsageError
    from pytest_resilience.faults.fault import Breakage as Breakage
    from pytest_resilience.faults.fault import Fault as Fault
    from pytest_resilience.faults.fault import fault as fault
    from pytest_resilience.faults.fault import together as together
    from pytest_resilience.faults.found import Found as Found
    from pytest_resilience.faults.matrix import fault_matrix as fault_matrix
    from pytest_resilience.faults.monkey import Monkey as Monkey
    from pytest_resilience.faults.schedule import Schedule as Schedule
    from pytest_resilience.faults.schedule import Strike as Strike
    from pytest_resilience.faults.search import search as search
    from pytest_resilience.faults.strategy import fault_schedules as fault_schedules
    from pytest_resilience.hogs.hogs import Hogs as Hogs
    from pytest_resilience.links.link import Link as Link
    from pytest_resilience.links.linker import Linker as Linker
    from pytest_resilience.links.packet_link import PacketLink as PacketLink
    from pytest_resilience.load.action import Call as Call
    from pytest_resilience.load.action import user as user
    from pytest_resilience.load.capacity import breaking_point as breaking_point
    from pytest_resilience.load.each import each as each
    from pytest_resilience.load.knee import Knee as Knee
    from pytest_resilience.load.loader import Loader as Loader
    from pytest_resilience.load.locustfile import Locustfile as Locustfile
    from pytest_resilience.load.mix import mix as mix
    from pytest_resilience.load.profile import poisson as poisson
    from pytest_resilience.load.profile import ramp as ramp
    from pytest_resilience.load.profile import spike as spike
    from pytest_resilience.load.profile import stairs as stairs
    from pytest_resilience.load.profile import steady as steady
    from pytest_resilience.load.request import Delete as Delete
    from pytest_resilience.load.request import Get as Get
    from pytest_resilience.load.request import Patch as Patch
    from pytest_resilience.load.request import Post as Post
    from pytest_resilience.load.request import Put as Put
    from pytest_resilience.load.request import Request as Request
    from pytest_resilience.load.run import Run as Run
    from pytest_resilience.load.websocket import WebSocket as WebSocket
    from pytest_resilience.measure.course import Course as Course
    from pytest_resilience.measure.leaks import Baseline as Baseline
    from pytest_resilience.measure.leaks import Settling as Settling
    from pytest_resilience.measure.leaks import observe as observe
    from pytest_resilience.measure.samples import Samples as Samples
    from pytest_resilience.measure.slo import SLO as SLO
    from pytest_resilience.measure.slo import Verdict as Verdict
    from pytest_resilience.measure.usage import Meter as Meter
    from pytest_resilience.measure.usage import Readings as Readings
    from pytest_resilience.options import Sized as Sized
    from pytest_resilience.report.alerts.metrics import Metrics as Metrics
    from pytest_resilience.report.alerts.rule import AlertGroup as AlertGroup
    from pytest_resilience.report.alerts.rules import alert_rules as alert_rules
    from pytest_resilience.services.clusters import PostgresClusters as PostgresClusters
    from pytest_resilience.services.clusters import RedisClusters as RedisClusters
    from pytest_resilience.services.postgres import PostgresServer as PostgresServer
    from pytest_resilience.services.postgres_cluster import PostgresCluster as PostgresCluster
    from pytest_resilience.services.redis import RedisServer as RedisServer
    from pytest_resilience.services.redis_cluster import RedisCluster as RedisCluster
    from pytest_resilience.services.service import Service as Service
    from pytest_resilience.services.starter import Starter as Starter
    from pytest_resilience.soak.soak import Soak as Soak
    from pytest_resilience.soak.soaker import Soaker as Soaker
    from pytest_resilience.timeline import Episode as Episode
    from pytest_resilience.timeline import Receipt as Receipt
    from pytest_resilience.timeline import Timeline as Timeline
    from pytest_resilience.waiting import wait_until as wait_until

_HOME = {
    "consistency.finding": "Consistency",
    "consistency.history": "History",
    "consistency.kept": "nothing_doubled nothing_lost queue_kept set_kept",
    "consistency.linearizable": "linearizable",
    "consistency.models": "Lock Model Register",
    "consistency.operation": "Fate Operation",
    "consistency.sums": "counter_kept total_kept",
    "errors": (
        "DriverDied DriverSaturated FaultDidNotBite HostInDanger NoSamples NotPortable ResilienceError ServiceNotReady "
        "SetupFailed TargetNotAllowed ThresholdCrossed Unsupported UsageError"
    ),
    "faults.fault": "Breakage Fault fault together",
    "faults.found": "Found",
    "faults.matrix": "fault_matrix",
    "faults.monkey": "Monkey",
    "faults.schedule": "Schedule Strike",
    "faults.search": "search",
    "faults.strategy": "fault_schedules",
    "hogs.hogs": "Hogs",
    "links.link": "Link",
    "links.linker": "Linker",
    "links.packet_link": "PacketLink",
    "load.action": "Call user",
    "load.capacity": "breaking_point",
    "load.each": "each",
    "load.knee": "Knee",
    "load.loader": "Loader",
    "load.locustfile": "Locustfile",
    "load.mix": "mix",
    "load.profile": "poisson ramp spike stairs steady",
    "load.request": "Delete Get Patch Post Put Request",
    "load.run": "Run",
    "load.websocket": "WebSocket",
    "measure.course": "Course",
    "measure.leaks": "Baseline Settling observe",
    "measure.samples": "Samples",
    "measure.slo": "SLO Verdict",
    "measure.usage": "Meter Readings",
    "options": "Sized",
    "report.alerts.metrics": "Metrics",
    "report.alerts.rule": "AlertGroup",
    "report.alerts.rules": "alert_rules",
    "services.clusters": "PostgresClusters RedisClusters",
    "services.postgres": "PostgresServer",
    "services.postgres_cluster": "PostgresCluster",
    "services.redis": "RedisServer",
    "services.redis_cluster": "RedisCluster",
    "services.service": "Service",
    "services.starter": "Starter",
    "soak.soak": "Soak",
    "soak.soaker": "Soaker",
    "timeline": "Episode Receipt Timeline",
    "waiting": "wait_until",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = list(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_WHERE)
