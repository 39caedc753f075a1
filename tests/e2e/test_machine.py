"""Machines of the local AWS: real units, real signals, real metadata, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.local.machine.client import Unreachable, ask
from tests.e2e.fleet import ended, wait_for
from tests.e2e.machines import INSTANCE, Node, machine
from tests.e2e.sandbox import assert_sound_and_sandboxed, needs_systemd

ADDRESSES = (f"127.77.{os.getpid() % 200 + 1}.{number}" for number in itertools.count(1))

MACHINE = (sys.executable, "-m", "ops.local.machine")
READY = 'tell("READY=1")\nwait()'
NOTIFY = ("Type=notify", "KillMode=mixed")
#: A child of the program's, one that has left its session, and one that has lost its parent.
FAMILY = """
subprocess.Popen(["sleep", "3001"])
subprocess.Popen(["sleep", "3002"], start_new_session=True)
subprocess.run(["/bin/sh", "-c", "setsid sleep 3003 & setsid setsid sleep 3004 &"])
tell("READY=1")
wait()
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


def family(node: Node) -> set[int]:
    """The programs that FAMILY starts, once they all run."""

    def sleepers() -> set[int]:
        found = set()
        for pid in node.look():
            try:
                if psutil.Process(pid).name() == "sleep":
                    found.add(pid)
            except psutil.NoSuchProcess:
                pass
        return found

    wait_for(lambda: len(sleepers()) == 4, "a family of four")
    return sleepers()


# -- units ----------------------------------------------------------------------------------------


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


# -- metadata -------------------------------------------------------------------------------------


def metadata(node: Node, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    url = str(node.ask("status")["metadata"]).rstrip("/")
    request = urllib.request.Request(
        url + path, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def token(node: Node, seconds: int = 60) -> str:
    status, found = metadata(
        node, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=str(seconds)
    )
    assert status == 200
    return found


def test_the_metadata_service_is_version_2(node: Node) -> None:
    node.start()
    known = {"X_aws_ec2_metadata_token": token(node)}
    assert node.ask("status")["metadata"].startswith(f"http://{node.address}:")

    def get(path: str) -> tuple[int, str]:
        return metadata(node, f"/latest/{path}", **known)

    assert get("meta-data/instance-id") == (200, INSTANCE["instance_id"])
    assert get("meta-data/instance-life-cycle") == (200, "spot")
    assert get("meta-data/placement/region") == (200, "eu-west-1")
    assert get("meta-data/placement/") == (200, "availability-zone\nregion")
    assert get("meta-data/tags/instance/") == (200, "fleet:name\nfleet:queue")
    assert get("meta-data/tags/instance/fleet:queue") == (200, "video")
    assert get("meta-data/tags/instance/fleet%3Aqueue") == (200, "video")
    assert get("meta-data/iam/security-credentials/") == (200, "media-node")
    assert '"instanceType": "m7g.large"' in get("dynamic/instance-identity/document")[1]
    for path in (
        "meta-data/spot/instance-action",
        "meta-data/events/recommendations/rebalance",
        "meta-data/autoscaling/target-lifecycle-state",
        "meta-data/none",
        "user-data",
    ):
        assert get(path) == (404, "")
    at = "2026-01-01T00:02:00Z"
    node.tell(target_lifecycle_state="Terminated", spot_action={"action": "terminate", "time": at})
    assert get("meta-data/autoscaling/target-lifecycle-state") == (200, "Terminated")
    assert get("meta-data/spot/instance-action")[1] == f'{{"action": "terminate", "time": "{at}"}}'
    node.tell(role=None)
    assert get("meta-data/iam/security-credentials/")[0] == 404


def test_a_token_is_wanted_and_ends(node: Node) -> None:
    node.start()
    path = "/latest/meta-data/instance-id"
    assert metadata(node, path)[0] == 401
    assert metadata(node, path, X_aws_ec2_metadata_token="made-up")[0] == 401
    for seconds in ("0", "21601", "x", "-1", ""):
        wrong = {"X_aws_ec2_metadata_token_ttl_seconds": seconds}
        assert metadata(node, "/latest/api/token", "PUT", **wrong)[0] == 400
    good = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}
    assert metadata(node, "/latest/api/token", "PUT", X_Forwarded_For="1.2.3.4", **good)[0] == 403
    assert metadata(node, "/latest/api/other", "PUT", **good)[0] == 405
    assert metadata(node, path, "DELETE")[0] == 405
    short, long = token(node, 1), token(node)
    wait_for(lambda: metadata(node, path, X_aws_ec2_metadata_token=short)[0] == 401, "its end")
    assert metadata(node, path, X_aws_ec2_metadata_token=long)[0] == 200


WHO = """
import botocore.session
found = botocore.session.get_session().get_credentials()
print(found.method, found.access_key, found.token)
"""


def test_its_processes_get_the_roles_credentials_and_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "somebody")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    (node.root / "who.py").write_text(WHO)
    node.start()
    ran = node.ask("run", script=f"/opt/fleet/python/bin/python {node.root}/who.py")
    assert ran["exit"] == 0, ran
    key = INSTANCE["credentials"]["AccessKeyId"]
    assert ran["stdout"] == f"iam-role {key} a-token\n"
    node.tell(credentials=None)
    ran = node.ask("run", script=f"/opt/fleet/python/bin/python {node.root}/who.py")
    assert "AttributeError" in ran["stderr"]  # there are none


