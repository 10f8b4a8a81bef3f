"""The public API as a type checker sees it: checked by mypy --strict, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from pytest_resilience import (
    SLO,
    Breakage,
    Call,
    Episode,
    Fault,
    Found,
    Get,
    Link,
    Linker,
    Loader,
    Monkey,
    PacketLink,
    Post,
    PostgresServer,
    Receipt,
    RedisServer,
    Samples,
    Schedule,
    Service,
    Starter,
    Strike,
    Verdict,
    WebSocket,
    each,
    fault,
    fault_matrix,
    fault_schedules,
    mix,
    poisson,
    ramp,
    search,
    spike,
    stairs,
    steady,
    together,
    user,
    wait_until,
)


@fault
def evicted(cache: RedisServer, *, keys: int = 10) -> Breakage:
    cache.command("FLUSHALL")
    yield Receipt(keys_evicted=keys)


@user
async def reader() -> AsyncIterator[Callable[[Call], Awaitable[int]]]:
    async def read(call: Call) -> int:
        return call.index

    yield read


def scenario(
    service: Starter, link: Linker, load: Loader, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    road: Link = link(postgres_server)
    app: Service = service("python", Path("app.py"), "{port}", env={"DATABASE_URL": road.url}, ready="/health")
    with load(Get(f"{app.url}/slots", expect={200, 304}), rate=ramp(0, 100, over=5) + steady(100)) as run:
        run.hold(1.5)
        with redis_server.killed() as outage, road.slowed(0.1, jitter=0.01, direction="upstream"):
            run.hold(1)
        with together(evicted(redis_server, keys=3), road.severed(silently=True)) as both:
            run.hold(1)
        with road.reset(direction="downstream", first=2, after_bytes=100), road.throttled(50_000, every=3):
            run.hold(1)
        with road.toxic("latency", {"latency": 5}, toxicity=0.5), road.flapping(up=0.5, down=0.5, jitter=0.1):
            run.hold(1)
    later: Link = link("127.0.0.1:6379", opened=False)
    later.open()
    later.point_at(redis_server)
    cable: PacketLink = link(redis_server, packets=True)
    with cable.lossy(0.1, direction="upstream"), cable.partitioned(optional=True), cable.narrowed(1e5, queue=0.5):
        print(cable.retransmitted)
    print(later.traffic.open + later.traffic.bytes_up)
    verdict: Verdict = SLO(p95=0.1, p99=0.25, error_rate=0.01).met_by(run.before(outage))
    window: Samples = run.under(both)
    recovered: float = run.recovery(outage, to=SLO(p95=0.1))
    slowest: float = max(window.latencies)
    wait_until(lambda: verdict.met and recovered < slowest, within=1.0)


async def asynchronous(app: Service, load: Loader) -> None:
    named: Fault = app.paused(optional=True)
    async with load(reader, users=spike(1, 10, at=1, lasting=1, total=5)) as run, named as episode:
        await run.ahold(1)
    struck: Episode = episode
    answered: list[object] = run.during(struck).returned
    load(Post(app.url, json=lambda call: {"index": call.index}), users=stairs(1, 2, 3, each=1.0))
    print(answered)


def random_faults(monkey: Monkey, app: Service, road: Link) -> None:
    with monkey(app.killed, road.severed, road.slowed(0.1), gap=(0.5, 2), lasting=0.2, seed=3) as mischief:
        struck: Episode = mischief
    print(struck.receipt.counts["strikes"])


def scheduled(app: Service, road: Link, load: Loader) -> None:
    schedule = Schedule(Strike("app.killed", at=0.2, lasting=1), Strike("road.slowed", at=0, lasting=1, magnitude=0.1))

    def check(drawn: Schedule) -> None:
        with drawn.on(app, road) as storm, load(Get(app.url), rate=10) as run:
            run.hold(drawn.length)
        print(run.under(storm))

    print([str(cell) for cell in fault_matrix({"app": "killed", "road": {"slowed": (0.1, 0.5)}})])
    menu = {"app": ["killed", "paused"], "road": {"severed": (), "slowed": (0.1, 0.5)}}
    found: Found = search(check, {"app": "killed"}, within=60.0, seed=3)
    print(found.schedule == schedule, fault_schedules(menu, strikes=(1, 3)).example(), found.as_test)


def mixed(app: Service, load: Loader) -> None:
    shop = mix((9, Get(app.url, path=each(["/1", "/2"]))), (1, Post(app.url, body=[b"a", b"b"], length=2)), (1, reader))
    with load(shop, rate=poisson(ramp(0, 100, over=5)), impatience=(0.1, 0.5)) as run:
        run.finish()
    with load(Get("https://127.0.0.1:8443/", verify=Path("ca.pem")), users=5, think=(0.1, 1.0)) as run:
        run.hold(1)
    chat = WebSocket(app.url, send=lambda call: f"{call.user}", every=10, expect=lambda message, sent: message == sent)
    with load(chat, users=steady(10)) as run:
        run.hold(1)
    window: Samples = run.samples.named("message /")
    print(window)
