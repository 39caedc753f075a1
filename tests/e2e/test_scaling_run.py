"""The scaling engine as real processes: one acts, whatever ends, stops or fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ops.local.aws import local_aws
from ops.scaling.model import Node
from tests.e2e.fleet import PATIENCE_SECONDS, wait_for
from tests.e2e.sandbox import assert_sound_and_sandboxed, needs_systemd
from tests.e2e.scaling import TERMINATE, Daemon, Scaled, resident_mb, scaled, stopped
from tests.e2e.watching import systemd
from tests.faulty import Fault

CLAIM = "claimed_by"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield url


@pytest.fixture
def on(aws: str, tmp_path: Path) -> Iterator[Scaled]:
    with scaled(tmp_path, aws) as fleet:
        yield fleet


def same(on: Scaled, daemon: Daemon) -> int:
    """Replay a daemon's journal, all the same; return how many decisions it has."""
    done = on.ops("scaling", "replay", str(daemon.journal), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["differ"], found["left_out"]) == (0, {})
    decisions: int = found["decisions"]
    return decisions


def booted(on: Scaled, nodes: int) -> None:
    """The nodes that were launched have booted and receive, and what was sent is done."""
    wait_for(lambda: on.desired("video") == nodes, f"{nodes} launches")
    on.follow()
    on.clock.turn(400)  # the launch has cooled down
    on.follow()
    on.follow()
    assert len(on.nodes) == nodes
    on.purge("video")


def test_two_engines_one_is_ended_one_is_killed(on: Scaled) -> None:
    first = on.daemon("--every", "1s")
    first.wait("acting")
    second = on.daemon("--every", "1s")
    second.wait("standing by: another engine acts")
    on.send("video", 12)
    booted(on, 3)
    with on.following():
        assert first.end(signal.SIGTERM) == 0
        second.wait("acting")  # at once: the lease was given up
        third = on.daemon("--every", "1s")
        third.wait("standing by")
        assert second.end(signal.SIGKILL) == -signal.SIGKILL
        time_before = len(third.log)
        on.clock.turn(30)  # the lease lapses
        third.wait("acting")
        assert len(third.log) > time_before
        for _ in range(20):
            if on.desired("video") == 0:
                break
            on.clock.turn(100)
            before = on.desired("video")
            wait_for(partial(less, on, before), "a node less")
    assert on.nodes.killed == 0
    assert on.nodes.wrongs == []
    assert set(on.decrements().values()) == {1}
    assert len(on.decrements()) == 3
    assert third.end(signal.SIGINT) == 130
    assert "Traceback" not in first.log + second.log + third.log
    assert third.log.count("standing by") == 1
    assert sum(same(on, each) for each in on.daemons) >= 4


@pytest.mark.parametrize("when", ["claimed", "terminating"])
def test_an_engine_that_stood_still_in_the_middle_ends_nothing_twice(on: Scaled, when: str) -> None:
    """Stopped between the claim and the one decrement, or while that is on its way."""
    first = on.daemon("--every", "1s")
    first.wait("acting")
    on.send("video", 8)
    booted(on, 2)
    fault = (
        Fault("slow", action="TransactWriteItems", contains=CLAIM, seconds=0.7)
        if when == "claimed"
        else Fault("slow", action=TERMINATE, seconds=0.7)
    )
    on.proxy.fail(fault)

    def struck() -> bool:
        on.follow()
        return any(call.struck for call in on.proxy.calls(fault.action))

    wait_for(struck, "a node to be claimed")
    first.deliver(signal.SIGSTOP)
    wait_for(lambda: stopped(first.child.pid), "it to stand still")
    wait_for(lambda: any(node.claimed_at for node in registered(on)), "the claim to be there")
    on.proxy.clear()
    on.clock.turn(60)
    on.follow()
    second = on.daemon("--every", "1s")
    second.wait("acting")
    first.deliver(signal.SIGCONT)
    first.wait("standing by")
    # A claim that nobody saw through is one to replace, which takes nothing off what is desired.
    for _ in range(20):
        on.follow()
        if on.desired("video") == 0:
            break
        on.clock.turn(130)
        on.follow()
        wait_for(lambda: "s" in second.log, "a tick")
        time_passes(on)
    wait_for(lambda: on.desired("video") == 0, "all to be ended")
    assert max(on.decrements().values()) == 1
    on.follow()
    assert (on.nodes.killed, on.nodes.wrongs) == (0, [])
    assert on.account.group("video")["Instances"] == []


def less(on: Scaled, before: int) -> bool:
    """Whether a node less than before is wanted, where there was one."""
    return before == 0 or on.desired("video") < before


def registered(on: Scaled) -> list[Node]:
    found = on.account.registry(counted=False).read(on.clock.time()).nodes.get("video", ())
    return list(found)


def time_passes(on: Scaled) -> None:
    """Until each engine has ticked once more."""
    before = on.proxy.count("Query")
    wait_for(lambda: on.proxy.count("Query") > before + 1, "two ticks")


def test_what_aws_answers_never_ends_it(on: Scaled) -> None:
    for action in ("UpdateItem", "GetQueueAttributes"):
        on.proxy.fail(Fault("error", action=action, code="AccessDenied"))
    daemon = on.daemon("--every", "1s")
    daemon.wait("the lease cannot be renewed")
    on.proxy.clear()
    on.proxy.fail(
        Fault("error", action="GetQueueAttributes", code="AccessDenied"),
        Fault("status", action="DescribeAutoScalingGroups", status=500),
    )
    daemon.wait("hold: the group is not known")
    on.proxy.clear()
    on.send("video", 1)
    wait_for(lambda: on.desired("video") == 1, "a launch")
    daemon.wait("launch 1")
    before = daemon.log.count("hold: the group is not known")
    time_passes(on)
    assert daemon.log.count("hold: the group is not known") == before == 1
    assert daemon.end() == 0
    assert "Traceback" not in daemon.log