# -- its life -------------------------------------------------------------------------------------


def test_user_data_runs_once_it_has_booted(node: Node) -> None:
    node.unit("works", READY, *NOTIFY)
    node.tell(
        user_data="#!/bin/sh\n"
        "echo $FLEET_ROOT $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID.\n"
        "/opt/fleet/python/bin/python -c 'import ops; print(ops.__name__)'\n"
        "systemctl daemon-reload && systemctl start works && echo up > /etc/fleet/up\n"
        "exit 3\n"
    )
    node.start(boot_seconds=0.5)
    assert node.ask("status")["state"] == "booting"
    assert node.ask("status")["user_data"] == {"state": "waiting"}
    wait_for(lambda: node.ask("status")["user_data"] == {"state": "done", "exit": 3}, "its end")
    assert node.log("user-data") == f"{node.root} {INSTANCE['endpoint']} .\nops\n"
    assert (node.root / "etc/fleet/up").exists()
    assert node.status("works")["active"] == "active"


def test_user_data_that_is_no_script_is_not_run(node: Node) -> None:
    node.tell(user_data="touch /etc/fleet/up\n")
    node.start()
    wait_for(lambda: node.ask("status")["user_data"] == {"state": "none"}, "its refusal")
    assert "expected a script that begins with #!" in node.log("machine")


def test_commands_run_and_are_ended_in_time(node: Node) -> None:
    node.start()
    script = "echo $AWS_SSM_INSTANCE_ID; ls /opt/fleet; echo wrong >&2; exit 5"
    ran = node.ask("run", script=script, timeout_seconds=30)
    assert (ran["exit"], ran["timed_out"]) == (5, False)
    assert (ran["stdout"], ran["stderr"]) == (f"{INSTANCE['instance_id']}\npython\n", "wrong\n")
    ran = node.ask("run", script="#!/usr/bin/env python3\nprint('x' * 100_000)")
    assert ran["stdout"] == "x" * 65_536
    pids = node.root / "pids"
    noted = f"sh -c 'echo $$ >> {pids}; exec sleep 3000'"
    script = f"{noted} & setsid {noted} & (setsid {noted} &) ; {noted}"
    answers = []

    def late() -> None:
        answers.append(ask(node.root, {"verb": "run", "script": script, "timeout_seconds": 3}))

    asking = threading.Thread(target=late)
    asking.start()
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 4, "its programs")
    four = [int(pid) for pid in pids.read_text().split()]
    assert node.ask("run", script="echo meanwhile")["stdout"] == "meanwhile\n"
    asking.join(30)
    (answer,) = answers
    assert (answer["exit"], answer["timed_out"]) == (-signal.SIGKILL, True)
    wait_for(lambda: all(ended(pid) for pid in four), "its programs to be ended")


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


