"""The manifest as stacks: what the templates come to, against what other rooms want of AWS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ops.queues.wanted import Wanted, wanted
from ops.stack.compose import StackPlan, plans, queue, shared
from ops.stack.importable import POLICY, Importable
from ops.stores.buckets import FoundBucket
from ops.stores.buckets import steps as bucket_steps
from ops.stores.tables import FoundTable
from ops.stores.tables import steps as table_steps
from ops.stores.wanted import wanted_buckets, wanted_tables
from tests.unit.stack_fleets import (
    ACCOUNT,
    fifty,
    plain,
    properties,
    queue_resources,
    rich,
    shared_resources,
    statements,
)
from worker.fleet import Fleet, UnknownQueueError

ATTRIBUTES = (
    "VisibilityTimeout",
    "ReceiveMessageWaitTimeSeconds",
    "MessageRetentionPeriod",
    "MaximumMessageSize",
    "SqsManagedSseEnabled",
)


def tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def as_sqs(found: Mapping[str, Any]) -> dict[str, str]:
    """A queue's properties as the attributes SQS would have."""
    attributes = {key: str(found[key]) for key in ATTRIBUTES if key in found}
    return attributes | {"SqsManagedSseEnabled": str(found["SqsManagedSseEnabled"]).lower()}


def by_name(resources: Mapping[str, Any], kind: str, key: str) -> dict[str, dict[str, Any]]:
    return {
        one["Properties"][key]: one["Properties"]
        for one in resources.values()
        if one["Type"] == kind
    }


def all_queues(fleet: Fleet) -> dict[str, dict[str, Any]]:
    found = by_name(shared_resources(fleet), "AWS::SQS::Queue", "QueueName")
    for name in fleet.queues:
        found |= by_name(queue_resources(fleet, name), "AWS::SQS::Queue", "QueueName")
    return found


@pytest.mark.parametrize("fleet", [rich(), plain(), fifty()], ids=lambda fleet: fleet.name)
def test_the_queues_are_those_that_ops_queues_wants(fleet: Fleet) -> None:
    found = all_queues(fleet)
    assert sorted(found) == sorted(each.name for each in wanted(fleet))
    for want in wanted(fleet):
        has = found[want.name]
        assert as_sqs(has) == dict(want.attributes), want.name
        assert tags(has) == dict(want.tags), want.name
        assert tie_of(has) == tied(want), want.name


def tie_of(found: Mapping[str, Any]) -> Any:
    for key in ("RedrivePolicy", "RedriveAllowPolicy"):
        if key in found:
            return key, {name: as_text(value) for name, value in found[key].items()}
    return None


def tied(want: Wanted) -> Any:
    tie = want.tie(f"arn:aws:sqs:{ACCOUNT.region}:{ACCOUNT.id}:any")
    if tie is None:
        return None
    return tie[0], {name: as_text(value) for name, value in json.loads(tie[1]).items()}


def as_text(value: Any) -> Any:
    return value if isinstance(value, list) else str(value)


def found_table(table: Mapping[str, Any]) -> FoundTable:
    kinds = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    ttl = table.get("TimeToLiveSpecification", {})
    return FoundTable(
        arn="arn:t",
        keys=tuple(
            (key["AttributeName"], kinds[key["AttributeName"]]) for key in table["KeySchema"]
        ),
        on_demand=table["BillingMode"] == "PAY_PER_REQUEST",
        protected=table.get("DeletionProtectionEnabled", False),
        ttl=ttl["AttributeName"] if ttl.get("Enabled") else None,
        tags=tags(table),
    )


@pytest.mark.parametrize("results", ["", 'results = { backend = "dynamodb" }'])
def test_the_tables_are_those_that_ops_stores_wants(results: str) -> None:
    fleet = plain(results)
    found = by_name(shared_resources(fleet), "AWS::DynamoDB::Table", "TableName")
    assert sorted(found) == sorted(each.name for each in wanted_tables(fleet))
    for want in wanted_tables(fleet):
        has = found_table(found[want.name])
        assert has.keys == want.keys
        assert has.ttl == want.ttl
        assert has.protected is want.protected
        assert list(table_steps(want, has)) == []


