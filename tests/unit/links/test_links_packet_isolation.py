"""A packet road leaves the host alone, leaves nothing behind, needs no rights, and says why where it cannot be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packet_harness import family, namespaces

import pytest_resilience
from pytest_resilience.links.packets.tools import found
from pytest_resilience.waiting import wait_until

HERE = Path(__file__).parent
NOBODY = 65534
NOBODYS = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
IMPORTS = """
import os, sys, threading
from pathlib import Path
from packet_harness import *
from pytest_resilience.errors import Unsupported
from pytest_resilience.janitor import Janitor
from pytest_resilience.links.packets import tools
janitor = Janitor.start(directory=Path(sys.argv[1]) / "state")
"""
PRELUDE = f"import sys\nsys.path.insert(0, {str(HERE)!r})\n{IMPORTS}"
LOSE = """
stretch = Stretch(janitor)
client, service = stretch.connect()
stretch.road.drop("lossy", 0.3, BOTH)
while not sum(stretch.road.retransmitted().values()):
    round_trip(client, service)
"""
# What there is of network state, as those who look after a host list it.
STATE = """
import subprocess
def state():
    said = {}
    for ask in ("nft list ruleset", "iptables -S", "ip -brief link", "ip address", "ip route", "tc qdisc", "ip netns"):
        done = subprocess.run(ask.split(), capture_output=True, text=True, env={"PATH": tools._PATH})
        said[ask] = done.returncode, done.stdout
    return said
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to look at and to take away what only root has")
needs_ip = pytest.mark.skipif(not found("ip"), reason="needs iproute2")


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path, which lies in a directory that is closed to others.
    with tempfile.TemporaryDirectory(prefix="resilience-packets-") as home:
        yield Path(home)


