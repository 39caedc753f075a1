"""What is read out of CloudFormation's comparisons with what is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ops.stack.changes import Change, Proposal, read_changes
from ops.stack.drift import Drift, differences

QUEUE = "AWS::SQS::Queue"


def changed(action: str, **more: Any) -> dict[str, Any]:
    resource = {"Action": action, "LogicalResourceId": "Messages", "ResourceType": QUEUE, **more}
    return {"Type": "Resource", "ResourceChange": resource}


def drifted(name: str, actual: str | None, after: str | None) -> dict[str, Any]:
    values = {"Drift": {"ActualValue": actual}, "AfterValue": after}
    return {"Target": {"Attribute": "Properties", "Name": name, **values}}


def test_what_is_put_back_is_shown_with_what_is_there() -> None:
    details = [drifted("VisibilityTimeout", "99", "30"), drifted("Tags", None, "[]")]
    plain = {"Target": {"Attribute": "Properties", "Name": "DelaySeconds"}}
    (change,) = read_changes([{"Changes": [changed("Modify", Details=details)]}])
    assert change.action == "put back"
    assert change.what == ("VisibilityTimeout 99 -> 30", "Tags nothing -> []")
    (change,) = read_changes([{"Changes": [changed("Modify", Details=[*details, plain])]}])
    assert change.action == "change"
    replaced = changed("Modify", Details=details, Replacement="True")
    (change,) = read_changes([{"Changes": [replaced]}])
    assert (change.action, change.loses) == ("replace", True)


def test_what_is_put_back_beside_a_change_set_is_named_once() -> None:
    group = "AWS::AutoScaling::AutoScalingGroup"
    beside = Change("put back", "Group", group, "shop-mail", ("MinSize 2 -> 0", "MaxSize 7 -> 4"))
    alone = Proposal("s", new=False)
    assert alone.also(beside).changes == (beside,)
    found = Change("put back", "Group", group, "shop-mail", ("MaxSize 7 -> 4", "Tags"))
    other = Change("put back", "StoppedNodes", group, what=("MinSize 3 -> 2",))
    both = Proposal("s", new=False, changes=(found, other)).also(beside)
    assert both.changes == (found, other, replace(beside, what=("MinSize 2 -> 0",)))
    assert both.also(beside) == both


def test_drift_is_a_line_a_property() -> None:
    found = {
        "LogicalResourceId": "Messages",
        "ResourceType": QUEUE,
        "StackResourceDriftStatus": "MODIFIED",
        "PropertyDifferences": [
            {"PropertyPath": "/Tags/0/Value", "ExpectedValue": "a", "ActualValue": "b" * 300},
            {"PropertyPath": "/DelaySeconds", "ExpectedValue": "0", "DifferenceType": "REMOVE"},
        ],
    }
    one, other = (drift.row() for drift in differences("s", found))
    assert one["property"] == "Tags.0.Value"
    assert (one["wanted"], one["found"]) == ("a", "b" * 300)
    assert (other["property"], other["found"]) == ("DelaySeconds", None)


def test_what_is_gone_is_drift_as_well() -> None:
    found = {
        "LogicalResourceId": "Messages",
        "ResourceType": QUEUE,
        "StackResourceDriftStatus": "DELETED",
    }
    assert list(differences("s", found)) == [Drift("s", "Messages", QUEUE)]
    assert Drift("s", "Messages", QUEUE).row()["found"] == "deleted"
