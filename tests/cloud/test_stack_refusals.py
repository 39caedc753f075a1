"""`ops stack` where nothing is yet, or AWS or the manifest says no: lines and codes, no traces."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops.aws import cloudformation
from ops.local.aws import local_environment
from ops.stack.bucket import Bucket
from ops.stack.compose import StackPlan
from ops.stack.propose import INLINE_AT_MOST_BYTES, propose
from ops.stack.reviewed import discard
from tests.cloud.local_stacks import REGION, Stacks, admin
from tests.cloud.stack_shop import Shop
from worker.fleet import load

NUMBERS = itertools.count(1)
ONE = {"mail": ""}


@pytest.fixture
def shop(aws: str, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(aws, tmp_path, f"none{next(NUMBERS)}")
    shop.furnish()
    shop.write(ONE)
    yield shop
    admin(aws, "faults", "DELETE")


def refused(shop: Shop, *args: str, code: int = 1) -> str:
    """Run what must fail, with nothing on stdout and nothing left; return the last line."""
    ran = shop.run("stack", *args)
    assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
    assert shop.stacks() == {}
    return ran.stderr.splitlines()[-1]


def test_a_plan_before_anything_shows_all_and_leaves_nothing(shop: Shop) -> None:
    ran = shop.run("stack", "plan")
    assert ran.returncode == 3
    columns, *rows = (line.split() for line in ran.stdout.splitlines())
    assert columns == ["stack", "change", "resource", "type", "what"]
    assert {row[1] for row in rows} == {"create"}
    found = {(row[0], row[2], row[3]) for row in rows}
    shared, queue = f"{shop.name}-shared", f"{shop.name}-queue-mail"
    assert (shared, "RegistryTable", "DynamoDB::Table") in found
    assert (shared, "ScalingFunction", "Lambda::Function") in found
    assert (queue, "Messages", "SQS::Queue") in found
    assert (queue, "Group", "AutoScaling::AutoScalingGroup") in found
    assert ran.stderr.splitlines()[-2:] == [
        f"{shared} is not there yet: what the queues' stacks would create is read off them",
        f"{len(rows)} changes: nothing was changed: make them with ops stack apply --yes",
    ]
    assert shop.stacks() == {}
    buckets = shop.client("s3").list_buckets()["Buckets"]
    assert shop.bucket not in {one["Name"] for one in buckets}
    # `apply` without --yes is the same, and its JSON has the same rows.
    ran = shop.run("stack", "apply", "--json")
    data = json.loads(ran.stdout)
    assert (ran.returncode, data["fleet"], data["left_over"]) == (3, shop.name, [])
    assert {(c["stack"], c["resource"], c["type"]) for c in data["changes"]} == found
    assert shop.stacks() == {}


@pytest.mark.parametrize("verb", ["plan", "apply", "drift", "destroy"])
def test_a_queue_that_nobody_knows(shop: Shop, verb: str) -> None:
    line = refused(shop, verb, "mial", code=2)
    assert "mial" in line
    assert "mail" in line or "(none)" in line


def test_a_queue_before_the_shared_stack(shop: Shop) -> None:
    assert refused(shop, "apply", "mail", "--yes") == (
        f"{shop.name}-shared: expected the shared stack before a queue's, found none: "
        "apply them all: ops stack apply --yes"
    )


def test_what_aws_cannot_give_is_told_before_it_is_asked(shop: Shop) -> None:
    shop.write({"mail": 'drain_budget = "10h"\nnodes.max = 25'}, tail="[aws]\ninstances_quota = 24")
    shop.fault(service="cloudformation", code="InternalFailure", status=500)
    ran = shop.run("stack", "plan")
    assert ran.returncode == 2
    assert [line.partition(": expected")[0] for line in ran.stderr.splitlines()] == [
        "fleet.toml: aws.instances_quota",
        "fleet.toml: queues.mail.drain_budget",
    ]


def test_without_a_network_its_remedy_is_told(shop: Shop) -> None:
    shop.region = "eu-west-3"
    shop.write(ONE)
    ec2 = boto3.client(
        "ec2", endpoint_url=shop.url, region_name=shop.region,
        aws_access_key_id="local", aws_secret_access_key="local",
    )  # fmt: skip
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    shop.region = REGION
    assert refused(shop, "plan") == (
        "fleet.toml: aws.subnets: expected subnets, or a default VPC in eu-west-3, found neither: "
        "name the subnets of the nodes"
    )
    subnets = []
    for block in ("10.1", "10.2"):
        vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.1.0/24")["Subnet"]
        subnets.append(made["SubnetId"])
    (shop.folder / "fleet.toml").write_text(
        f'name = "{shop.name}"\nregion = "eu-west-3"\n[aws]\nsubnets = {json.dumps(subnets)}\n'
        '[queues.mail]\ntasks = ["mail.*"]\n'
    )
    assert "aws.subnets: expected subnets of one VPC, found vpc-" in refused(shop, "plan")


def test_a_change_set_that_is_refused_is_told_and_leaves_nothing(shop: Shop) -> None:
    # The shared stack is there in name only, and exports nothing: the queue's own is asked about.
    api = shop.client("cloudformation")
    api.create_stack(
        StackName=f"{shop.name}-shared",
        TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}',
        Tags=[{"Key": "fleet:name", "Value": shop.name}],
    )
    assert Stacks(shop.url).settled(f"{shop.name}-shared") == "CREATE_COMPLETE"
    ran = shop.run("stack", "plan", "mail")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"{shop.name}-queue-mail: expected a change set, CloudFormation refused it: " in (
        ran.stderr
    )
    assert "No export named" in ran.stderr
    assert set(shop.stacks()) == {f"{shop.name}-shared"}
    assert shop.proposed() == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            {"service": "sts", "code": "ExpiredToken", "status": 403},
            "AWS: asking which account this is: the credentials have expired: renew them",
        ),
        (
            {"service": "cloudformation", "operation": "DescribeStacks", "code": "AccessDenied"},
            "allow cloudformation:DescribeStacks for these credentials",
        ),
        (
            {"service": "ec2", "operation": "DescribeSubnets", "code": "UnauthorizedOperation"},
            "allow ec2:DescribeSubnets for these credentials",
        ),
        (
            {"service": "sts", "code": "Throttling"},
            "AWS asks to slow down: wait a moment and run it again",
        ),
        (
            {"service": "dynamodb", "operation": "DescribeTable", "code": "AccessDeniedException"},
            "allow dynamodb:DescribeTable for these credentials",
        ),
    ],
    ids=lambda value: value["code"] if isinstance(value, dict) else "",
)
def test_what_aws_says_no_to(shop: Shop, fault: Mapping[str, Any], said: str) -> None:
    shop.fault(**fault)
    assert said in refused(shop, "plan")


def test_being_asked_to_slow_down_is_no_failure(shop: Shop) -> None:
    for operation in ("DescribeStacks", "CreateChangeSet", "DescribeChangeSet"):
        shop.fault(service="cloudformation", operation=operation, code="Throttling", times=1)
    assert shop.plan()
    assert shop.stacks() == {}
    assert admin(shop.url, "faults")["faults"] == []


def test_credentials_that_expire_between_two_questions(shop: Shop) -> None:
    shop.fault(
        service="cloudformation", operation="DescribeChangeSet", code="ExpiredToken", status=403
    )
    ran = shop.run("stack", "plan")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith(
        f"AWS: reading the proposal for {shop.name}-shared: the credentials have expired"
    )


def test_nothing_is_there_to_compare_or_to_delete(shop: Shop) -> None:
    assert refused(shop, "drift", code=3) == (
        f"{shop.name}: expected stacks, found none: ops stack apply --yes"
    )
    ran = shop.run("stack", "destroy", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["stacks"]) == (0, [])


def test_a_count_that_cannot_be_read_is_not_taken_for_empty(shop: Shop) -> None:
    shop.ok("queues", "apply", "--yes")
    name = f"{shop.name}-queue-mail"
    api = shop.client("cloudformation")
    api.create_stack(
        StackName=name,
        TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}',
        Tags=[
            {"Key": f"fleet:{k}", "Value": v} for k, v in (("name", shop.name), ("queue", "mail"))
        ],
    )
    assert Stacks(shop.url).settled(name) == "CREATE_COMPLETE"
    shop.fault(service="sqs", operation="GetQueueAttributes", code="AccessDenied", status=403)
    ran = shop.run("stack", "destroy", "mail", "--yes")
    assert ran.returncode == 1
    assert "access denied" in ran.stderr
    assert shop.stacks() == {name: "CREATE_COMPLETE"}


def test_a_template_too_large_to_send_goes_through_the_bucket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_environment(shop.url, {}).items():
        monkeypatch.setenv(name, value)
    document = {
        "Metadata": {"Padding": "x" * INLINE_AT_MOST_BYTES},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    plan = StackPlan(f"{shop.name}-large", document, {}, {"fleet:name": shop.name})
    s3 = shop.client("s3")
    s3.create_bucket(
        Bucket=shop.bucket, CreateBucketConfiguration={"LocationConstraint": shop.region}
    )
    stored: list[str] = []

    def put(body: bytes) -> str:
        stored.append(Bucket(s3, shop.bucket).put_template(body))
        return stored[-1]

    api = cloudformation(load(shop.folder / "fleet.toml"), 1)
    proposal = propose(api, plan, status="", put_template=put)
    assert [change.logical_id for change in proposal.changes] == ["Topic"]
    (url,) = stored
    assert url.startswith(f"https://{shop.bucket}.s3.{shop.region}.amazonaws.com/templates/")
    key = url.partition(".com/")[2]
    assert s3.get_object(Bucket=shop.bucket, Key=key)["Body"].read() == plan.body().encode()
    discard(api, proposal)
    assert shop.stacks() == {}
