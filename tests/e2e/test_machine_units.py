"""Units of a machine: their starts, words, watchdogs and restarts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local.machine.client import ask
from tests.e2e.fleet import wait_for
from tests.e2e.machines import ADDRESSES, NOTIFY, READY, Node, machine


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


def test_a_unit_is_started_once_it_says_so(node: Node) -> None:
    node.unit(
        "slow",
        'note("begun")\n'
        f'while not os.path.exists("{node.root}/go"): time.sleep(0.01)\n'
        'tell("READY=1\\nSTATUS=receiving, 3 busy")\n'
        "wait()",
        *NOTIFY,
    )
    node.start()
    starting = subprocess.Popen([node.root / "bin/systemctl", "start", "slow"])
    wait_for(lambda: node.notes("slow"), "its begin")
    assert node.status("slow")["active"] == "activating"
    assert starting.poll() is None
    assert node.systemctl("is-active", "slow").returncode == 3
    (node.root / "go").touch()
    assert starting.wait(30) == 0
    status = node.becomes("slow", active="active", sub="running")
    assert status["status"] == "receiving, 3 busy"
    assert node.systemctl("is-active", "slow.service").stdout == "active\n"
    shown = node.systemctl("show", "-p", "MainPID,NRestarts", "slow").stdout
    assert shown == f"MainPID={status['pid']}\nNRestarts=0\n"
    assert node.systemctl("start", "slow").returncode == 0  # it runs: nothing to do
    assert node.notes("slow") == ["begun"]


def test_a_unit_that_ends_before_it_is_ready_has_not_started(node: Node) -> None:
    node.unit("early", 'print("said", flush=True)', *NOTIFY)
    node.start()
    started = node.systemctl("start", "early")
    assert started.returncode == 1
    assert "early.service: it has not started: protocol: see its log" in started.stderr
    assert node.status("early")["active"] == "failed"
    assert node.log("early.service") == "said\n"
    node.unit("never", "wait()", *NOTIFY, "TimeoutStartSec=100ms")
    started = node.systemctl("start", "never")
    assert started.returncode == 1
    assert node.status("never")["result"] == "timeout"
    (node.root / "etc/systemd/system/odd.service").write_text("[Service]\nExecStart=/none/such\n")
    assert node.systemctl("start", "odd").returncode == 0  # as for systemd: it forked
    assert node.becomes("odd", active="failed")["exit"] == "exit 203"


def test_a_word_from_another_process_is_not_heard(node: Node) -> None:
    node.unit(
        "other",
        "if os.fork() == 0:\n"
        '    tell("READY=1")\n'
        '    note("told")\n'
        "    os._exit(0)\n"
        "os.wait()\n"
        'tell("STATUS=mine")\n'
        f'while not os.path.exists("{node.root}/go"): time.sleep(0.01)\n'
        'tell("READY=1")\n'
        "wait()",
        *NOTIFY,
    )
    node.start()
    assert node.systemctl("start", "--no-block", "other").returncode == 0
    node.becomes("other", status="mine")
    assert node.notes("other") == ["told"]
    assert node.status("other")["active"] == "activating"
    assert "may not notify (main)" in node.log("machine")
    (node.root / "go").touch()
    node.becomes("other", active="active")


def test_the_watchdog_ends_what_does_not_feed_it_and_starts_it_again(node: Node) -> None:
    node.unit(
        "dog",
        'tell("READY=1")\n'
        'note(os.environ["WATCHDOG_USEC"] + " " + str(os.environ["WATCHDOG_PID"] == '
        "str(os.getpid())))\n"
        f'while not os.path.exists("{node.root}/starve"):\n'
        '    tell("WATCHDOG=1")\n'
        "    time.sleep(0.02)\n"
        f'os.unlink("{node.root}/starve")\n'
        "wait()",
        *NOTIFY,
        "WatchdogSec=2",
        "Restart=on-watchdog",
    )
    node.start()
    assert node.systemctl("start", "dog").returncode == 0
    first = node.status("dog")["pid"]
    (node.root / "starve").touch()
    again = node.becomes("dog", active="active", restarts=1)
    assert again["pid"] != first
    assert node.notes("dog") == ["2000000 True"] * 2
    assert "the watchdog was not fed in time" in node.log("machine")
    assert "ended by SIGABRT (watchdog)" in node.log("machine")


def test_what_is_killed_comes_back_until_its_limit(node: Node) -> None:
    node.unit(
        "hardy",
        READY,
        *NOTIFY,
        "Restart=always",
        "RestartSec=0",
        "RestartPreventExitStatus=0",
        top=("StartLimitIntervalSec=300", "StartLimitBurst=3"),
    )
    node.start()
    assert node.systemctl("start", "hardy").returncode == 0
    for restarts in (1, 2):
        os.kill(node.status("hardy")["pid"], signal.SIGKILL)
        node.becomes("hardy", active="active", restarts=restarts)
    os.kill(node.status("hardy")["pid"], signal.SIGKILL)
    node.becomes("hardy", active="failed", result="start-limit-hit", pid=None)
    refused = node.systemctl("start", "hardy")
    assert refused.returncode == 1
    assert "started 3 times within 300 s" in refused.stderr
    assert node.systemctl("is-failed", "hardy").returncode == 0
    assert node.systemctl("reset-failed", "hardy").returncode == 0
    assert node.systemctl("start", "hardy").returncode == 0
    assert node.systemctl("restart", "hardy").returncode == 0


def test_one_that_left_as_it_was_told_stays_away(node: Node) -> None:
    node.unit(
        "leaver",
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))\n" + READY,
        *NOTIFY,
        "Restart=always",
        "RestartSec=0",
        "RestartPreventExitStatus=0",
    )
    node.start()
    assert node.systemctl("start", "leaver").returncode == 0
    os.kill(node.status("leaver")["pid"], signal.SIGUSR1)
    left = node.becomes("leaver", active="inactive")
    assert (left["exit"], left["restarts"]) == ("exit 0", 0)


def test_folders_and_variables_of_a_unit(node: Node) -> None:
    node.unit(
        "tidy@",
        'for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "A", "B", "PWD_", "FLEET_ROOT"):\n'
        '    note(os.environ.get(name, "-"))\n'
        'note(os.getcwd() + " " + sys.argv[1])\n'
        'note(oct(os.stat(os.environ["RUNTIME_DIRECTORY"]).st_mode & 0o777))\n' + READY,
        *NOTIFY,
        "RuntimeDirectory=tidy",
        "StateDirectory=tidy",
        "Environment=A=one B=/opt/fleet/x",
        "EnvironmentFile=/etc/fleet/node.env",
        "WorkingDirectory=/opt/fleet/releases/%i",
    )
    root = node.root
    (root / "opt/fleet/releases/r1").mkdir(parents=True)
    node.start()
    refused = node.systemctl("start", "tidy@r1")
    assert refused.returncode == 1
    assert "resources" in refused.stderr
    assert f"{root}/etc/fleet/node.env: expected a file of variables" in node.log("machine")
    (root / "etc/fleet/node.env").write_text("A='two'\n")
    assert node.systemctl("start", "tidy@r1").returncode == 0
    assert node.notes("tidy@") == [
        *(f"{root}/run/tidy", f"{root}/var/lib/tidy", "two", f"{root}/opt/fleet/x", "-", str(root)),
        f"{root}/opt/fleet/releases/r1 r1",
        "0o700",
    ]
    assert node.systemctl("stop", "tidy@r1").returncode == 0
    assert not (root / "run/tidy").exists()
    assert (root / "var/lib/tidy").exists()


def test_units_and_commands_that_are_none_are_refused_aloud(node: Node) -> None:
    node.unit("odd", READY, *NOTIFY, "MemoryMost=1")
    node.start()
    odd = node.systemctl("start", "odd")
    assert odd.returncode == 1
    assert "odd.service:" in odd.stderr
    assert "MemoryMost: a machine of the local AWS does not know this key" in odd.stderr
    assert "Unit none.service not found" in node.systemctl("start", "none").stderr
    assert node.systemctl("status", "none").returncode == 4
    assert node.systemctl("is-active", "none").stdout == "inactive\n"
    assert node.systemctl("set-property", "odd", "MemoryMax=1").returncode == 2
    assert node.systemctl("start", "--user", "odd").returncode == 2
    for request in ({"verb": "dance"}, {"verb": "run"}, {"verb": "run", "script": 7}, {}):
        assert not ask(node.root, request)["ok"]
    with socket.socket(socket.AF_UNIX) as wrong:
        wrong.connect(os.path.relpath(node.root / "machine.sock"))
        wrong.sendall(b"no json\n")
        assert b"expected one JSON object a line" in wrong.recv(4096)
    assert node.ask("status")["ok"]
