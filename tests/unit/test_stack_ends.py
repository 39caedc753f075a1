"""Many stacks at once until one fails; what would lose data; how late SQS's counts may be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ops.errors import OpsError
from ops.stack.changes import Change, Ended, Proposal, read_changes
from ops.stack.losing import losses
from ops.stack.pace import lag_seconds
from ops.stack.remedies import remedy
from ops.stack.together import AT_ONCE, Stop, Told, work_all

QUEUE, TABLE, BUCKET = "AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::S3::Bucket"
Work = Callable[[Stop], Ended]


def ended(name: str, failure: str = "") -> Ended:
    return Ended(name, "UPDATE_ROLLBACK_COMPLETE" if failure else "UPDATE_COMPLETE", failure)


def at_once(name: str) -> Work:
    return lambda _: ended(name)


@pytest.mark.parametrize("raises", [False, True])
def test_after_the_first_failure_nothing_more_is_begun(raises: bool) -> None:
    names = [f"s{number}" for number in range(12)]
    assert len(names) > AT_ONCE
    others = set(names[1:AT_ONCE])
    begun = threading.Barrier(AT_ONCE)
    failed = threading.Event()

    def fails(_: Stop) -> Ended:
        begun.wait(30)
        if raises:
            raise OpsError("denied")
        return ended("s0", "denied")

    def waits(name: str) -> Work:
        def work(_: Stop) -> Ended:
            # All that can be begun at once are; they end after the failure has been heard of.
            begun.wait(30)
            assert failed.wait(30)
            return ended(name)

        return work

    def hear(one: Ended) -> None:
        if not one.well:
            failed.set()

    told = Told(hear)
    work: dict[str, Work] = {"s0": fails, **{name: waits(name) for name in names[1:AT_ONCE]}}
    work |= {name: at_once(name) for name in names[AT_ONCE:]}
    done, left = work_all(work, told)
    assert sorted(left) == ["s10", "s11"]
    assert {one.stack for one in done} == {"s0", *others} == told.begun
    assert [one.stack for one in done if not one.well] == ["s0"]
    assert done[0].failure == "denied"
    assert told.going == set()


def test_without_a_failure_all_of_many_are_done() -> None:
    names = [f"s{number}" for number in range(AT_ONCE + 2)]
    heard: list[Ended] = []

    done, left = work_all({name: at_once(name) for name in names}, Told(heard.append))
    assert ({one.stack for one in done}, left) == (set(names), [])
    assert len(heard) == len(names)


@pytest.mark.parametrize("kind", [QUEUE, TABLE, BUCKET])
@pytest.mark.parametrize(
    ("found", "word", "lost"),
    [
        ({"Action": "Modify", "Replacement": "True"}, "replace", True),
        ({"Action": "Modify", "Replacement": "Conditional"}, "perhaps replace", True),
        ({"Action": "Modify", "Replacement": "False"}, "change", False),
        # A replaced one is kept, and nobody reads it any more.
        (
            {"Action": "Modify", "Replacement": "True", "PolicyAction": "ReplaceAndRetain"},
            "replace",
            True,
        ),
        ({"Action": "Remove", "PolicyAction": "Delete"}, "delete", True),
        ({"Action": "Remove", "PolicyAction": "Retain"}, "keep", False),
        # What is not said is not taken for kept.
        ({"Action": "Remove"}, "delete", True),
        ({"Action": "Add"}, "create", False),
        ({"Action": "Import"}, "import", False),
    ],
)
def test_what_would_lose_data(kind: str, found: dict[str, Any], word: str, lost: bool) -> None:
    resource = {"LogicalResourceId": "One", "ResourceType": kind, **found}
    changes = read_changes([{"Changes": [{"Type": "Resource", "ResourceChange": resource}]}])
    assert [one.action for one in changes] == [word]
    assert len(losses([Proposal("s", new=False, changes=changes)])) == lost


def test_what_holds_nothing_may_go() -> None:
    changes = (Change("delete", "Cluster", "AWS::ECS::Cluster", "shop"),)
    assert losses([Proposal("s", new=False, changes=changes)]) == ()


def proposals() -> list[Proposal]:
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-{}"
    return [
        Proposal(
            "shop-shared",
            new=False,
            changes=(Change("replace", "Payloads", BUCKET, "old-bucket", ("BucketName",)),),
        ),
        *(
            Proposal(
                f"shop-queue-{queue}",
                new=False,
                changes=(Change("perhaps replace", "Messages", QUEUE, url.format(queue)),),
            )
            for queue in ("mail", "video")
        ),
    ]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ((), ["old-bucket", "shop-mail", "shop-video"]),
        (("Payloads",), ["shop-mail", "shop-video"]),
        (("old-bucket", "shop-mail"), ["shop-video"]),
        # A logical id of several names none of them.
        (("Messages",), ["old-bucket", "shop-mail", "shop-video"]),
        (("shop-mail", "shop-video", "Payloads", "another"), []),
    ],
)
def test_a_loss_is_taken_back_or_named(named: tuple[str, ...], left: list[str]) -> None:
    assert [one.name for one in losses(proposals(), named)] == left


def test_a_loss_says_what_where_and_what_helps() -> None:
    assert losses(proposals())[0].in_words() == (
        "shop-shared: Payloads (S3::Bucket): expected to keep old-bucket, found that the change "
        "would replace it (BucketName): the objects stay behind in the old one, where the fleet "
        "may no longer read: take the change back in the manifest, or make it with --replace "
        "old-bucket"
    )
    gone = Change("delete", "Results", TABLE, "shop-results")
    (one,) = losses([Proposal("s", new=False, changes=(gone,))])
    assert "would delete it: what it holds is lost: " in one.in_words()


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("https://sqs.eu-central-1.amazonaws.com", 60.0),
        ("https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com", 60.0),
        ("http://127.0.0.1:4566", 0.0),
        ("http://localhost:4566", 0.0),
    ],
)
def test_counts_of_aws_lag(url: str, seconds: float) -> None:
    assert lag_seconds(url) == seconds


def test_the_first_cluster_of_an_account_may_be_too_early_for_its_role() -> None:
    failure = (
        'Cluster (ECS::Cluster): Resource handler returned message: "Invalid request provided: '
        "CreateCluster Invalid Request: Unable to assume the service linked role. Please verify "
        'that the ECS service linked role exists."'
    )
    assert "run it again" in remedy(failure)
    assert "create-service-linked-role --aws-service-name ecs.amazonaws.com" in remedy(failure)