BUCKETS = {
    "none": "",
    "payloads": 'payload_bucket = "big"',
    "results": 'results = { backend = "s3", bucket = "out", expires = "36h" }',
    "both": 'payload_bucket = "big"\nresults = { backend = "s3", bucket = "out" }',
    "one for both": 'payload_bucket = "big"\nresults = { backend = "s3", bucket = "big" }',
}


@pytest.mark.parametrize("text", BUCKETS.values(), ids=BUCKETS)
def test_the_buckets_are_those_that_ops_stores_wants(text: str) -> None:
    fleet = plain(text)
    resources = shared_resources(fleet)
    found = by_name(resources, "AWS::S3::Bucket", "BucketName")
    policies = {
        one["Properties"]["Bucket"]: one["Properties"]["PolicyDocument"]
        for one in resources.values()
        if one["Type"] == "AWS::S3::BucketPolicy"
    }
    own = {"media-artifacts-123456789012-eu-west-1", "media-logs-123456789012-eu-west-1"}
    want = {each.name: each for each in wanted_buckets(fleet, ACCOUNT.region, ACCOUNT.partition)}
    assert set(found) == own | set(want)
    for name, bucket in found.items():
        has = found_bucket(bucket, policies[name])
        assert (has.encrypted, has.closed) == (True, True)
        if name in want:
            assert list(bucket_steps(want[name], has)) == [], name
        else:
            assert has.policy is not None
            (statement,) = has.policy["Statement"]
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def found_bucket(bucket: Mapping[str, Any], policy: Mapping[str, Any]) -> FoundBucket:
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    algorithm = encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
    return FoundBucket(
        region=ACCOUNT.region,
        encrypted=algorithm == "AES256",
        closed=list(bucket["PublicAccessBlockConfiguration"].values()) == [True] * 4,
        policy=policy,
        rules=[as_s3(rule) for rule in bucket["LifecycleConfiguration"]["Rules"]],
        tags=tags(bucket),
    )


