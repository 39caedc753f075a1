"""Stacks that cannot be made: each failure names its stack, resource, AWS's words and a remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.cloud.local_stacks import admin, until
from tests.cloud.stack_shop import Shop, shop_alone

# Each failure is an `apply` that is rolled back, over a shared stack of forty resources.
pytestmark = pytest.mark.timeout(600)

ONE = {"mail": ""}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_alone(tmp_path_factory.mktemp("failures"), "fails") as shop:
        shop.write(ONE)
        yield shop


@pytest.fixture
def shop(begun: Shop) -> Iterator[Shop]:
    yield begun
    admin(begun.url, "faults", "DELETE")


def refused(shop: Shop, *queues: str) -> list[str]:
    """Apply what must fail; return what is said after how each stack ended."""
    ran = shop.run("stack", "apply", *queues, "--yes", "--json")
    assert ran.returncode == 1
    told = json.loads(ran.stdout)
    lines = ran.stderr.splitlines()
    failed = [one for one in told["stacks"] if one["failure"]]
    for one in failed:
        assert f"{one['stack']}: {one['failure']}" in lines
        assert any(f"{one['stack']}: failed" in line for line in lines)
    if told["left"]:
        assert lines[-1] == f"not begun: {', '.join(told['left'])}"
    return [f"{one['stack']}: {one['failure']}" for one in failed]


def test_a_bucket_name_that_is_taken_leaves_the_queues_untouched(shop: Shop) -> None:
    shop.fault(service="s3", operation="CreateBucket", code="BucketAlreadyExists", status=409)
    (line,) = refused(shop)
    assert line.startswith("fails-shared: ")
    assert "(S3::Bucket): BucketAlreadyExists" in line
    assert "buckets' names are worldwide: name another (aws.artifact_bucket" in line
    assert shop.stacks() == {}
    assert shop.proposed() == []


def test_a_bucket_of_another_account_is_told_before_anything_is_made(shop: Shop) -> None:
    shop.fault(service="s3", operation="HeadBucket", code="403", status=403)
    ran = shop.run("stack", "apply", "--yes")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[-1].startswith(
        f"AWS: looking for {shop.bucket}: access denied: another account has this bucket, or these "
        "credentials may not see it: name another in the manifest, or allow s3:ListBucket"
    )
    assert shop.stacks() == {}


def test_code_that_cannot_be_put_fails_the_shared_stack_and_the_next_run_goes_on(
    shop: Shop,
) -> None:
    shop.fault(service="s3", operation="PutObject", code="AccessDenied", status=403)
    (line,) = refused(shop)
    assert line.startswith("fails-shared: AWS: putting lambda/")
    assert line.endswith("allow s3:PutObject for these credentials")
    # Its first half stands, with the bucket, and no queue's was begun.
    assert shop.stacks() == {"fails-shared": "CREATE_COMPLETE"}
    admin(shop.url, "faults", "DELETE")
    ran = shop.ok("stack", "apply", "--yes")
    assert "fails-shared: update complete" in ran.stderr
    assert set(shop.stacks()) == {"fails-shared", "fails-queue-mail"}


def test_code_that_is_missing_is_told(shop: Shop) -> None:
    # Its key is its content's: another manifest is other code.
    shop.write({"mail": 'lease = "95s"'})
    shop.fault(
        service="lambda", operation="UpdateFunctionCode", code="NoSuchKey", status=400, times=1
    )
    (line,) = refused(shop)
    assert line.startswith("fails-shared: ")
    assert "(Lambda::Function): NoSuchKey" in line
    assert line.endswith(
        "the Lambdas' code is not in the bucket: run it again, which puts it there"
    )
    assert shop.stacks()["fails-shared"] == "UPDATE_ROLLBACK_COMPLETE"
    shop.write(ONE)
    shop.ok("stack", "apply", "--yes")


@pytest.mark.parametrize(
    ("queue", "fault", "resource", "remedy"),
    [
        (
            "role",
            {"service": "iam", "operation": "CreateRole", "code": "AccessDenied", "status": 403},
            "NodeRole (IAM::Role): AccessDenied",
            "allow it for these credentials: CloudFormation works with them",
        ),
        (
            "quota",
            {"service": "autoscaling", "operation": "CreateAutoScalingGroup",
             "code": "LimitExceeded"},
            "Group (AutoScaling::AutoScalingGroup): LimitExceeded",
            "have AWS raise the quota (Service Quotas), or ask for less",
        ),
        (
            "deleted",
            {"service": "sqs", "operation": "CreateQueue",
             "code": "AWS.SimpleQueueService.QueueDeletedRecently"},
            "(SQS::Queue): AWS.SimpleQueueService.QueueDeletedRecently",
            "wait a minute and run it again (SQS keeps a queue's name for 60 s)",
        ),
        (
            "types",
            {"service": "autoscaling", "operation": "CreateAutoScalingGroup",
             "code": "InvalidInstanceType"},
            "Group (AutoScaling::AutoScalingGroup): InvalidInstanceType",
            "name types that the region's zones have: nodes.types (aws ec2 "
            "describe-instance-type-offerings)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)  # fmt: skip
def test_a_queue_s_failure_names_its_cause_and_a_remedy(
    shop: Shop, queue: str, fault: Mapping[str, Any], resource: str, remedy: str
) -> None:
    shop.write({**ONE, queue: ""})
    shop.fault(**fault)
    (line,) = refused(shop, queue)
    assert line.startswith(f"fails-queue-{queue}: ")
    assert resource in line
    assert line.endswith(remedy)
    # Nothing of it is left that would take no change.
    assert f"fails-queue-{queue}" not in shop.stacks()


def test_a_policy_that_nobody_has(shop: Shop) -> None:
    shop.write({**ONE, "policy": 'nodes.policies = ["arn:aws:iam::123456789012:policy/none"]'})
    (line,) = refused(shop, "policy")
    assert "fails-queue-policy: NodeRole (IAM::Role): " in line
    assert line.endswith(
        "correct nodes.policies or aws.boundary: name policies that this account has"
    )


def test_what_is_under_way_comes_to_its_end_and_the_rest_is_untouched(shop: Shop) -> None:
    many = {f"q{number:02}": "" for number in range(12)}
    shop.write({**ONE, **many})
    # The first group that is asked for fails at once; the others that are under way take longer.
    shop.fault(
        service="autoscaling", operation="CreateAutoScalingGroup", code="LimitExceeded", times=1
    )
    shop.fault(service="autoscaling", operation="CreateAutoScalingGroup", delay_seconds=4.0)
    process = shop.process("stack", "apply", *many, "--yes", "--json")
    out, talk = process.communicate(timeout=150)
    assert process.returncode == 1
    told = json.loads(out)
    failed = [one for one in told["stacks"] if one["failure"]]
    well = {one["stack"] for one in told["stacks"] if not one["failure"]}
    assert len(failed) == 1
    assert {one["status"] for one in told["stacks"] if not one["failure"]} == {"CREATE_COMPLETE"}
    assert len(told["stacks"]) + len(told["left"]) == 12
    assert told["left"]
    assert talk.splitlines()[-1] == f"not begun: {', '.join(told['left'])}"
    until(lambda: well <= set(shop.stacks()) or None, "those that came to their end")
    assert not {*told["left"], failed[0]["stack"]} & set(shop.stacks())
    assert shop.proposed() == []


def test_a_bucket_that_was_deleted_by_hand_ends_no_lambda(shop: Shop) -> None:
    s3 = shop.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=shop.bucket):
        for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=shop.bucket, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=shop.bucket)
    shop.write({"mail": 'lease = "96s"'})
    (line,) = refused(shop)
    assert line == (
        f"fails-shared: s3://{shop.bucket}: expected the shared stack's bucket, found none: it was "
        "deleted by hand: make it again: ops stack apply --revert-drift --yes"
    )
    assert shop.proposed() == []
    functions = shop.client("lambda").list_functions()["Functions"]
    assert {"fails-scaling", "fails-forwarder"} <= {one["FunctionName"] for one in functions}
