"""A whole local fleet by `ops` alone: queues that come and go, plans that are refused, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from ops.local.machine.processes import below, table
from ops.local.running import began
from tests.e2e.whole import NAME, PATIENCE_SECONDS, until, whole

# Stacks, nodes and workers, one after the other.
pytestmark = pytest.mark.timeout(900)


def test_a_queue_is_declared_scaled_from_zero_to_zero_and_removed(tmp_path: Path) -> None:
    # Where people work lies deeper than the path of a socket may be long.
    with whole(tmp_path / "deep" / ("x" * 90)) as fleet:
        fleet.write("mail")
        # The scaling Lambda is run by its rule, every four seconds in place of a minute.
        fleet.up("--minute", "4s")
        fleet.ops("stack", "apply", "--yes")
        assert fleet.ops("stack", "plan").stdout == ""

        fleet.write("mail", "news")
        plan = fleet.ops("stack", "plan", "--json", code=3)
        assert "ops stack apply --yes" in plan.stderr
        planned = json.loads(plan.stdout)["changes"]
        made = {each["resource"]: each for each in planned if each["stack"] == f"{NAME}-queue-news"}
        assert {"Messages", "DeadLetters", "Group", "NodeTemplate", "NodeRole"} <= set(made)
        assert {each["change"] for each in made.values()} == {"create"}
        # Nothing of the other queue's, and of what is shared nothing is lost.
        assert f"{NAME}-queue-mail" not in {each["stack"] for each in planned}
        assert {each["change"] for each in planned} <= {"create", "change"}
        assert "news" not in str(fleet.json("local", "status")["groups"])

        fleet.ops("stack", "apply", "--yes")
        fleet.ops("release", "put")
        assert not fleet.nodes()
        keys = fleet.publish("news", "hold", count=6)
        held = fleet.ops("stack", "destroy", "news", "--yes", code=1)
        assert f"{NAME}-news: expected no messages, found " in held.stderr
        assert "--force" in held.stderr
        fleet.let_go(*keys)
        fleet.wait_done(keys)
        fleet.none_left()
        fleet.once_each()
        assert not any(fleet.queues().values())

        fleet.ops("stack", "destroy", "news", "--yes")
        assert f"{NAME}-news" not in fleet.queues()
        fleet.write("mail")
        fleet.ops("stack", "apply", "--yes")
        assert fleet.ops("stack", "plan").stdout == ""

        pid = fleet.json("local", "status")["pid"]
        pids = [pid, *below(pid, table())]
        assert "processes ended" in fleet.ops("local", "down").stdout
        assert [each for each in pids if began(each) is not None] == []
        assert not fleet.processes()


def test_what_cannot_be_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write("mail")
        fleet.up()
        plain = fleet.manifest.read_text()
        for wrong, right, said in (
            (
                plain.replace('drain_budget = "2m"', 'drain_budget = "10h"'),
                'nodes.heartbeat = "6m"',
                "queues.mail.drain_budget: expected at most 50m",
            ),
            (
                f"{plain}\n[aws]\ninstances_quota = 3\n",
                "lower nodes.max",
                "aws.instances_quota: expected the queues to have at most 3 instances together",
            ),
        ):
            fleet.manifest.write_text(wrong)
            for verb in (("plan",), ("apply", "--yes")):
                refused = fleet.ops("stack", *verb, code=2)
                assert said in refused.stderr
                assert right in refused.stderr
        assert not fleet.client("cloudformation").describe_stacks()["Stacks"]


def test_queues_that_are_there_are_imported_with_what_they_hold(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write("mail")
        fleet.up()
        fleet.ops("queues", "apply", "--yes")
        fleet.publish("mail", "nap", 0.0, count=3)
        planned = fleet.json("stack", "plan", code=3)["changes"]
        imported = {each["resource"] for each in planned if each["change"] == "import"}
        assert {"Messages", "DeadLetters", "DelayQueue"} <= imported
        fleet.ops("stack", "apply", "--yes")
        assert fleet.queues()[f"{NAME}-mail"] == 3
        assert fleet.ops("stack", "plan").stdout == ""
        assert fleet.ops("queues", "apply").stdout == ""


def test_ctrl_c_says_what_goes_on_and_again_it_finishes(tmp_path: Path) -> None:
    with whole(tmp_path) as fleet:
        fleet.write("mail", "news")
        fleet.up()
        cloudformation = fleet.client("cloudformation")

        def statuses() -> dict[str, str]:
            stacks = cloudformation.describe_stacks()["Stacks"]
            return {each["StackName"]: each["StackStatus"] for each in stacks}

        applying = subprocess.Popen(
            fleet.command("stack", "apply", "--yes"),
            cwd=fleet.folder,
            env=fleet.environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        until("its first stack", lambda: "CREATE_IN_PROGRESS" in statuses().values())
        applying.send_signal(signal.SIGINT)
        _, said = applying.communicate(timeout=PATIENCE_SECONDS)
        assert applying.returncode == 130, said
        assert "Traceback" not in said
        assert f"CloudFormation goes on with {NAME}-shared" in said.splitlines()[-1]
        until("rest", lambda: not any("PROGRESS" in each for each in statuses().values()))
        assert set(statuses()) == {f"{NAME}-shared"}
        fleet.ops("stack", "apply", "--yes")
        assert len(statuses()) == 3
        assert fleet.ops("stack", "plan").stdout == ""
