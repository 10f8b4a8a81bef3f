"""The embedded server answers as the real Toxiproxy does: the same calls to both, the same answers from both."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from links_harness import Road, read_exactly
from twin_calls import RAW, THEMES
from twins import Call, Twins, alike, answer, raw, raw_of_all, replay

from pytest_resilience.links.toxiproxy import Toxiproxy
from pytest_resilience.waiting import wait_until


@pytest.mark.parametrize("theme", THEMES)
def test_every_answer_is_the_same(twins: Twins, theme: str) -> None:
    twins.wipe()
    ours, theirs = (replay(server.port, THEMES[theme]) for server in twins)
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []


def test_http_itself_is_the_same_down_to_the_bytes(twins: Twins) -> None:
    ours, theirs = (raw_of_all(server.port, RAW) for server in twins)
    different = [each for each in zip(RAW, ours, theirs, strict=True) if each[1] != each[2]]
    assert different == []


def test_a_port_that_is_taken_is_refused_in_the_same_words(twins: Twins) -> None:
    twins.wipe()
    said = []
    for server in twins:
        held = f"127.0.0.1:{server.port}"
        free = {"name": "b", "listen": "127.0.0.1:0", "upstream": "u:1", "enabled": False}
        calls = [
            Call("POST", "/proxies", {"name": "a", "listen": held, "upstream": "u:1"}),
            Call("POST", "/populate", [free, {"name": "a", "listen": held, "upstream": "u:1"}]),
            Call("PATCH", "/proxies/b", {"listen": held, "enabled": True}),
            Call("POST", "/reset"),
            Call("GET", "/proxies"),
        ]
        said.append(alike([str(answer(server.port, call)) for call in calls]))
    assert said[0] == said[1]


def test_an_address_that_is_the_same_in_other_words_is_no_change(twins: Twins) -> None:
    twins.wipe()
    said = []
    for server in twins:
        port = server.client.create("k", listen="localhost:0", upstream="127.0.0.1:1").listen.rpartition(":")[2]
        fields = {"name": "k", "upstream": "127.0.0.1:1"}
        ways = [{**fields, "listen": f"{host}:{port}"} for host in ("localhost", "127.0.0.1", "[::1]")]
        calls = [
            Call("POST", "/proxies/k/toxics", {"type": "latency"}),
            *(Call("POST", "/populate", [way]) for way in ways),
            Call("PATCH", "/proxies/k", {"listen": f"localhost:{port}"}),
        ]
        said.append([each.partition("\n")[2] for each in replay(server.port, calls)])  # the calls name the port
    assert said[0] == said[1]


def test_the_metrics_count_the_same_bytes_once_connections_have_ended(twins: Twins) -> None:
    twins.wipe()
    pages = []
    for server in twins:

        def mine(client: Toxiproxy = server.client) -> list[str]:
            return [line for line in client.page("/metrics").splitlines() if r'proxy="m\"\\<"' in line]

        road = Road(server)
        state = server.client.create('m"\\<', listen="127.0.0.1:0", upstream=road.upstream)
        road.port = int(state.listen.rpartition(":")[2])
        client, service = road.connect()
        client.sendall(b"x" * 1000)
        read_exactly(service, 1000)
        service.sendall(b"y" * 30)
        read_exactly(client, 30)
        assert mine() == []
        client.close()
        wait_until(lambda mine=mine: len(mine()) == 4, within=5)
        heads = [line for line in server.client.page("/metrics").splitlines() if "# " in line and "toxiproxy_" in line]
        pages.append(alike([*mine(), *heads, str(answer(server.port, Call("PUT", "/metrics"))[2])]))
        road.close()
    assert pages[0] == pages[1]


def test_the_metrics_are_not_for_browsers_either(twins: Twins) -> None:
    call = Call("GET", "/metrics", None, (("User-Agent", "Mozilla/5.0"),))
    ours, theirs = (answer(server.port, call) for server in twins)
    assert ours == theirs
    assert ours[0] == 403


def test_the_metrics_of_the_runtime_have_what_monitoring_greps_for(twins: Twins) -> None:
    ours, theirs = (
        {line.split()[2] for line in server.client.page("/metrics").splitlines() if line.startswith("# TYPE")}
        for server in twins
    )
    assert {"go_info", "go_goroutines", "process_resident_memory_bytes", "process_cpu_seconds_total"} <= ours
    named = {name for name in theirs - ours if not name.startswith(("go_", "process_network_"))}
    assert named == set()  # of Go's own runtime there is nothing to tell


ONE = "create -l 127.0.0.1:0 -u 127.0.0.1:1 one"


@pytest.mark.parametrize(
    "words",
    [
        ["list", ONE, "list", "inspect one", "toggle one", "list", "toggle one", "delete one", "list"],
        [ONE, "toxic add -t latency -a latency=5 -a jitter=2 one", "inspect one"],
        [ONE, "toxic add -t latency one", "toxic update -n latency_downstream -a latency=9 --toxicity 0.5 one"],
        [
            ONE,
            "toxic add -t noop -u one",
            "toxic add -t noop -u one",
            "inspect one",
            "toxic remove -n noop_upstream one",
        ],
        [ONE, ONE, "inspect two", "delete two", "toxic add -t nothing one", "toxic add -t latency -a latency=x one"],
    ],
    ids=" / ".join,
)
def test_toxiproxy_cli_drives_both_alike(twins: Twins, words: list[str]) -> None:
    program = shutil.which("toxiproxy-cli")
    if program is None:
        pytest.skip("no toxiproxy-cli on PATH: .ci/toxiproxy.sh installs it")
    twins.wipe()
    said = []
    for server in twins:
        command = [program, "-h", f"http://127.0.0.1:{server.port}"]
        runs = [
            subprocess.run([*command, *each.split()], capture_output=True, text=True, timeout=20)
            for each in [*words, "inspect one"]
        ]
        said.append(alike([f"{ran.args[3:]} {ran.returncode}\n{ran.stdout}{ran.stderr}" for ran in runs]))
    assert said[0] == said[1]


def test_a_body_whose_chunks_are_none_is_refused_by_both_each_in_its_words(twins: Twins) -> None:
    request = b"POST /proxies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"
    ours, theirs = (raw(server.port, request) for server in twins)
    assert ours.startswith("HTTP/1.1 400 ")
    assert theirs.startswith("HTTP/1.1 400 ")
    assert ours != theirs  # else its row in the table of differences can go
