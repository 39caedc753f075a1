"""Units of a machine that stop: their drain, their order, and what does not want to."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.machine.client import Unreachable, ask
from tests.e2e.fleet import ended, wait_for
from tests.e2e.machines import ADDRESSES, FAMILY, NOTIFY, READY, Node, family, machine

DRAIN = """
def drain(*_):
    tell("STOPPING=1")
    note("draining")
    while not os.path.exists(os.path.dirname(__file__) + "/done"):
        tell("EXTEND_TIMEOUT_USEC=5000000")
        time.sleep(0.05)
    note("drained")
    sys.exit(0)
signal.signal(signal.SIGTERM, drain)
child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
note(str(child.pid))
tell("READY=1")
wait()
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


def test_a_stop_waits_for_the_drain_and_leaves_the_children_to_it(node: Node) -> None:
    """KillMode=mixed, and a drain that asks for more time than its unit's TimeoutStopSec."""
    node.unit("drains", DRAIN, *NOTIFY, "TimeoutStopSec=1", "Restart=always")
    node.start()
    assert node.systemctl("start", "drains").returncode == 0
    began = time.monotonic()
    stopping = subprocess.Popen([node.root / "bin/systemctl", "stop", "drains"])
    wait_for(lambda: node.notes("drains")[1:], "its drain")
    child = int(node.notes("drains")[0])
    wait_for(lambda: time.monotonic() - began > 2, "twice its time to stop to be over")
    assert node.status("drains")["active"] == "deactivating"
    assert not ended(child)
    assert stopping.poll() is None
    (node.root / "done").touch()
    assert stopping.wait(30) == 0
    assert node.notes("drains")[1:] == ["draining", "drained"]
    assert ended(child)
    assert node.status("drains")["active"] == "inactive"


@pytest.mark.parametrize("mode", ["mixed", "control-group"])
def test_what_does_not_stop_is_killed_with_all_that_came_of_it(node: Node, mode: str) -> None:
    node.unit(
        "deaf",
        "signal.signal(signal.SIGTERM, lambda *_: note('heard'))\n" + FAMILY,
        "Type=notify",
        f"KillMode={mode}",
        "TimeoutStopSec=200ms",
    )
    node.start()
    assert node.systemctl("start", "deaf").returncode == 0
    four = family(node)
    assert set(node.status("deaf")["pids"]) >= four
    assert node.systemctl("stop", "deaf").returncode == 0
    assert node.notes("deaf") == ["heard"]
    assert all(ended(pid) for pid in four)
    assert node.status("deaf")["result"] == "timeout"
    assert node.status("deaf")["pids"] == []


def test_a_unit_starts_after_what_it_is_to_come_after(node: Node) -> None:
    node.unit(
        "agent",
        f'while not os.path.exists("{node.root}/go"): time.sleep(0.01)\nsys.exit(1)',
        *NOTIFY,
    )
    node.unit("worker@", "note('begun')\n" + READY, *NOTIFY, top=("After=agent.service",))
    node.start()
    starting = subprocess.Popen(
        [node.root / "bin/systemctl", "start", "agent", "worker@1"], stderr=subprocess.DEVNULL
    )
    node.becomes("agent", active="activating")
    assert node.systemctl("start", "--no-block", "worker@2").returncode == 0
    assert node.status("worker@1")["active"] == "inactive"
    assert node.notes("worker@") == []
    (node.root / "go").touch()
    assert starting.wait(30) == 1  # the agent failed: what comes after it starts all the same
    node.becomes("worker@1", active="active")
    node.becomes("worker@2", active="active")


def test_a_shutdown_stops_units_in_their_order(node: Node) -> None:
    order = "def end(*_):\n    note(str(time.monotonic_ns()))\n    sys.exit(0)\n"
    program = order + "signal.signal(signal.SIGTERM, end)\n" + READY
    node.unit("agent", program, *NOTIFY, "Restart=always")
    node.unit("worker@", program, *NOTIFY, "Restart=always", top=("After=agent.service",))
    node.start()
    assert node.systemctl("start", "worker@1", "worker@2", "agent").returncode == 0
    node.look()
    node.signal(signal.SIGTERM)
    assert node.gone() == 0
    workers, (agent,) = node.notes("worker@"), node.notes("agent")
    assert len(workers) == 2
    assert max(map(int, workers)) < int(agent)
    with pytest.raises(Unreachable):
        ask(node.root, {"verb": "status"})


def test_a_shutdown_that_takes_too_long_is_cut_short(node: Node) -> None:
    node.unit("deaf", "signal.signal(signal.SIGTERM, lambda *_: note('heard'))\n" + FAMILY, *NOTIFY)
    node.start()
    assert node.systemctl("start", "deaf").returncode == 0
    family(node)
    assert ask(node.root, {"verb": "shutdown", "within_seconds": 1})["ok"]
    wait_for(lambda: node.notes("deaf") == ["heard"], "its SIGTERM")
    refused = ask(node.root, {"verb": "start", "units": ["deaf"]})
    assert "shutting down" in refused["error"]
    assert node.gone() == 0
