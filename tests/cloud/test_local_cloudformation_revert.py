"""Change sets of the local AWS that compare with what is there, and put back what drifted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_stacks import Stacks, client, of, queue

REVERT: dict[str, Any] = {"DeploymentMode": "REVERT_DRIFT"}


@pytest.fixture
def stacks(aws: str) -> Stacks:
    return Stacks(aws)


def shown(proposed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The changes of a change set, by logical ids."""
    changes = [each["ResourceChange"] for each in proposed["Changes"]]
    return {each["LogicalResourceId"]: each for each in changes}


def seconds(aws: str, name: str) -> str:
    sqs = client(aws, "sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    value: str = found["Attributes"]["VisibilityTimeout"]
    return value


def hide_for(aws: str, name: str, value: int) -> None:
    sqs = client(aws, "sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(value)})


def test_what_was_changed_is_put_back_and_what_was_deleted_is_made_again(
    aws: str, stacks: Stacks
) -> None:
    template = of(
        Changed=queue(QueueName="revert-changed", VisibilityTimeout=30),
        Gone=queue(QueueName="revert-gone", VisibilityTimeout=40),
        Same=queue(QueueName="revert-same"),
    )
    assert stacks.apply("revert", template, "CREATE") == "CREATE_COMPLETE"
    none = stacks.propose("revert", template, **REVERT)
    assert (none["Status"], none["DeploymentMode"]) == ("FAILED", "REVERT_DRIFT")
    assert none["StackDriftStatus"] == "IN_SYNC"
    assert "didn't contain changes" in none["StatusReason"]

    hide_for(aws, "revert-changed", 99)
    client(aws, "sqs").delete_queue(QueueUrl=stacks.physical("revert")["Gone"])
    # A change set that compares templates alone sees nothing of it.
    assert "didn't contain changes" in stacks.propose("revert", template)["StatusReason"]

    proposed = stacks.propose("revert", template, **REVERT)
    assert proposed["StackDriftStatus"] == "DRIFTED"
    changes = shown(proposed)
    assert set(changes) == {"Changed", "Gone"}
    assert changes["Gone"]["Action"] == "Add"
    assert changes["Gone"]["ResourceDriftStatus"] == "DELETED"
    assert (changes["Changed"]["Action"], changes["Changed"]["Replacement"]) == ("Modify", "False")
    assert changes["Changed"]["ResourceDriftStatus"] == "MODIFIED"
    (detail,) = changes["Changed"]["Details"]
    target = detail["Target"]
    assert target["Drift"].pop("DriftDetectionTimestamp")
    assert target == {
        "Attribute": "Properties",
        "Name": "VisibilityTimeout",
        "RequiresRecreation": "Never",
        "Path": "/Properties/VisibilityTimeout",
        "BeforeValue": "99",
        "AfterValue": "30",
        "BeforeValueFrom": "ACTUAL_STATE",
        "AfterValueFrom": "TEMPLATE",
        "Drift": {"PreviousValue": "30", "ActualValue": "99"},
        "AttributeChangeType": "Modify",
    }
    assert stacks.execute(proposed) == "UPDATE_COMPLETE"
    assert (seconds(aws, "revert-changed"), seconds(aws, "revert-gone")) == ("30", "40")
    assert stacks.drifts("revert") == {}


def test_a_change_of_the_template_is_shown_against_what_is_there(aws: str, stacks: Stacks) -> None:
    def template(first: int, second: int) -> dict[str, Any]:
        return of(
            One=queue(QueueName="agree-one", VisibilityTimeout=first),
            Two=queue(QueueName="agree-two", VisibilityTimeout=second),
        )

    assert stacks.apply("revert-agree", template(30, 30), "CREATE") == "CREATE_COMPLETE"
    hide_for(aws, "agree-one", 50)
    hide_for(aws, "agree-two", 50)
    proposed = stacks.propose("revert-agree", template(50, 60), **REVERT)
    changes = shown(proposed)
    assert changes["One"]["Action"] == "SyncWithActual"
    two = changes["Two"]["Details"][0]["Target"]
    assert (two["BeforeValue"], two["AfterValue"]) == ("50", "60")
    assert two["Drift"]["PreviousValue"] == "30"
    assert stacks.execute(proposed) == "UPDATE_COMPLETE"
    assert (seconds(aws, "agree-one"), seconds(aws, "agree-two")) == ("50", "60")
    assert stacks.drifts("revert-agree") == {}


def test_tags_of_others_stay(aws: str, stacks: Stacks) -> None:
    template = of(One=queue(QueueName="tags-one", Tags=[{"Key": "ours", "Value": "1"}]))
    assert stacks.apply("revert-tags", template, "CREATE") == "CREATE_COMPLETE"
    sqs, url = client(aws, "sqs"), stacks.physical("revert-tags")["One"]
    sqs.tag_queue(QueueUrl=url, Tags={"theirs": "2"})
    assert (
        "didn't contain changes"
        in stacks.propose("revert-tags", template, **REVERT)["StatusReason"]
    )
    sqs.tag_queue(QueueUrl=url, Tags={"ours": "3"})
    assert stacks.apply("revert-tags", template, **REVERT) == "UPDATE_COMPLETE"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"ours": "1", "theirs": "2"}


def test_an_update_that_fails_goes_back_to_what_was_there(aws: str, stacks: Stacks) -> None:
    def template(topic: str) -> dict[str, Any]:
        last = {
            "Type": "AWS::SNS::Subscription",
            "DependsOn": ["One", "Gone"],
            "Properties": {"TopicArn": topic, "Protocol": "email", "Endpoint": "a@example.com"},
        }
        return of(
            One=queue(QueueName="back-one", VisibilityTimeout=30),
            Gone=queue(QueueName="back-gone"),
            **({"Last": last} if topic else {}),
        )

    assert stacks.apply("revert-back", template(""), "CREATE") == "CREATE_COMPLETE"
    hide_for(aws, "back-one", 99)
    sqs = client(aws, "sqs")
    sqs.delete_queue(QueueUrl=stacks.physical("revert-back")["Gone"])
    proposed = stacks.propose(
        "revert-back", template("arn:aws:sns:eu-central-1:123456789012:none"), **REVERT
    )
    assert set(shown(proposed)) == {"One", "Gone", "Last"}
    assert stacks.execute(proposed) == "UPDATE_ROLLBACK_COMPLETE"
    assert seconds(aws, "back-one") == "99"
    with pytest.raises(ClientError, match="does not exist"):
        sqs.get_queue_url(QueueName="back-gone")
    assert set(stacks.drifts("revert-back")) == {"One", "Gone"}
    expected = json.loads(stacks.drifts("revert-back")["One"]["ExpectedProperties"])
    assert expected["VisibilityTimeout"] == 30
    assert stacks.apply("revert-back", template(""), **REVERT) == "UPDATE_COMPLETE"
    assert stacks.drifts("revert-back") == {}


def test_it_is_of_stacks_that_are_there(stacks: Stacks) -> None:
    with pytest.raises(ClientError, match="DeploymentMode REVERT_DRIFT with CREATE"):
        stacks.propose("revert-never", of(One=queue()), "CREATE", **REVERT)
