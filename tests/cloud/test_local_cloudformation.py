"""Stacks of the local AWS: every type is made, seen by its own API, changed and ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.local_stacks import Stacks, client, of, queue

EVERYTHING = Path(__file__).with_name("everything.yaml").read_text()


@pytest.fixture
def stacks(aws: str) -> Stacks:
    return Stacks(aws)


@pytest.mark.timeout(300)
def test_every_type_is_made_changed_and_ended(aws: str, stacks: Stacks) -> None:
    client(aws, "ssm").put_parameter(Name="/demo/image", Value="ami-12345678", Type="String")
    subnet = client(aws, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    parameters = {"Subnet": subnet}
    tags = [{"Key": "fleet:name", "Value": "demo"}]
    made = stacks.propose("all", EVERYTHING, "CREATE", parameters, Tags=tags)
    status = stacks.execute(made)
    assert status == "CREATE_COMPLETE", stacks.reasons("all")

    queue_url = stacks.physical("all")["Queue"]
    labels = client(aws, "sqs").list_queue_tags(QueueUrl=queue_url)["Tags"]
    assert labels == {"fleet:name": "demo", "fleet:queue": "q"}
    table = client(aws, "dynamodb")
    ttl = table.describe_time_to_live(TableName="demo-t")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    groups = client(aws, "autoscaling")
    group = groups.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert group["DefaultInstanceWarmup"] == 30
    assert group["CapacityRebalance"] is True
    hooks = groups.describe_lifecycle_hooks(AutoScalingGroupName="demo-q")["LifecycleHooks"]
    assert {hook["LifecycleHookName"] for hook in hooks} == {"fleet-join", "fleet-leave"}
    deployments = client(aws, "codedeploy").get_deployment_group(
        applicationName="demo", deploymentGroupName="demo-q"
    )["deploymentGroupInfo"]
    assert [each["name"] for each in deployments["autoScalingGroups"]] == ["demo-q"]
    assert stacks.drifts("all").keys() <= {"Role"}, stacks.drifts("all")

    none = stacks.propose("all", EVERYTHING, "UPDATE", parameters)
    assert none["Status"] == "FAILED"
    assert "didn't contain changes" in none["StatusReason"]

    newer = EVERYTHING
    for old, new in (
        ("VisibilityTimeout: 60", "VisibilityTimeout: 90"),
        ("VolumeSize: 20", "VolumeSize: 30"),
        ("Timeout: 50", "Timeout: 40"),
        ("Cpu: 256", "Cpu: 512"),
        ("rate(1 minute)", "rate(2 minutes)"),
        ('["true ', '["false '),
        ("OneAtATime", "AllAtOnce"),
        ("RetentionInDays: 30", "RetentionInDays: 60"),
        ("CompressionFormat: GZIP", "CompressionFormat: ZIP"),
        ("ExpirationInDays: 30", "ExpirationInDays: 31"),
        ("Threshold: 300", "Threshold: 400"),
    ):
        assert old in newer
        newer = newer.replace(old, new)
    proposed = stacks.propose("all", newer, "UPDATE", parameters)
    listed = [change["ResourceChange"] for change in proposed["Changes"]]
    changes = {change["LogicalResourceId"]: change for change in listed}
    assert changes.keys() == {
        *("Alarm", "Bucket", "DG", "Doc", "Fn", "Group", "LG", "LT", "Queue", "Rule", "Stream"),
        *("Svc", "TD"),
    }
    assert changes["TD"]["Replacement"] == "True"
    assert {change["Replacement"] for name, change in changes.items() if name != "TD"} == {"False"}
    # A new version of the launch template is all that changes the group.
    detail = changes["Group"]["Details"][0]
    assert detail["Evaluation"] == "Dynamic"
    assert detail["CausingEntity"] == "LT.LatestVersionNumber"
    assert stacks.execute(proposed) == "UPDATE_COMPLETE", stacks.reasons("all")
    assert stacks.drifts("all").keys() <= {"Role"}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks.shown("all")["Outputs"]}
    assert outputs["Lt"] == "2"

    status = stacks.delete("all")
    assert status == "DELETE_COMPLETE"
    assert client(aws, "sqs").list_queues().get("QueueUrls", []) == []
    assert table.list_tables()["TableNames"] == []


def test_what_is_not_handled_is_refused_by_name(aws: str, stacks: Stacks) -> None:
    template = of(
        First=queue(QueueName="refused-first"),
        Odd={"Type": "AWS::ElastiCache::CacheCluster", "DependsOn": "First", "Properties": {}},
    )
    assert stacks.apply("refused", template, "CREATE") == "ROLLBACK_COMPLETE"
    reasons = stacks.reasons("refused")
    assert "AWS::ElastiCache::CacheCluster is not handled" in reasons["Odd"]
    urls = client(aws, "sqs").list_queues(QueueNamePrefix="refused").get("QueueUrls", [])
    assert urls == []


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"FifoQueue": True}, "Properties.FifoQueue is not handled"),
        ({"Colour": "red"}, "extraneous key [Colour] is not permitted"),
    ],
)
def test_a_property_that_is_not_kept_is_refused(
    stacks: Stacks, properties: dict[str, Any], reason: str
) -> None:
    name = f"property-{next(iter(properties)).lower()}"
    assert stacks.apply(name, of(Queue=queue(**properties)), "CREATE") == "ROLLBACK_COMPLETE"
    assert reason in stacks.reasons(name)["Queue"]


def test_a_failed_update_leaves_what_was_there(aws: str, stacks: Stacks) -> None:
    first = of(Queue=queue(QueueName="back", VisibilityTimeout=30))
    assert stacks.apply("back", first, "CREATE") == "CREATE_COMPLETE"
    url = stacks.physical("back")["Queue"]
    arn = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:back-nowhere"}
    nowhere = {"deadLetterTargetArn": arn, "maxReceiveCount": 3}
    second = of(
        Queue=queue(QueueName="back", VisibilityTimeout=60),
        New={**queue(QueueName="back-new"), "DependsOn": "Queue"},
        Bad={**queue(QueueName="back-bad", RedrivePolicy=nowhere), "DependsOn": "New"},
    )
    assert stacks.apply("back", second) == "UPDATE_ROLLBACK_COMPLETE"
    assert "Error Code:" in stacks.reasons("back")["Bad"]
    sqs = client(aws, "sqs")
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert found["Attributes"] == {"VisibilityTimeout": "30"}
    assert sqs.list_queues(QueueNamePrefix="back")["QueueUrls"] == [url]
    assert stacks.physical("back") == {"Queue": url}
    assert stacks.apply("back", of(Queue=queue(QueueName="back", DelaySeconds=5))) == (
        "UPDATE_COMPLETE"
    )


def test_roles_need_a_capability(stacks: Stacks) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]"):
        stacks.api.create_stack(StackName="roles", TemplateBody=json.dumps(of(Role=role)))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{", "not well-formed"),
        ("Resources: {}", "At least one Resources member"),
        ('{"Resources": {"Q": {"Properties": {}}}}', "must contain a Type member"),
    ],
)
def test_a_broken_template_is_refused(stacks: Stacks, template: str, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        stacks.api.create_stack(StackName="broken", TemplateBody=template)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"QueueName": {"Ref": "Nobody"}}, "Unresolved resource dependencies"),
        ({"QueueName": {"Fn::GetAtt": ["Nobody", "Arn"]}}, "undefined resource Nobody"),
        ({"QueueName": {"Fn::ImportValue": "nothing"}}, "No export named nothing"),
        ({"QueueName": {"Fn::Cidr": ["10.0.0.0/8", 1, 2]}}, "Fn::Cidr is not handled"),
    ],
)
def test_a_change_set_that_cannot_be_resolved_failed(
    stacks: Stacks, properties: dict[str, Any], reason: str
) -> None:
    proposed = stacks.propose("unresolved", of(Queue=queue(**properties)), "CREATE")
    assert proposed["Status"] == "FAILED"
    assert reason in proposed["StatusReason"]
    with pytest.raises(ClientError, match="cannot be executed"):
        stacks.api.execute_change_set(ChangeSetName=proposed["ChangeSetId"])
