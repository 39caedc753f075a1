"""A whole local fleet by the clock, and a node that waited for it in a warm pool."""

from __future__ import annotations

import json
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.whole import NAME, Whole, until, whole

# Stacks, nodes and workers, one after the other.
pytestmark = pytest.mark.timeout(600)


def clock(fleet: Whole, to: datetime | None = None) -> datetime:
    """Return the time of the fleet's AWS, once it is turned to one."""
    url = f"{fleet.env['AWS_ENDPOINT_URL']}/_fleet/clock"
    body = None if to is None else json.dumps({"time": to.isoformat()}).encode()
    with urllib.request.urlopen(url, body, timeout=30) as answer:
        return datetime.fromisoformat(json.load(answer)["time"])


def warmed(fleet: Whole) -> set[str]:
    """The nodes that wait in the pool, stopped."""
    return {id for id, each in fleet.nodes("warm").items() if each.state == "Warmed:Stopped"}


def group(fleet: Whole, queue: str) -> dict[str, Any]:
    scaling = fleet.client("autoscaling")
    (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[f"{NAME}-{queue}"])[
        "AutoScalingGroups"
    ]
    return dict(found)


def test_a_node_of_the_warm_pool_begins_work_with_the_release_of_then(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write("warm", warm="nodes.warm_pool = 1\nnodes.on_demand_percent = 100")
        fleet.up("--minute", "1h")
        fleet.ops("stack", "apply", "--yes")
        fleet.ops("release", "put", "--release", "first")
        early = fleet.publish("warm", "nap", 0.0)
        (node,) = until("a node in the pool", lambda: warmed(fleet))
        # It came up as far as a worker that is paused, and took nothing nor said a word.
        assert fleet.has_said(node, "agent", "does not receive: in the warm pool")
        joined = {"LifecycleHookName": "fleet-join"}
        assert len(fleet.calls("CompleteLifecycleAction", node, **joined)) == 1
        assert not fleet.registered("warm")
        assert not fleet.calls("UpdateItem", node)
        assert not fleet.calls("ReceiveMessage", node)
        assert fleet.places() == {}
        assert node not in fleet.processes().values()
        assert (group(fleet, "warm")["Instances"], group(fleet, "warm")["WarmPoolSize"]) == ([], 1)

        fleet.ops("release", "put", "--release", "second")
        fleet.engine()
        (held,) = fleet.publish("warm", "hold")
        assert fleet.wait_begun([held, *early]) == dict.fromkeys((held, *early), node)
        assert {line["release"] for line in fleet.lines()} == {"second"}
        assert list(fleet.registered("warm")) == [node]
        until(
            "its joining once more",
            lambda: len(fleet.calls("CompleteLifecycleAction", node, **joined)) == 2,
        )
        # Another one takes its place in the pool; the first ends once it is not needed.
        (next_,) = until("the next", lambda: warmed(fleet) - {node}, else_=fleet.said)
        assert set(fleet.nodes("warm")) == {node, next_}
        fleet.let_go(held)
        until("its end", lambda: set(fleet.nodes("warm")) == {next_}, else_=fleet.said)
        until("its word", lambda: not fleet.registered("warm"))
        assert warmed(fleet) == {next_}
        fleet.once_each()

        fleet.ops("stack", "drift")
        (shown,) = fleet.json("local", "status")["nodes"]
        assert (shown["state"], shown["machine"], shown["pid"]) == (
            "Warmed:Stopped",
            "stopped",
            None,
        )
        fleet.ops("stack", "destroy", "warm", "--yes")
        until("no node", lambda: not fleet.nodes())


def test_schedules_and_windows_of_the_manifest_come_by_the_clock(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write("timed")
        manifest = fleet.manifest.read_text().replace('"timed.*"', '"work.*"')
        arguments = json.dumps(["hourly", str(fleet.runs), 0.0])
        fleet.manifest.write_text(
            f"""{manifest}
[[queues.timed.scaling.windows]]
begins = "30 6 * * *"
ends = "0 8 * * *"
timezone = "Asia/Kolkata"
min = 1

[schedules.hourly]
cron = "40 6 * * *"
timezone = "Asia/Kolkata"
task = "work.nap"
args = {arguments}
"""
        )
        fleet.up("--minute", "1h")
        # After today's firing, whatever the time of day: it is tomorrow's that is waited for.
        today = clock(fleet).replace(hour=12, minute=0, second=0, microsecond=0)
        clock(fleet, max(clock(fleet), today))
        fleet.ops("stack", "apply", "--yes")
        fleet.ops("release", "put")
        stack = fleet.client("cloudformation")
        (role,) = [
            each["PhysicalResourceId"]
            for each in stack.describe_stack_resources(StackName=f"{NAME}-shared")["StackResources"]
            if each["LogicalResourceId"] == "SchedulesRole"
        ]
        arn = fleet.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        fleet.ops("schedules", "apply", "--role-arn", arn, "--yes")

        # No engine runs: the group's own minimum is what launches and holds a node.
        day = clock(fleet) + timedelta(days=1)
        begins = day.replace(hour=1, minute=0, second=0, microsecond=0)
        clock(fleet, begins)
        assert group(fleet, "timed")["MinSize"] == 1
        (node,) = fleet.serving("timed", 1)
        assert fleet.places() == {}
        clock(fleet, begins + timedelta(minutes=10))
        fleet.wait_done(["hourly"])
        assert fleet.places() == {"hourly": node}
        (sent,) = [
            call
            for call in map(json.loads, (fleet.state / "calls.jsonl").read_text().splitlines())
            if call["role"] == role
        ]
        assert (sent["action"], sent["who"], sent["error"]) == ("sqs:SendMessage", "hourly", "")
        clock(fleet, begins + timedelta(hours=1, minutes=30))
        assert group(fleet, "timed")["MinSize"] == 0