def as_s3(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule as S3 gives it back."""
    days = rule.get("ExpirationInDays")
    return {
        "ID": rule["Id"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Status": rule["Status"],
        "Expiration": {"Days": None if days is None else int(days)},
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule["AbortIncompleteMultipartUpload"],
    }


def test_the_artifacts_are_versioned() -> None:
    bucket = properties(shared_resources(plain()), "Artifacts")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_body_is_the_same_text_each_time() -> None:
    first, second = (queue(rich(), "video", ACCOUNT).body() for _ in range(2))
    assert first == second
    assert json.loads(first)["Resources"]["Group"]["Type"] == "AWS::AutoScaling::AutoScalingGroup"


def test_every_parameter_is_one_that_its_template_has_and_none_is_left_open() -> None:
    for plan in (*plans(rich(), ACCOUNT), *plans(plain(), ACCOUNT)):
        declared = plan.template["Parameters"]
        assert set(plan.parameters) <= set(declared), plan.name
        open_ones = {name for name, each in declared.items() if "Default" not in each}
        assert open_ones <= set(plan.parameters), plan.name
        for name, each in declared.items():
            if name in plan.parameters and "AllowedValues" in each:
                assert plan.parameters[name] in each["AllowedValues"], (plan.name, name)


def test_names_tags_and_what_is_asked_for() -> None:
    names = [plan.name for plan in plans(rich(), ACCOUNT)]
    assert names == ["media-shared", "media-queue-video", "media-queue-mail"]
    video = queue(rich(), "video", ACCOUNT)
    assert video.tags == {"fleet:name": "media", "fleet:queue": "video"}
    assert video.capabilities == ("CAPABILITY_IAM",)
    assert video.suspends == {"media-video": ("AZRebalance",)}
    assert queue(rich(), "mail", ACCOUNT).suspends == {}
    with pytest.raises(UnknownQueueError):
        queue(rich(), "nothing", ACCOUNT)


def test_a_stack_has_no_underscore_where_a_queue_has() -> None:
    fleet = Fleet.model_validate({"name": "big_one", "queues": {"a_b": {"tasks": ["a.*"]}}})
    assert [plan.name for plan in plans(fleet, ACCOUNT)] == ["big-one-shared", "big-one-queue-a-b"]
    group = properties(queue_resources(fleet, "a_b"), "Group")
    assert group["AutoScalingGroupName"] == "big_one-a_b"


def test_the_group() -> None:
    group = properties(queue_resources(rich(), "video"), "Group")
    assert (group["MinSize"], group["MaxSize"]) == ("1", "9")
    assert group["CapacityRebalance"] == "true"
    assert group["VPCZoneIdentifier"] == list(ACCOUNT.subnets)
    policy = group["MixedInstancesPolicy"]
    assert policy["LaunchTemplate"]["Overrides"] == [
        {"InstanceType": "c7i.large"},
        {"InstanceType": "c6i.large"},
    ]
    distribution = policy["InstancesDistribution"]
    assert distribution["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert distribution["OnDemandBaseCapacity"] == "2"
    assert distribution["OnDemandPercentageAboveBaseCapacity"] == "100"
    assert "DesiredCapacity" not in group
    assert "WeightedCapacity" not in json.dumps(group)
    assert {tag["Key"]: tag["Value"] for tag in group["Tags"] if tag["PropagateAtLaunch"]} == {
        "fleet:name": "media",
        "fleet:queue": "video",
    }


def test_the_hooks() -> None:
    join, leave = properties(queue_resources(rich(), "video"), "Group")[
        "LifecycleHookSpecificationList"
    ]
    assert (join["LifecycleHookName"], join["DefaultResult"]) == ("fleet-join", "ABANDON")
    assert join["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert join["HeartbeatTimeout"] == "360"  # twice nodes.boot, which is longer than a heartbeat
    assert (leave["LifecycleHookName"], leave["DefaultResult"]) == ("fleet-leave", "CONTINUE")
    assert leave["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert leave["HeartbeatTimeout"] == "120"


@pytest.mark.parametrize(
    ("boot", "heartbeat", "seconds"), [("1h", "5m", 7200), ("1s", "30s", 300), ("10s", "7m", 420)]
)
def test_a_join_has_twice_the_boot_and_at_least_five_minutes(
    boot: str, heartbeat: str, seconds: int
) -> None:
    nodes = f'nodes = {{ boot = "{boot}", heartbeat = "{heartbeat}" }}'
    plan = queue(plain(queue=nodes), "mail", ACCOUNT)
    assert plan.parameters["JoinSeconds"] == str(seconds)


def test_a_node_is_closed_and_starts_itself() -> None:
    resources = queue_resources(rich(), "video")
    data = properties(resources, "NodeTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "InstanceMetadataTags": "enabled",
    }
    assert all(each["Ebs"]["Encrypted"] for each in data["BlockDeviceMappings"])
    assert [each["Ebs"]["VolumeSize"] for each in data["BlockDeviceMappings"]] == ["20"]
    assert "KeyName" not in data
    assert base64.b64decode(data["UserData"]).decode() == (
        "#!/bin/sh\n"
        "exec /opt/fleet/python/bin/ops node boot --fleet media --queue video "
        "--bucket media-shared-ArtifactBucket --region eu-west-1\n"
    )
    assert data["ImageId"] == "ami-0a1b2c3d"
    assert data["SecurityGroupIds"] == ["sg-0a1b2c3d", "sg-0a1b2c3e"]
    assert "NodeSecurityGroup" not in resources


def test_a_security_group_of_its_own_lets_nothing_in() -> None:
    resources = queue_resources(plain(), "mail")
    assert "SecurityGroupIngress" not in properties(resources, "NodeSecurityGroup")
    data = properties(resources, "NodeTemplate")["LaunchTemplateData"]
    assert data["SecurityGroupIds"] == ["NodeSecurityGroup.GroupId"]


@pytest.mark.parametrize(
    ("image", "kind", "value"),
    [
        ("", "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/media/image"),
        ('image = "/golden"', "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "/golden"),
        ('image = "ami-0a1b2c3d"', "AWS::EC2::Image::Id", "ami-0a1b2c3d"),
    ],
)
def test_an_image_or_the_parameter_that_holds_it(image: str, kind: str, value: str) -> None:
    plan = queue(plain(f"[aws]\n{image}"), "mail", ACCOUNT)
    assert plan.template["Parameters"]["Image"]["Type"] == kind
    assert plan.parameters["Image"] == value


def test_only_what_is_asked_for_is_there() -> None:
    video = queue_resources(rich(), "video")
    mail = queue_resources(plain(), "mail")
    asked = {"StoppedNodes", "LateAlarm", "MondayAt0800", "FridayAt1800"}
    assert asked <= set(video)
    assert not asked & set(mail)
    collected = properties(video, "Group")["MetricsCollection"]
    assert collected == [{"Granularity": "1Minute", "Metrics": ["GroupInServiceInstances"]}]
    assert "MetricsCollection" not in properties(mail, "Group")


def test_alarms_are_sent_to_each_address_and_one_that_goes_changes_no_other() -> None:
    both = shared(rich(), ACCOUNT).template["Resources"]
    mails = {
        name: each["Properties"]["Endpoint"]
        for name, each in both.items()
        if each["Type"] == "AWS::SNS::Subscription"
    }
    assert sorted(mails.values()) == ["night@example.com", "ops@example.com"]
    fewer = shared(plain('[aws]\nalarms_to = ["night@example.com"]'), ACCOUNT).template["Resources"]
    (left,) = (name for name, address in mails.items() if address == "night@example.com")
    assert left in fewer


def test_the_alarms() -> None:
    resources = queue_resources(rich(), "video")
    late, dead = properties(resources, "LateAlarm"), properties(resources, "DeadLettersAlarm")
    assert late["Threshold"] == "300"
    assert late["Dimensions"] == [{"Name": "QueueName", "Value": "media-video"}]
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": "media-video-dlq"}]
    assert (dead["Threshold"], dead["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert late["AlarmActions"] == dead["AlarmActions"] == ["media-shared-AlarmsTopic"]


def test_lambdas_come_with_their_code() -> None:
    without = shared_resources(plain(), replace(ACCOUNT, code=""))
    assert not {"ScalingFunction", "ScalingRule", "ForwarderFunction"} & set(without)
    account = replace(ACCOUNT, runtime="python3.12", architecture="x86_64")
    functions = shared_resources(plain(), account)
    for name, handler in (
        ("ScalingFunction", "ops.scaling.scaling_lambda.handler"),
        ("ForwarderFunction", "ops.queues.forward_lambda.handler"),
    ):
        function = properties(functions, name)
        assert function["Handler"] == handler
        assert function["Code"] == {
            "S3Bucket": "media-artifacts-123456789012-eu-west-1",
            "S3Key": "code/1.zip",
        }
        assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])
    assert properties(functions, "ScalingRule")["ScheduleExpression"] == "rate(1 minute)"


def test_every_role_has_the_boundary_where_there_is_one() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    for fleet, bound in ((rich(), boundary), (plain(), None)):
        found = [shared_resources(fleet), *(queue_resources(fleet, name) for name in fleet.queues)]
        roles = [
            one["Properties"].get("PermissionsBoundary")
            for resources in found
            for one in resources.values()
            if one["Type"] == "AWS::IAM::Role"
        ]
        assert roles
        assert set(roles) == {bound}


def test_the_service() -> None:
    resources = queue_resources(rich(), "mail")
    service = properties(resources, "Service")
    assert (service["Cluster"], service["ServiceName"]) == ("media-shared-Cluster", "media-mail")
    assert "DesiredCount" not in service
    assert service["AvailabilityZoneRebalancing"] == "DISABLED"
    assert service["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Base": "0", "Weight": "25"},
        {"CapacityProvider": "FARGATE_SPOT", "Base": 0, "Weight": "75"},
    ]
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED"
    task = properties(resources, "NodeTask")
    assert (task["Cpu"], task["Memory"]) == ("1024", "4096")
    worker, agent = task["ContainerDefinitions"]
    assert worker["Command"] == ["celery", "worker", "-Q", "mail"]
    assert agent["Command"] == ["ops", "node", "agent"]
    image = statements(resources, "ExecutionRole")["Image"]
    assert image["Resource"] == "arn:aws:ecr:eu-west-1:123456789012:repository/team/media"
    assert "Cluster" in shared_resources(rich())
    assert "Cluster" not in shared_resources(plain())


def test_subnets_of_ones_own_need_no_public_address() -> None:
    fleet = plain(
        '[aws]\nsubnets = ["subnet-0a1b2c3d"]', 'runtime = "ecs"\nnodes.image = "reg.test/a:1"'
    )
    service = properties(queue_resources(fleet, "mail"), "Service")
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert "Image" not in statements(queue_resources(fleet, "mail"), "ExecutionRole")


def test_a_worker_may_the_same_on_both_runtimes() -> None:
    fleet = plain('payload_bucket = "big"\nresults = { backend = "dynamodb" }')
    ecs = plain(
        'payload_bucket = "big"\nresults = { backend = "dynamodb" }',
        'runtime = "ecs"\nnodes.image = "reg.test/a:1"',
    )
    both = [
        properties(queue_resources(one, "mail"), "NodeRole")["Policies"][0] for one in (fleet, ecs)
    ]
    assert both[0] == both[1]


def test_what_can_be_imported() -> None:
    fleet = rich()
    plan = queue(fleet, "video", ACCOUNT)
    assert plan.imports == {
        "DeadLetters": Importable("AWS::SQS::Queue", "QueueUrl", "media-video-dlq"),
        "Messages": Importable("AWS::SQS::Queue", "QueueUrl", "media-video"),
    }
    first = shared(fleet, ACCOUNT)
    assert first.imports["Payloads"] == Importable(
        "AWS::S3::Bucket", "BucketName", "media-payloads"
    )
    assert first.imports["PayloadsPolicy"] == Importable(POLICY, "Bucket", "media-payloads")
    assert first.imports["Payloads"].parts == {"fleet-payloads", "fleet-results"}
    assert first.imports["PayloadsPolicy"].parts == {"FleetTlsOnly"}


def said(plan: StackPlan, *names: str) -> dict[str, Any]:
    return {name: plan.imports[name].properties for name in names}


def test_an_import_is_of_nothing_else() -> None:
    plan = queue(rich(), "video", ACCOUNT)
    one = plan.only(said(plan, "Messages"))
    assert list(one.template["Resources"]) == ["Messages"]
    assert "Outputs" not in one.template
    assert refers_to(one) == set()
    first = shared(rich(), ACCOUNT)
    others = first.only(said(first, "OnceTable", "DelayQueue", "Payloads", "PayloadsPolicy"))
    resources = others.template["Resources"]
    found = {name: set(each["Properties"]) for name, each in resources.items()}
    # What is left out is set by the update that follows.
    assert found["DelayQueue"] == {"QueueName"}
    assert found["Payloads"] == {"BucketName"}
    assert found["PayloadsPolicy"] == {"Bucket", "PolicyDocument"}
    assert found["OnceTable"] == {"TableName", "AttributeDefinitions", "KeySchema"}
    for logical, each in resources.items():
        # What CloudFormation asks of a resource that is to be imported.
        assert each["DeletionPolicy"], logical
    with pytest.raises(KeyError):
        plan.only({"Group": {}})


def test_an_import_into_a_stack_leaves_its_template_as_it_is() -> None:
    # As it was before the manifest had a bucket: what the bucket has is on a condition that fails.
    before = shared(plain(), ACCOUNT)
    after = shared(plain('payload_bucket = "big"'), ACCOUNT)
    assert "Payloads" not in before.imports
    beside = after.beside(before.template, said(after, "Payloads"))
    assert beside.template["Resources"]["Payloads"] == {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "RetainExceptOnCreate",
        "UpdateReplacePolicy": "Retain",
        "Properties": {"BucketName": "big"},
    }
    for part in ("Outputs", "Conditions", "Parameters"):
        assert beside.template[part] == before.template[part]
    others = {**beside.template["Resources"], "Payloads": None}
    assert others == {**before.template["Resources"], "Payloads": None}
    assert refers_to(beside.only(said(after, "Payloads"))) == set()


def refers_to(plan: StackPlan) -> set[str]:
    found: set[str] = set()

    def look(node: Any) -> None:
        if isinstance(node, dict):
            if set(node) == {"Ref"} and not node["Ref"].startswith("AWS::"):
                found.add(node["Ref"])
            assert "Fn::GetAtt" not in node
            assert "DependsOn" not in node
            for each in node.values():
                look(each)
        elif isinstance(node, list):
            for each in node:
                look(each)

    look(plan.template["Resources"])
    return found


def test_tasks_may_what_the_manifests_policies_say() -> None:
    role = properties(queue_resources(rich(), "video"), "NodeRole")
    own = "arn:aws:iam::123456789012:policy/"
    assert role["ManagedPolicyArns"] == [f"{own}clips", f"{own}fonts"]
    assert "ManagedPolicyArns" not in properties(queue_resources(plain(), "mail"), "NodeRole")
