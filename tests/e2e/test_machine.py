"""Machines of the local AWS: they boot, run scripts, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ops.local.machine.client import ask
from tests.e2e.fleet import ended, wait_for
from tests.e2e.machines import ADDRESSES, FAMILY, INSTANCE, NOTIFY, READY, Node, family, machine
from tests.e2e.sandbox import assert_sound_and_sandboxed, needs_systemd

MACHINE = (sys.executable, "-m", "ops.local.machine")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with machine(tmp_path / "i-1", next(ADDRESSES)) as found:
        yield found


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


@needs_systemd
@pytest.mark.parametrize("name", ["fleet-agent.service", "fleet-worker@.service"])
def test_the_units_are_sound_and_sandboxed(tmp_path: Path, name: str) -> None:
    assert_sound_and_sandboxed(tmp_path, name, exposure_at_most=2.0)
