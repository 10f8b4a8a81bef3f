"""`--resilience-monkey` over a suite that knows nothing of it."""

from __future__ import annotations

import re

import pytest

SUITE = """
    import sys, time, pytest
    from pytest_resilience import wait_until
    from pytest_resilience.services.resp import RedisRefused

    DOWN = (OSError, RedisRefused)  # it may still be loading

    def asked(redis_server):
        return redis_server.command("PING", timeout=0.05) == "PONG"

    def test_patient(redis_server):
        # The strike comes within a second and lasts half a second at most.
        ends = time.monotonic() + 1.2
        failures = 0
        while time.monotonic() < ends:
            try:
                asked(redis_server)
            except DOWN:
                failures += 1
        assert failures
        wait_until(lambda: asked(redis_server), within=10, on=DOWN)

    def test_naive(redis_server):
        ends = time.monotonic() + 1.2
        while time.monotonic() < ends:
            assert asked(redis_server)

    def test_without():
        pass
"""


@pytest.fixture(autouse=True)
def _quickly(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")


def test_every_test_that_uses_it_is_struck_and_the_failure_says_by_what_and_how_to_replay(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(SUITE)
    result = pytester.runpytest("--resilience-monkey=redis:1", "--resilience-seed=3")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.re_match_lines(
        [
            r"-+ resilience monkey -+",
            r"redis\.(killed|restarted|paused) from 0\.\d+ s of the test until \d\.\d+ s \(processes .*\)",
            r"replay: pytest \S+::test_naive --resilience-seed=3 --resilience-monkey=redis:1",
            r"PASSED .*::test_patient: redis\.\w+ .*",
            r"monkey redis:1: struck 2 of 2 tests that use redis",
        ]
    )


def test_the_replay_does_the_same_to_one_test_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    seen = []
    for tests in ((), ("-k", "naive")):
        result = pytester.runpytest("--resilience-monkey=redis:1", "--resilience-seed=3", *tests)
        report = re.search(r"^(redis\.\w+) from .*\nreplay: pytest \S+::test_naive ", result.stdout.str(), re.MULTILINE)
        assert report is not None
        seen.append(report[1])
    assert seen[0] == seen[1]


def test_what_is_marked_and_every_scenario_is_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        SUITE
        + """
    pytestmark = []

    @pytest.mark.no_monkey
    def test_marked(redis_server):
        assert asked(redis_server)

    @pytest.mark.chaos
    def test_scenario(redis_server):
        with redis_server.killed():
            pass
"""
    )
    result = pytester.runpytest("--resilience-monkey=redis:1", "--strict-markers", "-k", "test_marked or test_scenario")
    result.assert_outcomes(passed=2, deselected=3)
    result.stdout.fnmatch_lines(["monkey redis:1: STRUCK NOBODY of 0 tests that use redis: nothing was shown*"])
    result.stdout.fnmatch_lines(["*; 2 left alone"])
    result.stdout.no_fnmatch_line("*resilience monkey -*")


def test_a_test_that_is_over_first_is_not_struck_and_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_it(n, redis_server): pass")
    result = pytester.runpytest("--resilience-monkey=redis:1")
    result.assert_outcomes(passed=20)
    result.stdout.re_match_lines(
        [
            r"PASSED .*: redis not struck: the test ended before \d\.\d{3} s, which was drawn",
            r"monkey redis:1: .* of 20 tests that use redis.*; \d+ too late",
        ]
    )


def test_it_reaches_services_and_links_by_name_also_under_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import http.client, sys, time, urllib.request, pytest

        @pytest.fixture
        def site(service):
            return service(sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", name="site", ready="/")

        def spoilt(url):
            failures = 0
            ends = time.monotonic() + 1.3
            while time.monotonic() < ends:
                began = time.monotonic()
                try:
                    urllib.request.urlopen(url, timeout=0.1).read()
                except (OSError, http.client.HTTPException):  # it may be in the middle of an answer
                    failures += 1
                failures += time.monotonic() - began > 0.05
            return failures

        def test_a_service(site):
            assert spoilt(site.url)

        def test_a_link(site, link):
            assert spoilt(link(site, name="road").url)
        """
    )
    result = pytester.runpytest_subprocess("-n2", "--resilience-monkey=site,road:1")
    result.assert_outcomes(passed=2)
    result.stdout.re_match_lines_random(
        [
            r"PASSED .*::test_a_service: site\.(killed|restarted|paused) .*",
            r"PASSED .*::test_a_link: .*\broad\.(severed|reset|frozen|slowed) .*",
            r"monkey site:1,road:1: struck 2 of 2 tests that use site or road",
        ]
    )


def test_a_name_that_nobody_has_is_said_and_so_is_a_run_that_struck_nobody(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(redis_server): pass")
    result = pytester.runpytest("--resilience-monkey=rdis:1")
    result.stdout.fnmatch_lines(
        ["monkey rdis:1: STRUCK NOBODY of 0 tests *", "monkey rdis:1: no test used anything named rdis"]
    )


def test_without_the_option_nothing_is_said_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(redis_server): pass")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*monkey*")


@pytest.mark.parametrize("wrong", ["redis", "redis:2", "redis:0.1,app", "re/dis:1"])
def test_what_cannot_be_meant_is_a_usage_error_at_once(pytester: pytest.Pytester, wrong: str) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest(f"--resilience-monkey={wrong}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--resilience-monkey={wrong}: *expected names and a probability*"])


def test_the_fixture_strikes_in_a_test_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pytest_resilience import Breakage, Receipt, fault, wait_until

        LOG = []

        @fault
        def broken() -> Breakage:
            LOG.append("broken")
            yield Receipt(parts=1)

        def test_it(monkey):
            with monkey(broken, gap=0.001, lasting=0.001):
                wait_until(lambda: len(LOG) > 2, within=10)
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"PASSED .*::test_it: monkey\(broken\) \d\.\d\d s \(strikes \d+, broken \d+\)"])


CLUSTERED = """
    import time
    from pytest_resilience import wait_until

    def test_pair(redis_cluster):
        cluster = redis_cluster(sentinel={sentinel})
        before = cluster.primary
        time.sleep(1.6)
        wait_until(lambda: cluster.standby.replication.get("master_link_status") == "up", within=10, on=(OSError,))
        assert cluster.primary is before
"""


def test_the_servers_of_a_cluster_are_struck_by_their_names(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CLUSTERED.format(sentinel=False))
    result = pytester.runpytest("--resilience-monkey=redis-a,redis-b:1", "--resilience-seed=3")
    result.assert_outcomes(passed=1)
    told = next(line for line in result.outlines if line.startswith("PASSED"))
    assert re.search(r"\bredis-a\.\w+ \d", told)
    assert re.search(r"\bredis-b\.\w+ \d", told)
    result.stdout.fnmatch_lines(["monkey redis-a:1,redis-b:1: struck 1 of 1 test that uses redis-a or redis-b"])


def test_a_sentinel_would_fail_over_so_its_servers_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CLUSTERED.format(sentinel=True))
    result = pytester.runpytest("--resilience-monkey=redis-a,redis-b:1", "--resilience-seed=3")
    result.assert_outcomes(passed=1)
    result.stdout.no_re_match_line(r".*redis-[ab]\.(killed|restarted|paused).*")