@pytest.mark.parametrize("killed", ["its group", "the machine alone", "both at once"])
def test_a_machine_that_vanishes_leaves_nothing(node: Node, killed: str) -> None:
    node.unit("busy", FAMILY, *NOTIFY, "Restart=always")
    node.tell(user_data="#!/bin/sh\nsystemctl start busy\n")
    node.start()
    assert node.process is not None
    four = family(node)
    inner = node.ask("status")["pid"]
    assert inner != node.process.pid
    assert len(node.seen) >= 7
    if killed == "its group":
        node.signal(signal.SIGKILL)
    elif killed == "the machine alone":
        os.kill(inner, signal.SIGKILL)
    else:
        main = node.status("busy")["pid"]
        os.kill(inner, signal.SIGSTOP)  # it is not to see the keeper go
        for pid in (node.process.pid, inner):
            os.kill(pid, signal.SIGKILL)
        # Nobody is left to end the rest: the kernel ends what the machine itself started.
        wait_for(lambda: ended(main) and ended(inner), "its units to be ended")
        for pid in four:
            os.kill(pid, signal.SIGKILL)
    assert node.gone() in (-signal.SIGKILL, 128 + signal.SIGKILL)


def test_a_machine_ends_with_the_process_that_started_it(node: Node) -> None:
    """Also where a thread of it did, which has long ended."""
    node.unit("busy", FAMILY, *NOTIFY)
    node.tell(user_data="#!/bin/sh\nsystemctl start busy\n")
    code = (
        "import subprocess, sys, threading, signal\n"
        "started = []\n"
        "def start(): started.append(subprocess.Popen(sys.argv[1:], start_new_session=True))\n"
        "thread = threading.Thread(target=start); thread.start(); thread.join()\n"
        "print(started[0].pid, flush=True)\n"
        "signal.pause()\n"
    )
    command = [*MACHINE, "--folder", str(node.root)]
    with subprocess.Popen(
        [sys.executable, "-c", code, *command, "--address", node.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        keeper = int(parent.stdout.readline())
        try:
            wait_for((node.root / "machine.sock").exists, "the machine")
            all_ = psutil.Process(keeper)
            wait_for(lambda: len(all_.children(recursive=True)) >= 6, "its processes")
            seen = {keeper, *(child.pid for child in all_.children(recursive=True))}
        finally:
            parent.kill()
    wait_for(lambda: all(ended(pid) for pid in seen), "nothing to be left of it")


def test_what_cannot_be_a_machine_says_so_in_a_line(tmp_path: Path) -> None:
    def said(folder: Path, address: str) -> tuple[int, str]:
        ran = subprocess.run(
            [*MACHINE, "--folder", str(folder), "--address", address],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ran.returncode, ran.stderr

    code, text = said(tmp_path, next(ADDRESSES))
    assert code == 1
    assert text.startswith(f"machine: {tmp_path}/instance.json: expected an instance, found ")
    assert text.count("\n") == 1
    code, text = said(tmp_path, "0.0.0.0")
    assert code == 2
    assert "expected one of 127.0.0.0/8" in text


def test_a_machine_is_light(node: Node) -> None:
    node.start()
    inner = psutil.Process(node.ask("status")["pid"])
    assert inner.memory_info().rss < 20e6
    assert inner.num_threads() == 1
    modules = node.ask("run", script="cat /proc/$PPID/maps")["stdout"]
    assert "_ssl" not in modules


# -- the units of a real node ---------------------------------------------------------------------


@needs_systemd
@pytest.mark.parametrize("name", ["fleet-agent.service", "fleet-worker@.service"])
def test_the_units_are_sound_and_sandboxed(tmp_path: Path, name: str) -> None:
    assert_sound_and_sandboxed(tmp_path, name, exposure_at_most=2.0)