def test_a_second_signal_ends_it_at_once(on: Scaled) -> None:
    daemon = on.daemon()
    daemon.wait("acting")
    on.proxy.fail(Fault("silent", action="GetQueueAttributes"))
    other = on.daemon("--every", "1s")
    other.wait("standing by")
    on.clock.turn(60)
    before = on.proxy.count("GetQueueAttributes")
    wait_for(lambda: on.proxy.count("GetQueueAttributes") > before, "a tick that hangs")
    other.deliver(signal.SIGTERM)
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        other.child.process.wait(0.3)  # it finishes the tick in hand
    assert other.end(signal.SIGTERM) == -signal.SIGTERM
    assert time.monotonic() - began < 3


def test_it_tells_systemd_and_stays_small(on: Scaled, tmp_path: Path) -> None:
    with systemd(tmp_path) as listening:
        daemon = on.daemon(
            "--every", "1s", NOTIFY_SOCKET=listening.address, WATCHDOG_USEC="2000000"
        )
        wait_for(lambda: listening.count("READY=1"), "READY")
        wait_for(lambda: listening.count("WATCHDOG=1") >= 3, "the watchdog to be fed")
        assert any("STATUS=acting, 1 queues" in told for told in listening.told)
        assert resident_mb(daemon.child.pid) < 90
        assert daemon.end() == 0
        assert listening.count("STOPPING=1") == 1


def test_once_plan_and_explain(on: Scaled) -> None:
    on.send("video", 4)
    plan = on.ops("scaling", "plan")
    assert plan.returncode == 0, plan.stderr
    head, row = plan.stdout.splitlines()
    assert head.split() == ["queue", "nodes", "waiting", "oldest", "would", "why"]
    assert row.split()[:6] == ["video", "0/0/0", "4+0", "-", "launch", "1"]
    assert on.desired("video") == 0
    data = json.loads(on.ops("scaling", "plan", "--queue", "video", "--json").stdout)
    (queue,) = data["queues"]
    assert (queue["visible"], queue["actions"][0]["action"]) == (4, "launch")
    now = on.ops("scaling", "explain", "video")
    assert now.returncode == 0
    assert "  queue      4 visible, 0 in flight, 0 delayed (sqs:GetQueueAttributes, 0 s old)" in (
        now.stdout
    )
    assert now.stdout.splitlines()[-2:] == ["would do", "  launch 1, to 1"]
    once = on.ops("scaling", "run", "--once", "--json", "--journal", "j")
    assert once.returncode == 0, once.stderr
    ticked = json.loads(once.stdout)
    assert ticked["acts"]
    assert ticked["queues"]["video"]["actions"] == [
        {"action": "launch", "words": "launch 1, to 1", "result": "done", "trouble": ""}
    ]
    assert on.desired("video") == 1
    then = on.ops("scaling", "explain", "video", "--journal", "j")
    assert then.stdout.splitlines()[-2:] == ["done", "  launch 1, to 1: done"]
    on.account.client("autoscaling").delete_auto_scaling_group(
        AutoScalingGroupName=f"{on.account.name}-video", ForceDelete=True
    )
    gone = on.ops("scaling", "plan")
    assert gone.returncode == 3
    assert "the group is not known" in gone.stdout
    assert gone.stderr.startswith("video: group not known: absent: no group has the tags ")
    assert f"fleet:name={on.account.name} and fleet:queue=video: put them on" in gone.stderr
    # What would be decided on something unknown is no answer, whichever way it is asked for.
    gone = on.ops("scaling", "explain", "video")
    assert gone.returncode == 3
    assert "  group      not known: absent: no group has the tags " in gone.stdout
    assert on.ops("scaling", "explain", "video", "--journal", "j").returncode == 0
    gone = on.ops("scaling", "plan", "--json")
    (queue,) = json.loads(gone.stdout)["queues"]
    assert list(queue["unknown"]) == ["group"]
    for wrong in (["plan", "--queue", "mail"], ["run", "--every", "0s"], ["explain", "mail"]):
        assert on.ops("scaling", *wrong).returncode == 2


@pytest.mark.parametrize("verb", [["plan"], ["explain", "video"]])
def test_who_asks_is_told_what_is_waited_for(on: Scaled, verb: list[str]) -> None:
    on.send("video", 4)
    on.proxy.fail(Fault("silent", action="DescribeAutoScalingGroups"))
    asked = subprocess.Popen(
        [sys.executable, "-m", "ops", "scaling", *verb],
        env=on.env(),
        cwd=on.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asked.stderr is not None
    said = asked.stderr.readline()
    assert said == f"{verb[0]}: waiting for autoscaling:DescribeAutoScalingGroups\n"
    on.proxy.clear()
    out, _ = asked.communicate(timeout=PATIENCE_SECONDS)
    assert asked.returncode == 0
    assert "launch 1" in out


@needs_systemd
def test_the_unit_is_sound_and_sandboxed(tmp_path: Path) -> None:
    assert_sound_and_sandboxed(tmp_path, "ops-scaling.service", exposure_at_most=1.5)
