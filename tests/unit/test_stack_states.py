"""What a stack's status says, how often it is asked for, and what helps against AWS's words."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from ops.stack.changes import Change, Proposal
from ops.stack.events import with_remedy
from ops.stack.pace import Pace
from ops.stack.remedies import remedy
from ops.stack.states import is_busy, is_there, stuck
from ops.stack.validation import in_words


@pytest.mark.parametrize(
    ("status", "busy", "there"),
    [
        ("", False, False),
        ("REVIEW_IN_PROGRESS", False, False),
        ("DELETE_COMPLETE", False, False),
        ("ROLLBACK_COMPLETE", False, False),
        ("CREATE_IN_PROGRESS", True, True),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", True, True),
        ("UPDATE_ROLLBACK_IN_PROGRESS", True, True),
        ("DELETE_IN_PROGRESS", True, True),
        ("CREATE_COMPLETE", False, True),
        ("UPDATE_ROLLBACK_COMPLETE", False, True),
        ("IMPORT_COMPLETE", False, True),
    ],
)
def test_a_stack_is_there_or_at_work_by_its_status(status: str, busy: bool, there: bool) -> None:
    assert (is_busy(status), is_there(status)) == (busy, there)
    assert stuck("s", "mail", status, "why") == ""


@pytest.mark.parametrize(
    ("status", "helps"),
    [
        ("CREATE_FAILED", "remove the rest with ops stack destroy mail"),
        ("ROLLBACK_FAILED", "remove the rest with ops stack destroy mail"),
        ("DELETE_FAILED", "delete it again: ops stack destroy mail"),
        (
            "UPDATE_ROLLBACK_FAILED",
            "aws cloudformation continue-update-rollback --stack-name shop-queue-mail",
        ),
        (
            "IMPORT_ROLLBACK_FAILED",
            "aws cloudformation describe-stack-events --stack-name shop-queue-mail",
        ),
    ],
)
def test_a_stack_that_takes_no_change_has_a_cause_and_a_remedy(status: str, helps: str) -> None:
    line = stuck("shop-queue-mail", "mail", status, "Group: no")
    head = "shop-queue-mail: expected a stack that can be changed, it is "
    assert line.startswith(f"{head}{status} (Group: no): ")
    assert helps in line
    assert stuck("shop-queue-mail", "mail", status, "").startswith(f"{head}{status}: ")
    assert "ops stack destroy mail" not in stuck("shop-shared", "", status, "")


# As AWS words them; the last parts are CloudFormation's own.
@pytest.mark.parametrize(
    ("failure", "helps"),
    [
        (
            "Messages (SQS::Queue): You must wait 60 seconds after deleting a queue before you can "
            "create another with the same name.",
            "wait a minute",
        ),
        (
            "Artifacts (S3::Bucket): The requested bucket name is not available. The bucket "
            "namespace is shared by all users of the system. (Service: S3, Status Code: 409) "
            "(HandlerErrorCode: AlreadyExists)",
            "buckets' names are worldwide",
        ),
        ("Artifacts (S3::Bucket): shop-artifacts already exists", "buckets' names are worldwide"),
        (
            "NodeRole (IAM::Role): User: arn:aws:iam::1:user/x is not authorized to perform: "
            "iam:CreateRole on resource: y because no identity-based policy allows it",
            "allow it for these credentials",
        ),
        (
            "NodeRole (IAM::Role): not authorized to perform: iam:CreateRole with an explicit "
            "deny in a service control policy",
            "a policy of yours denies it",
        ),
        (
            "NodeRole (IAM::Role): Policy arn:aws:iam::1:policy/none does not exist or is not "
            "attachable. (Service: Iam, Status Code: 404)",
            "correct nodes.policies or aws.boundary",
        ),
        (
            "NodeRole (IAM::Role): Cannot exceed quota for RolesPerAccount: 1000 (Service: Iam, "
            "Status Code: 409) (HandlerErrorCode: ServiceLimitExceeded)",
            "have AWS raise the quota",
        ),
        (
            "Group (AutoScaling::AutoScalingGroup): Your requested instance type (m9x.large) is "
            "not supported in your requested Availability Zone",
            "nodes.types",
        ),
        (
            "ScalingFunction (Lambda::Function): Error occurred while GetObject. S3 Error Code: "
            "NoSuchKey. S3 Error Message: The specified key does not exist.",
            "the Lambdas' code is not in the bucket",
        ),
        (
            "JournalDelivery (Logs::SubscriptionFilter): Could not deliver test message to "
            "specified Firehose stream. Check if the given Firehose stream is in ACTIVE state.",
            "wait a minute and run it again",
        ),
        (
            "Delivery (KinesisFirehose::DeliveryStream): Firehose is unable to assume role "
            "arn:aws:iam::1:role/x. Please check the role provided. (Service: Firehose)",
            "IAM may not know its role",
        ),
        ("Topic (SNS::Topic): Rate exceeded (Service: Sns, Status Code: 400)", "slow down"),
        ("Rule (Events::Rule): fleet-x already exists in stack arn:aws:y", "has this name"),
        ("Group (AutoScaling::AutoScalingGroup): something else", ""),
    ],
)
def test_what_helps_is_told_from_aws_s_words(failure: str, helps: str) -> None:
    found = remedy(failure)
    assert helps in found
    assert bool(found) is bool(helps)
    assert with_remedy(failure) == (f"{failure.rstrip('.')}: {found}" if helps else failure)
    assert with_remedy("") == ""


def test_pauses_grow_to_the_longest_and_are_never_all_the_same() -> None:
    found = list(itertools.islice(Pace(1.0, 5.0).pauses(Random(7)), 12))
    assert 0.8 <= found[0] <= 1.2
    assert all(4.0 <= pause <= 6.0 for pause in found[5:])
    assert len(set(found[5:])) == 7
    other = list(itertools.islice(Pace(1.0, 5.0).pauses(Random(8)), 12))
    assert found != other


def test_a_proposal_says_what_its_later_change_sets_do() -> None:
    resources = {"Queue": {"Type": "AWS::SQS::Queue"}, "Role": {"Type": "AWS::IAM::Role"}}
    first = Proposal("s", new=True, changes=(Change("import", "Queue", "AWS::SQS::Queue"),))
    whole = first.then(resources, {"Queue"}, "imported first")
    assert whole.changes == (*first.changes, Change("create", "Role", "AWS::IAM::Role"))
    assert whole.steps == ("imported first",)


def test_a_proposal_names_what_it_would_lose() -> None:
    changes = (
        Change("change", "A", "T"),
        Change("replace", "B", "T"),
        Change("delete", "C", "T"),
        Change("perhaps replace", "D", "T"),
    )
    assert Proposal("s", new=False, changes=changes).lost() == {"B", "C", "D"}


def test_what_was_refused_beforehand_is_named_with_its_place() -> None:
    events = [
        {
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": "Artifacts",
            "ValidationStatus": "FAILED",
            "ValidationStatusReason": "Resource of type 'AWS::S3::Bucket' already exists",
            "ValidationPath": "/Resources/Artifacts",
        },
        {"EventType": "VALIDATION_ERROR", "ValidationStatus": "SKIPPED"},
    ]
    assert in_words(events) == (
        "Artifacts (/Resources/Artifacts): Resource of type 'AWS::S3::Bucket' already exists"
    )
    assert in_words([]) == ""
