"""The inner tests that are killed: faults that are struck and healed without end, on real services, under load."""

from __future__ import annotations

# In half a second it strikes and heals some ten faults; it says where it is.
STORM = '''
    import os, random, socket, sys, time

    import pytest
    from pytest_resilience import together
    from pytest_resilience.services.faketime import find_library

    chance = random.Random(int(os.environ["STORM_SEED"]))
    DISK = 2**22 if os.geteuid() == 0 else None  # an ordinary user may have no user namespace to mount one in
    LASTING = float(os.environ["STORM_LASTING"])
    ECHO = """
    import os, signal, socket, sys
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    if os.fork() == 0:
        os.setsid()  # a worker that escapes from its group
        while True: signal.pause()
    while True:
        client, _ = listener.accept()
        client.close()
    """

    def say(words):
        os.write(1, f"<{words}>".encode())

    @pytest.fixture(scope="session", autouse=True)
    def _last():
        say("starting")
        yield

    def skews(own, redis):
        return [own.skewed(clock=3600), redis.skewed(clock=-60)] if find_library() else []

    def faults(redis, postgres, own, road):
        return [
            redis.killed(), redis.paused(), redis.restarted(), postgres.killed(), postgres.paused(),
            own.killed(), own.paused(), own.stopped(within=0.1),
            own.crash_looping(backoff=0.002, optional=True), redis.crash_looping(backoff=0.002, optional=True),
            own.crashed_when(in_flight=1, optional=True),
            own.crashed_when(lambda: True, restarting=True, optional=True),
            redis.crashed_when(log="Ready", optional=True), together(own.slow_starting(0.02), own.killed()),
            *skews(own, redis),
            road.severed(silently=True, optional=True), road.severed(), road.slowed(0.02, optional=True),
            together(redis.paused(), road.severed()), together(postgres.paused(), own.killed()),
            together(road.slowed(0.01, optional=True), redis.killed(), own.paused()),
            own.throttled(0.1, optional=True), own.capped(memory=2**30, fds=200, optional=True),
            redis.throttled(0.3, optional=True), redis.capped(memory=2**30, optional=True),
            together(postgres.throttled(0.5, optional=True), own.killed()),
            *([own.capped(disk=2**20, optional=True)] if DISK else []),
            redis.read_only(optional=True), redis.out_of_memory(optional=True), redis.slowed(0.02, optional=True),
            redis.loading(at_most=5, optional=True), together(redis.slowed(0.05, optional=True), redis.paused()),
            postgres.read_only(optional=True), postgres.connections_exhausted(optional=True),
            postgres.locked("slots", optional=True),
            together(postgres.connections_exhausted(evicting=True, optional=True), own.killed()),
        ]

    @pytest.mark.parametrize("turn", range(2))
    def test_storm(redis_server, postgres_server, link, load, service, turn):
        own = service(sys.executable, "-I", "-S", "-c", ECHO, "{port}", name="own", disk=DISK)
        road = link(redis_server, name="road")
        if DISK and turn:
            redis_server.on_disk(2**24)
        postgres_server.query("CREATE TABLE slots (id int)")
        host, port = road.host, road.port

        def ping():
            with socket.create_connection((host, port), timeout=0.3) as connection:
                connection.sendall(b"PING\\r\\n")
                return connection.recv(64)

        with load(ping, rate=100, deadline=0.5, connections=20) as run:
            until = time.monotonic() + LASTING
            while time.monotonic() < until:
                fault = chance.choice(faults(redis_server, postgres_server, own, road))
                say(f"striking {fault.name}")
                with fault:
                    say("in force")
                    run.hold(chance.uniform(0, 0.06))
                    say("healing")
                say("healed")
        say("tearing down")
'''

# A cluster that fails over and comes back without end; its members are struck in between.
CLUSTERS = """
    import os, random, time

    import pytest

    KIND = os.environ["STORM_KIND"]
    chance = random.Random(int(os.environ["STORM_SEED"]))

    def say(words):
        os.write(1, f"<{words}>".encode())

    def test_clusters(request):
        say("starting")
        kind, _, manner = KIND.partition(" ")
        cluster = request.getfixturevalue(f"{kind}_cluster")(**({manner: True} if manner else {}))
        for turn in range(20):
            say("failing over")
            with cluster.failed_over():
                say("in force")
                time.sleep(chance.uniform(0, 0.05))
                say("healing")
            say("healed")
            if not manner:
                with chance.choice([cluster.standby.killed, cluster.primary.paused, cluster.primary.restarted])():
                    say("striking a member")
        say("tearing down")
"""
