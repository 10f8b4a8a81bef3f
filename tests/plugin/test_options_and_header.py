"""What a user sees of the plugin before any scenario runs: header, options, markers, fixtures."""

from __future__ import annotations

import re

import pytest

PASSING = "def test_nothing(): pass"


def test_the_header_says_backend_and_why_and_how_to_replay(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest("--resilience-backend=process")
    (line,) = [line for line in result.outlines if line.startswith("resilience: ")]
    assert re.match(r"resilience: process backend \(asked for\), Redis \d+\.\d+\.\d+, Postgres \d+\.\d+", line)
    seed = re.search(r"seed (\d+) \(replay with --resilience-seed=(\d+)\)", line)
    assert seed is not None and seed[1] == seed[2]


def test_a_seed_that_was_given_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_seed(seed): assert seed == -1")
    result = pytester.runpytest("--resilience-seed=42", "--resilience-backend=process")
    result.stdout.fnmatch_lines(["resilience: *seed 42 (given)*"])
    seeds = re.findall(r"assert (\d+) == -1", result.stdout.str())
    again = pytester.runpytest("--resilience-seed=42", "--resilience-backend=process")
    assert seeds and re.findall(r"assert (\d+) == -1", again.stdout.str()) == seeds


def test_every_xdist_worker_has_the_seed_of_the_header(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_seed(resilience_options, n):
            print("seed", resilience_options.seed)
            assert 0
        """
    )
    result = pytester.runpytest_subprocess("-n2", "--resilience-backend=process")
    header = re.search(r"seed (\d+) \(replay", result.stdout.str())
    assert header is not None
    assert set(re.findall(r"^seed (\d+)$", result.stdout.str(), re.MULTILINE)) == {header[1]}


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--resilience-backend=podman", "*--resilience-backend=podman: expected one of auto, docker, process*"),
        ("--resilience-size=tiny", "*--resilience-size=tiny: expected one of quick, standard, full*"),
        ("--resilience-seed=1.5", "*--resilience-seed=1.5: expected a whole number*"),
        ("--resilience-allow-target=http://x", "*--resilience-allow-target=http://x: expected a host name*"),
    ],
)
def test_a_wrong_value_is_a_usage_error_at_once(pytester: pytest.Pytester, option: str, expected: str) -> None:
    pytester.makepyfile(PASSING)
    result = pytester.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([expected])


def test_a_wrong_ini_value_is_a_usage_error_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSING)
    pytester.makeini("[pytest]\nresilience_size = tiny")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--resilience-size=tiny*"])


def test_a_flag_wins_over_the_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_size(resilience_options): assert resilience_options.size == 'full'")
    pytester.makeini("[pytest]\nresilience_size = standard\nresilience_backend = process")
    pytester.runpytest("--resilience-size=full").assert_outcomes(passed=1)
    pytester.runpytest().assert_outcomes(failed=1)


def test_allowed_targets_may_be_given_more_than_once_and_one_a_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "def test_it(resilience_options): assert resilience_options.allow_targets == {'one.test', 'two.test'}"
    )
    both = ("--resilience-allow-target=one.test", "--resilience-allow-target=two.test")
    pytester.runpytest(*both, "--resilience-backend=process").assert_outcomes(passed=1)
    pytester.makeini("[pytest]\nresilience_backend = process\nresilience_allow_target =\n  one.test\n  two.test")
    pytester.runpytest().assert_outcomes(passed=1)


def test_docker_asked_for_and_absent_is_an_error_and_never_a_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/nobody.sock")
    pytester.makepyfile(PASSING)
    result = pytester.runpytest("--resilience-backend=docker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--resilience-backend=docker*nobody.sock*"])


def test_auto_without_docker_falls_back_and_says_why(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/nobody.sock")
    pytester.makepyfile(PASSING)
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["resilience: process backend (*nobody.sock*), Redis*"])


def test_the_markers_read_as_documentation(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--markers")
    for marker in ("chaos", "load", "stress", "soak"):
        result.stdout.fnmatch_lines([f"@pytest.mark.{marker}: a scenario that *"])


def test_the_fixtures_read_as_documentation(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--fixtures")
    for fixture in ("redis_server", "postgres_server", "service", "link", "load", "seed"):
        result.stdout.re_match_lines([rf"{fixture}( \[.*\])? -- .*fixtures.py:\d+", r"    [A-Z].*\."], consecutive=True)


def test_a_run_that_uses_none_of_it_starts_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import psutil, sys

        def test_nothing():
            assert psutil.Process().children(recursive=True) == []
            assert not {"testcontainers", "docker", "redis", "psycopg", "cloudpickle", "httptools"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("--resilience-backend=process")
    result.assert_outcomes(passed=1)
    assert sum("resilience" in line and "rootdir" not in line for line in result.outlines) <= 2
