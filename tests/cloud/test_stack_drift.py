"""What was changed by hand in what stacks made: told, put back, or by a window of scaling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.cloud.drifting import TOUCHING, bounds, by_hand, plan, visibility
from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_shop import Shop, finished, shop_alone

# A dozen commands, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_alone(tmp_path_factory.mktemp("drift"), "drift") as shop:
        shop.write({"mail": TOUCHING})
        shop.ok("stack", "apply", "--yes")
        shop.client("autoscaling").suspend_processes(
            AutoScalingGroupName="drift-mail", ScalingProcesses=["Launch"]
        )
        yield shop


def test_windows_are_actions_of_their_moments_and_what_the_engine_keeps_is_noted(
    shop: Shop,
) -> None:
    found = shop.client("autoscaling").describe_scheduled_actions(AutoScalingGroupName="drift-mail")
    assert {
        (one["Recurrence"], one["MinSize"]) for one in found["ScheduledUpdateGroupActions"]
    } == {("0 8 * * 1", 2), ("0 12 * * 1", 3), ("0 18 * * 1", 0)}
    note = (
        "fleet.toml: queues.mail.scaling.windows[2]: its min is kept by the scaling engine, not by "
        "the group while no engine runs: it goes by dates, and its group has other windows"
    )
    assert note in shop.ok("stack", "plan", "mail").stderr.splitlines()
    assert json.loads(shop.ok("stack", "plan", "mail", "--json").stdout)["notes"] == [note]


def test_windows_of_other_times_take_the_place_of_the_first(shop: Shop) -> None:
    inner = '  { begins = "0 9 * * 1", ends = "0 10 * * 1", min = 4 },\n]'
    shop.write({"mail": TOUCHING.replace("]\n", f"{inner}\n").replace("min = 2", "min = 1")})
    shop.ok("stack", "apply", "mail", "--yes")
    found = shop.client("autoscaling").describe_scheduled_actions(AutoScalingGroupName="drift-mail")
    assert {
        (one["Recurrence"], one["MinSize"]) for one in found["ScheduledUpdateGroupActions"]
    } == {
        ("0 8 * * 1", 1),
        ("0 9 * * 1", 4),
        ("0 10 * * 1", 1),
        ("0 12 * * 1", 3),
        ("0 18 * * 1", 0),
    }
    shop.write({"mail": TOUCHING})
    shop.ok("stack", "apply", "mail", "--yes")


def test_a_minimum_that_a_window_has_set_is_no_drift(shop: Shop) -> None:
    assert bounds(shop, MinSize=3) == (3, 4)
    ran = shop.ok("stack", "drift")
    assert ran.stdout == ""
    assert (
        "drift-queue-mail: Group.MinSize: a window of scaling has set it to 3, which is no drift"
    ) in ran.stderr.splitlines()
    told = json.loads(shop.ok("stack", "drift", "--json").stdout)
    assert (told["drift"], [one["found"] for one in told["by_windows"]]) == ([], ["3"])
    ran = shop.run("stack", "plan", "mail", "--revert-drift")
    assert (ran.returncode, ran.stdout) == (0, "")

    bounds(shop, MinSize=1)
    ran = shop.run("stack", "drift", "mail", "--json")
    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert [one["found"] for one in told["drift"]] == ["1"]
    assert told["by_windows"] == []
    shop.ok("stack", "apply", "mail", "--revert-drift", "--yes")
    assert bounds(shop) == (0, 4)


DRIFTED = {
    ("drift-shared", "WaitingTable", "make again"),
    ("drift-shared", "ForwarderRule", "put back"),
    ("drift-queue-mail", "Messages", "put back"),
    ("drift-queue-mail", "DeadLetters", "make again"),
    ("drift-queue-mail", "Group", "put back"),
}


def test_what_was_done_by_hand_is_told_with_its_remedy_and_put_back(shop: Shop) -> None:
    before = visibility(shop, "mail")
    by_hand(shop)

    # Templates alone have nothing to say of it, and do not claim to.
    ran = shop.ok("stack", "plan", "mail")
    assert ran.stdout == ""
    assert ran.stderr.splitlines()[-1] == (
        "the templates bring no change; what was changed by hand: ops stack drift"
    )
    ran = shop.ok("stack", "apply", "mail", "--yes")
    assert ran.stdout == ""
    assert "drift-queue-mail: the template brings no change" in ran.stderr

    ran = shop.run("stack", "drift")
    assert ran.returncode == 3
    assert max(map(len, ran.stdout.splitlines())) < 200
    assert "put it back: ops stack apply --revert-drift --yes" in ran.stderr.splitlines()[-1]
    told = json.loads(shop.run("stack", "drift", "--json").stdout)
    drifts = {(one["resource"], one["property"]): one for one in told["drift"]}
    assert set(drifts) == {
        ("WaitingTable", None),
        ("ForwarderRule", "State"),
        ("Messages", "VisibilityTimeout"),
        ("DeadLetters", None),
        ("Group", "MaxSize"),
        ("Group", "LifecycleHookSpecificationList.1"),
    }
    hook = drifts["Group", "LifecycleHookSpecificationList.1"]["wanted"]
    assert json.loads(hook)["LifecycleHookName"] == "fleet-leave"
    assert hook not in ran.stdout
    assert re.search(r"\{\S{10,20} \.\.\. \S{10,20}\}\s+null", ran.stdout)

    ran = shop.run("stack", "plan", "--revert-drift", "--json")
    assert ran.returncode == 3
    rows = json.loads(ran.stdout)["changes"]
    assert {(one["stack"], one["resource"], one["change"]) for one in rows} >= DRIFTED
    what = {one["resource"]: one["what"] for one in rows if one["change"] == "put back"}
    assert what["Messages"] == f"VisibilityTimeout 99 -> {before}"
    assert what["ForwarderRule"] == "State DISABLED -> ENABLED"
    assert what["Group"]
    assert [one["what"] for one in rows if one["what"] == "MaxSize 7 -> 4"]
    assert "make them with ops stack apply --revert-drift --yes" in ran.stderr
    assert (visibility(shop, "mail"), bounds(shop)) == ("99", (3, 7))
    assert shop.proposed() == []

    ran = shop.ok("stack", "apply", "--revert-drift", "--yes")
    assert visibility(shop, "mail") == before
    # The least is a window's.
    assert bounds(shop) == (3, 4)
    hooks = shop.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="drift-mail")
    assert {one["LifecycleHookName"] for one in hooks["LifecycleHooks"]} == {
        "fleet-join",
        "fleet-leave",
    }
    assert shop.client("events").describe_rule(Name="drift-forwarder")["State"] == "ENABLED"
    assert shop.queue_url("mail-dlq")
    assert "drift-waiting" in shop.client("dynamodb").list_tables()["TableNames"]
    shop.ok("stack", "drift")
    assert shop.ok("stack", "plan", "mail", "--revert-drift").stderr.splitlines()[-1] == (
        "the templates bring no change, and nothing that CloudFormation compares was changed by "
        "hand"
    )


def test_what_the_template_changes_as_well_is_done_with_it(shop: Shop) -> None:
    visibility(shop, "mail", "77")
    shop.write({"mail": f'lease = "95s"\n{TOUCHING}'})
    rows = {resource: (change, what) for _, change, resource, what in plan(shop)}
    assert rows["Messages"] == ("put back", "VisibilityTimeout 77 -> 95")
    shop.ok("stack", "apply", "mail", "--revert-drift", "--yes")
    assert visibility(shop, "mail") == "95"


def test_no_maximum_is_put_below_the_nodes_that_run(shop: Shop) -> None:
    shop.write({"mail": TOUCHING})
    shop.ok("stack", "apply", "mail", "--yes")
    bounds(shop, MinSize=0, MaxSize=7, DesiredCapacity=6)
    (row,) = plan(shop)
    assert row == ("drift-queue-mail", "change", "Group", "MaxSize")
    # In the template too: whether this kind of change set leaves sizes alone is not documented.
    ran = shop.ok("stack", "apply", "mail", "--revert-drift", "--yes")
    assert "drift-mail: 6 nodes run, and nodes.max is 4: its MaxSize is 6 for now" in ran.stderr
    assert bounds(shop, DesiredCapacity=0) == (0, 6)
    shop.ok("stack", "apply", "mail", "--yes")
    assert bounds(shop) == (0, 4)


def test_a_deleted_bucket_comes_again_with_the_code_of_the_lambdas(shop: Shop) -> None:
    s3 = shop.client("s3")
    there = s3.list_object_versions(Bucket=shop.bucket)
    for one in [*there.get("Versions", ()), *there.get("DeleteMarkers", ())]:
        s3.delete_object(Bucket=shop.bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=shop.bucket)
    # The Lambdas have the manifest with them, hence new code.
    shop.write({"mail": f'lease = "80s"\n{TOUCHING}'})
    shop.ok("stack", "apply", "--revert-drift", "--yes")
    again = {one["Key"] for one in s3.list_objects_v2(Bucket=shop.bucket)["Contents"]}
    (shared,) = shop.client("cloudformation").describe_stacks(StackName="drift-shared")["Stacks"]
    given = {one["ParameterKey"]: one["ParameterValue"] for one in shared["Parameters"]}
    assert given["Code"] in again
    shop.ok("stack", "drift")


def test_what_is_not_put_back_is_told_in_the_end(shop: Shop) -> None:
    shop.write({"mail": TOUCHING})
    shop.ok("stack", "apply", "mail", "--yes")
    before = visibility(shop, "mail")
    visibility(shop, "mail", "66")
    shop.fault(service="cloudformation", operation="DetectStackDrift", delay_seconds=20.0, times=1)
    process = shop.process("stack", "apply", "mail", "--revert-drift", "--yes")
    until(lambda: visibility(shop, "mail") == before or None, "it is put back")
    until(lambda: shop.stacks()["drift-queue-mail"] == "UPDATE_COMPLETE" or None, "the update")
    # Somebody changes it again before it is compared.
    visibility(shop, "mail", "67")
    admin(shop.url, "faults", "DELETE")
    ran = finished(process)
    assert ran.returncode == 3
    assert ran.stderr.splitlines()[-1] == (
        "drift-queue-mail: Messages.VisibilityTimeout: it was not put back: "
        f"expected {before}, found 67: run it again, or do it by hand"
    )
