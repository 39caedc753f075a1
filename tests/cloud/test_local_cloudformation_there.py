"""Stacks of the local AWS beside what is there: imported, changed by hand, used, kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_stacks import Stacks, client, of, queue


@pytest.fixture
def stacks(aws: str) -> Stacks:
    return Stacks(aws)


def test_queues_that_are_there_are_imported(aws: str, stacks: Stacks) -> None:
    sqs = client(aws, "sqs")
    url = sqs.create_queue(QueueName="mine", Attributes={"VisibilityTimeout": "77"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    taken = stacks.apply("taken", of(Queue=queue(QueueName="mine")), "CREATE")
    assert taken == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons("taken")["Queue"]

    template = of(
        Queue={**queue(QueueName="mine", VisibilityTimeout=77), "DeletionPolicy": "Retain"}
    )
    proposed = stacks.propose(
        "imported",
        template,
        "IMPORT",
        ResourcesToImport=[
            {
                "ResourceType": "AWS::SQS::Queue",
                "LogicalResourceId": "Queue",
                "ResourceIdentifier": {"QueueUrl": url},
            }
        ],
    )
    assert [c["ResourceChange"]["Action"] for c in proposed["Changes"]] == ["Import"]
    assert stacks.execute(proposed) == "IMPORT_COMPLETE"
    assert stacks.drifts("imported") == {}
    assert lease(sqs, url) == "77"
    assert stacks.delete("imported") == "DELETE_COMPLETE"
    # Retained, with what is in it.
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"


def lease(sqs: Any, url: str) -> str:
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    return str(asked["Attributes"]["VisibilityTimeout"])


def test_what_an_import_does_not_say_may_be_set_back(aws: str, stacks: Stacks) -> None:
    sqs = client(aws, "sqs")
    attributes = {"VisibilityTimeout": "77", "MessageRetentionPeriod": "1209600"}
    url = sqs.create_queue(QueueName="said", Attributes=attributes, tags={"app": "x"})["QueueUrl"]
    template = of(Queue={**queue(QueueName="said"), "DeletionPolicy": "Retain"})
    entry = {
        "ResourceType": "AWS::SQS::Queue",
        "LogicalResourceId": "Queue",
        "ResourceIdentifier": {"QueueUrl": url},
    }
    taken = stacks.apply("said", template, "IMPORT", ResourcesToImport=[entry])
    assert taken == "IMPORT_COMPLETE"
    events = stacks.api.describe_stack_events(StackName="said")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert "Apply stack-level tags to imported resource if applicable." in reasons
    assert lease(sqs, url) == "30"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"app": "x"}


def test_what_is_there_is_taken_over_where_aws_would(aws: str, stacks: Stacks) -> None:
    key = {"AttributeName": "id", "AttributeType": "S"}
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [key],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    dynamodb = client(aws, "dynamodb")
    for name in ("there", "referred", "deletable"):
        dynamodb.create_table(TableName=name, **table)
    client(aws, "sqs").create_queue(QueueName="there")

    def resource(kind: str, policy: str, **properties: Any) -> dict[str, Any]:
        return {"Type": kind, "DeletionPolicy": policy, "Properties": properties}

    template = {
        "Parameters": {"Name": {"Type": "String", "Default": "referred"}},
        **of(
            Taken=resource("AWS::DynamoDB::Table", "Retain", TableName="there", **table),
            Referred=resource("AWS::DynamoDB::Table", "Retain", TableName={"Ref": "Name"}, **table),
            Deletable=resource("AWS::DynamoDB::Table", "Delete", TableName="deletable", **table),
            Queue=resource("AWS::SQS::Queue", "Retain", QueueName="there"),
        ),
    }
    proposed = stacks.propose("over", template, "CREATE", ImportExistingResources=True)
    changes = [change["ResourceChange"] for change in proposed["Changes"]]
    assert {each["LogicalResourceId"]: each["Action"] for each in changes} == {
        "Taken": "Import",
        "Referred": "Add",
        "Deletable": "Add",
        "Queue": "Add",
    }
    assert stacks.execute(proposed) == "ROLLBACK_COMPLETE"
    assert set(dynamodb.list_tables()["TableNames"]) >= {"deletable", "referred", "there"}
    only = of(Taken=template["Resources"]["Taken"])
    assert stacks.delete("over") == "DELETE_COMPLETE"
    assert stacks.apply("over2", only, "CREATE", ImportExistingResources=True) == "CREATE_COMPLETE"
    assert stacks.physical("over2") == {"Taken": "there"}


def test_drift_names_what_was_changed_by_hand(aws: str, stacks: Stacks) -> None:
    template = of(
        Changed=queue(QueueName="drift-changed", VisibilityTimeout=30),
        Gone=queue(QueueName="drift-gone"),
        Same=queue(QueueName="drift-same"),
    )
    assert stacks.apply("drift", template, "CREATE") == "CREATE_COMPLETE"
    assert stacks.drifts("drift") == {}
    urls, sqs = stacks.physical("drift"), client(aws, "sqs")
    sqs.set_queue_attributes(QueueUrl=urls["Changed"], Attributes={"VisibilityTimeout": "31"})
    sqs.delete_queue(QueueUrl=urls["Gone"])
    found = stacks.drifts("drift")
    assert found.keys() == {"Changed", "Gone"}
    assert found["Gone"]["StackResourceDriftStatus"] == "DELETED"
    assert found["Changed"]["PropertyDifferences"] == [
        {
            "PropertyPath": "/VisibilityTimeout",
            "ExpectedValue": "30",
            "ActualValue": "31",
            "DifferenceType": "NOT_EQUAL",
        }
    ]


def test_what_a_custom_name_holds_is_not_replaced(stacks: Stacks) -> None:
    table = {
        "TableName": "keyed",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    template = of(Table={"Type": "AWS::DynamoDB::Table", "Properties": table})
    assert stacks.apply("keyed", template, "CREATE") == "CREATE_COMPLETE"
    other = json.loads(json.dumps(template).replace('"id"', '"key"'))
    proposed = stacks.propose("keyed", other)
    assert proposed["Changes"][0]["ResourceChange"]["Replacement"] == "True"
    assert stacks.execute(proposed) == "UPDATE_ROLLBACK_COMPLETE"
    assert "custom-named resource requires replacing" in stacks.reasons("keyed")["Table"]


def test_an_export_in_use_is_kept(stacks: Stacks) -> None:
    shared = {
        **of(Queue=queue(QueueName="exported")),
        "Outputs": {
            "Arn": {
                "Value": {"Fn::GetAtt": ["Queue", "Arn"]},
                "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-arn"}},
            }
        },
    }
    assert stacks.apply("exporting", shared, "CREATE") == "CREATE_COMPLETE"
    arn = {"Fn::ImportValue": {"Fn::Sub": "${Shared}-arn"}}
    user = {
        "Parameters": {"Shared": {"Type": "String"}},
        **of(Queue=queue(RedrivePolicy={"deadLetterTargetArn": arn, "maxReceiveCount": 3})),
    }
    parameters = {"Shared": "exporting"}
    assert stacks.apply("importing", user, "CREATE", parameters=parameters) == "CREATE_COMPLETE"
    # It goes back to what it was.
    assert stacks.delete("exporting") == "CREATE_COMPLETE"
    refused = "Export exporting-arn cannot be deleted as it is in use by importing"
    assert stacks.shown("exporting")["StackStatusReason"] == refused
    without = of(Queue=queue(QueueName="exported"), Other=queue())
    assert stacks.apply("exporting", without) == "UPDATE_ROLLBACK_COMPLETE"
    events = stacks.api.describe_stack_events(StackName="exporting")["StackEvents"]
    assert refused in {event.get("ResourceStatusReason") for event in events[:4]}
    assert set(stacks.physical("exporting")) == {"Queue"}
    other = json.loads(json.dumps({**without, "Outputs": shared["Outputs"]}))
    other["Outputs"]["Arn"]["Value"]["Fn::GetAtt"][0] = "Other"
    assert stacks.apply("exporting", other) == "UPDATE_ROLLBACK_COMPLETE"
    events = stacks.api.describe_stack_events(StackName="exporting")["StackEvents"]
    assert "cannot be updated as it is in use by importing" in str(events)
    assert stacks.delete("importing") == "DELETE_COMPLETE"
    assert stacks.delete("exporting") == "DELETE_COMPLETE"


def test_a_protected_stack_is_not_deleted(stacks: Stacks) -> None:
    assert stacks.apply("guarded", of(Queue=queue()), "CREATE") == "CREATE_COMPLETE"
    api = stacks.api
    api.update_termination_protection(StackName="guarded", EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        api.delete_stack(StackName="guarded")
    api.update_termination_protection(StackName="guarded", EnableTerminationProtection=False)
    assert stacks.delete("guarded") == "DELETE_COMPLETE"


def test_a_bucket_with_objects_is_not_deleted(aws: str, stacks: Stacks) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    assert stacks.apply("full", of(Bucket=bucket), "CREATE") == "CREATE_COMPLETE"
    s3 = client(aws, "s3")
    s3.put_object(Bucket="full", Key="a", Body=b"a")
    assert stacks.delete("full") == "DELETE_FAILED"
    assert "BucketNotEmpty" in stacks.reasons("full")["Bucket"]
    assert stacks.delete("full", RetainResources=["Bucket"]) == "DELETE_COMPLETE"
    assert s3.get_object(Bucket="full", Key="a")["Body"].read() == b"a"