def run(home: Path, script: str, *, prefix: tuple[str, ...] = (), python: str = sys.executable) -> str:
    """Run a script with a janitor, and return what it said."""
    command = [*prefix, python, "-W", "error", "-c", PRELUDE + script + "\njanitor.close()", str(home)]
    environment = {**os.environ, "TMPDIR": str(home), "HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.stdout.strip()


@needs_root
def test_the_host_is_not_touched(home: Path) -> None:
    # The "host" is a namespace of its own, as others may be at work on the real one at the same time.
    script = f"""{STATE}
subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env={{"PATH": tools._PATH}})
before, inode = state(), Path("/proc/self/ns/net").readlink()
{LOSE}
stretch.road.narrow(1_000_000, 0.2, BOTH)
during = state()
stretch.close()
after = state()
print(before == during == after, inode == Path("/proc/self/ns/net").readlink(), *(code for code, _ in before.values()))
"""
    same, still_there, *codes = run(home, script, prefix=("unshare", "--net")).split()
    assert (same, still_there) == ("True", "True")
    assert codes.count("0") >= 5  # most of the questions were answered at all


def test_an_ordinary_user_loses_packets_too(home: Path) -> None:
    script = f"{LOSE}\nstretch.close()\nprint(os.geteuid(), stretch.road.firewall)"
    if os.geteuid() != 0:
        assert run(home, script).split()[0] != "0"
        return
    # The interpreter and the package may lie in root's own home: another interpreter, and a copy.
    python = next((one for one in (sys.executable, "/usr/bin/python3") if may_run(one)), None)
    if python is None:
        pytest.skip("there is no interpreter here that an ordinary user may run; install python3")
    for source in (HERE, Path(pytest_resilience.__file__).parent):
        shutil.copytree(source, home / source.name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    script = f"sys.path[:0] = [{str(home)!r}, {str(home / HERE.name)!r}]\n{IMPORTS}{script}"
    command = [*NOBODYS, python, "-I", "-S", "-c", f"import sys\n{script}\njanitor.close()", str(home)]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60, check=False, env={})
    assert done.stderr == ""
    user, firewall = done.stdout.split()
    assert user == str(NOBODY)
    assert firewall in {"nft", "iptables"}


@pytest.mark.parametrize("victim", ["owner", "relay", "clerk"])
def test_nothing_is_left_whoever_is_killed(home: Path, victim: str) -> None:
    before = namespaces()
    script = f"{PRELUDE}{LOSE}\nprint(stretch.road._child.pid, flush=True)\nthreading.Event().wait(60)"
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        relay = int(owner.stdout.readline())
        members = family(relay)
        clerk = next(pid for pid in members if pid != relay)
        ours = Path(f"/proc/{clerk}/ns/net").readlink()
        assert str(ours) not in before
        assert Path(f"/proc/{relay}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
        os.kill({"owner": owner.pid, "relay": relay, "clerk": clerk}[victim], signal.SIGKILL)
        # A clerk that has ended is a zombie until the relay has; a relay until the owner has looked.
        wait_until(lambda: all(is_gone(pid) for pid in members), within=5, what=f"the end of {members}")
        wait_until(lambda: str(ours) not in namespaces(), within=5, what=f"the end of {ours}")
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    wait_until(lambda: not any((home / "state").iterdir()), within=5, what="the janitor to have tidied up")


def test_without_nft_iptables_does_it(home: Path) -> None:
    if not found("iptables"):
        pytest.skip("needs iptables")
    script = """
from pytest_resilience.links.packets.cable import Cable
real = tools.found
tools.found = lambda program: None if program == "nft" else real(program)
import socket
cable = Cable.lay()
listener = cable.socket("service")
listener.bind(("192.0.2.2", 0))
listener.listen()
cable.drop("lossy", 0.2, BOTH)
clients = []
while not sum(cable.retransmitted().values()):
    clients.append(cable.socket("clients"))
    clients[-1].connect(listener.getsockname())
    clients[-1].sendall(b"?")
    service, _ = listener.accept()
    service.recv(1)
    service.sendall(b"!")
    clients[-1].recv(1)
    clients.append(service)
lost = cable.dropped("lossy", BOTH)
cable.mend("lossy", BOTH)
cable.mend("lossy", BOTH)
print(cable.firewall, 0 < lost.dropped < lost.seen, "lossy" in tools.tool("iptables", "-w", "-S"))
for end in (*clients, listener):
    end.close()
"""
    assert run(home, script) == "iptables True False"


FORBIDDEN = 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$@"'
REFUSE = """
try:
    PacketRoad(janitor, "127.0.0.1:9")
except Unsupported as refusal:
    print(refusal)
"""


def test_where_namespaces_are_forbidden_it_says_so_and_what_allows_them(home: Path) -> None:
    forbid = ("unshare", "--user", "--map-root-user", "sh", "-c", FORBIDDEN, "sh")
    if subprocess.run([*forbid, "true"], check=False, capture_output=True).returncode:
        pytest.skip("user namespaces are not allowed here, so they cannot be used to forbid network namespaces")
    said = run(home, REFUSE, prefix=forbid)
    assert said.startswith("packet faults: a network namespace of our own cannot be made here (unshare --user")
    assert "No space left" in said  # what the kernel says of a limit on namespaces
    assert "max_user_namespaces" in said
    assert "seccomp" in said


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"ip"}, "there is no `ip` on PATH or in /usr/sbin; install iproute2"),
        ({"nft", "iptables"}, "install nftables, or iptables"),
    ],
)
def test_where_a_program_is_missing_it_names_it(home: Path, missing: set[str], words: str) -> None:
    script = f"""
from pytest_resilience.links.packets.cable import Cable, NoCable
real = tools.found
tools.found = lambda program: None if program in {missing!r} else real(program)
try:
    Cable.lay()
except NoCable as refusal:
    print(refusal)
"""
    assert words in run(home, script)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def may_run(python: str) -> bool:
    """Whether an ordinary user may: setpriv itself may still open what he may not."""
    asked = f"import os; raise SystemExit(not os.access({python!r}, os.X_OK))"
    return subprocess.run([*NOBODYS, python, "-c", asked], cwd="/", capture_output=True, check=False).returncode == 0
