"""From what is on SQS to what must change: pure, over tables of snapshots."""

import json
from collections.abc import Mapping

import pytest

from ops.queues.plan import Found, Kind, Plan, plan
from ops.queues.wanted import wanted
from worker.fleet import Fleet

ARN = "arn:aws:sqs:eu-west-1:123456789012:"
FLEET = Fleet.model_validate(
    {
        "name": "media",
        "queues": {"mail": {"tasks": ["mail.*"], "lease": "90s", "max_receives": 5}},
    }
)


def as_wanted() -> dict[str, Found | None]:
    """The queues of FLEET exactly as the manifest wants them."""
    tags = {"fleet:name": "media", "fleet:queue": "mail"}
    common = {"MaximumMessageSize": "1048576", "SqsManagedSseEnabled": "true"}
    source = {
        "QueueArn": f"{ARN}media-mail",
        "VisibilityTimeout": "90",
        "ReceiveMessageWaitTimeSeconds": "20",
        "MessageRetentionPeriod": "345600",
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": f"{ARN}media-mail-dlq", "maxReceiveCount": 5}
        ),
        **common,
    }
    dead = {
        "QueueArn": f"{ARN}media-mail-dlq",
        "MessageRetentionPeriod": "1209600",
        "RedriveAllowPolicy": json.dumps(
            {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}media-mail"]}
        ),
        **common,
    }
    refused = {
        "QueueArn": f"{ARN}media-delayed-dlq",
        "MessageRetentionPeriod": "1209600",
        **common,
    }
    delayed = {
        **refused,
        "QueueArn": f"{ARN}media-delayed",
        "VisibilityTimeout": "300",
        "ReceiveMessageWaitTimeSeconds": "20",
    }
    name = {"fleet:name": "media"}
    return {
        "media-mail": Found("url:media-mail", source, tags),
        "media-mail-dlq": Found("url:dlq", dead, {**tags, "fleet:role": "dead-letter"}),
        "media-delayed": Found("url:delayed", delayed, {**name, "fleet:role": "delay"}),
        "media-delayed-dlq": Found("url:refused", refused, {**name, "fleet:role": "dead-letter"}),
    }


def altered(
    name: str,
    attributes: Mapping[str, str | None] | None = None,
    tags: Mapping[str, str | None] | None = None,
) -> dict[str, Found | None]:
    """The snapshot with one queue's attributes or tags replaced; None removes one."""
    snapshot = as_wanted()
    state = snapshot[name]
    assert state is not None
    new_attributes = {**state.attributes, **(attributes or {})}
    new_tags = {**state.tags, **(tags or {})}
    snapshot[name] = Found(
        state.url,
        {key: value for key, value in new_attributes.items() if value is not None},
        {key: value for key, value in new_tags.items() if value is not None},
    )
    return snapshot


def planned(snapshot: dict[str, Found | None]) -> Plan:
    return plan(wanted(FLEET), snapshot)


def test_nothing_to_do_when_all_is_as_wanted() -> None:
    assert planned(as_wanted()) == Plan((), ())


def test_new_queues_come_with_their_dead_letter_queues_first() -> None:
    steps = planned(as_wanted() | {"media-mail": None, "media-mail-dlq": None}).steps
    assert [(step.kind, step.queue) for step in steps] == [
        (Kind.CREATE, "media-mail-dlq"),
        (Kind.CREATE, "media-mail"),
        (Kind.CORRECT, "media-mail-dlq"),
    ]
    dead, source, tie = steps
    assert dead.attributes == {
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "1209600",
        "SqsManagedSseEnabled": "true",
    }
    assert dead.tags == {
        "fleet:name": "media",
        "fleet:queue": "mail",
        "fleet:role": "dead-letter",
    }
    assert source.attributes == {
        "VisibilityTimeout": "90",
        "ReceiveMessageWaitTimeSeconds": "20",
        "MessageRetentionPeriod": "345600",
        "MaximumMessageSize": "1048576",
        "SqsManagedSseEnabled": "true",
    }
    assert source.tie is not None
    assert source.tie.tie(f"{ARN}any") == (
        "RedrivePolicy",
        json.dumps({"deadLetterTargetArn": f"{ARN}media-mail-dlq", "maxReceiveCount": 5}),
    )
    assert tie.tie is not None
    assert tie.tie.tie(f"{ARN}any") == (
        "RedriveAllowPolicy",
        json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}media-mail"]}),
    )


@pytest.mark.parametrize(
    ("queue", "attribute", "value", "before", "after"),
    [
        ("media-mail", "VisibilityTimeout", "30", "30s", "1m30s"),
        ("media-mail", "ReceiveMessageWaitTimeSeconds", "0", "0s", "20s"),
        ("media-mail", "MessageRetentionPeriod", "60", "1m", "4d"),
        ("media-mail", "MaximumMessageSize", "262144", "262144", "1048576"),
        ("media-mail", "SqsManagedSseEnabled", "false", "false", "true"),
        ("media-mail", "SqsManagedSseEnabled", None, None, "true"),
        ("media-mail", "RedrivePolicy", None, None, "to media-mail-dlq after 5 receives"),
        (
            "media-mail",
            "RedrivePolicy",
            json.dumps({"deadLetterTargetArn": f"{ARN}other", "maxReceiveCount": 5}),
            "to other after 5 receives",
            "to media-mail-dlq after 5 receives",
        ),
        ("media-mail", "RedrivePolicy", "{", "{", "to media-mail-dlq after 5 receives"),
        ("media-mail-dlq", "MessageRetentionPeriod", "345600", "4d", "14d"),
        (
            "media-mail-dlq",
            "RedriveAllowPolicy",
            json.dumps({"redrivePermission": "denyAll"}),
            "denyAll",
            "from media-mail",
        ),
    ],
)
def test_one_drifted_attribute(
    queue: str, attribute: str, value: str | None, before: str | None, after: str
) -> None:
    result = planned(altered(queue, {attribute: value}))
    assert [(step.kind, step.queue) for step in result.steps] == [(Kind.CORRECT, queue)]
    (change,) = result.changes
    assert (change.queue, change.what, change.before, change.after) == (
        queue,
        attribute,
        before,
        after,
    )
    assert change.why


def test_drifts_of_one_queue_are_one_request() -> None:
    (step,) = planned(
        altered("media-mail", {"VisibilityTimeout": "30", "RedrivePolicy": None})
    ).steps
    assert step.attributes == {"VisibilityTimeout": "90"}
    assert step.tie is not None
    assert len(step.changes) == 2


def test_a_policy_spelled_otherwise_is_the_same_policy() -> None:
    spelled = f'{{ "maxReceiveCount": "5", "deadLetterTargetArn": "{ARN}media-mail-dlq" }}'
    assert planned(altered("media-mail", {"RedrivePolicy": spelled})).steps == ()


def test_a_lost_dead_letter_queue_is_made_again_and_its_source_left_alone() -> None:
    steps = planned(as_wanted() | {"media-mail-dlq": None}).steps
    assert [(step.kind, step.queue) for step in steps] == [
        (Kind.CREATE, "media-mail-dlq"),
        (Kind.CORRECT, "media-mail-dlq"),
    ]


def test_the_delay_queue_and_the_queue_for_its_junk_are_tied_to_nothing() -> None:
    """SQS would count receives against a tie, and each hop of a task that waits takes one."""
    steps = planned(as_wanted() | {"media-delayed": None, "media-delayed-dlq": None}).steps
    assert [(step.kind, step.queue, step.tie) for step in steps] == [
        (Kind.CREATE, "media-delayed-dlq", None),
        (Kind.CREATE, "media-delayed", None),
    ]
    for step in steps:
        state = as_wanted()[step.queue]
        assert state is not None
        assert {**step.attributes, "QueueArn": state.arn} == state.attributes
        assert step.tags == state.tags


def test_a_customers_own_key_is_left_alone() -> None:
    keyed = {"KmsMasterKeyId": "alias/ours", "SqsManagedSseEnabled": "false"}
    assert planned(altered("media-mail", keyed)).steps == ()


def test_what_the_manifest_does_not_name_is_left_alone() -> None:
    snapshot = altered("media-mail", {"DelaySeconds": "7", "Policy": "{}"}, {"cost-centre": "7"})
    assert planned(snapshot).steps == ()


def test_an_untagged_queue_is_adopted() -> None:
    (step,) = planned(altered("media-mail", tags={"fleet:name": None, "fleet:queue": None})).steps
    assert (step.kind, step.tags) == (Kind.TAG, {"fleet:name": "media", "fleet:queue": "mail"})
    assert [change.what for change in step.changes] == ["tag fleet:name", "tag fleet:queue"]


def test_another_fleets_queue_is_refused_and_nothing_else_is_planned() -> None:
    snapshot = altered("media-mail", tags={"fleet:name": "radio"}) | {"media-mail-dlq": None}
    assert planned(snapshot) == Plan(
        (),
        (
            "media-mail: expected tag fleet:name = media, got radio: it is another fleet's queue: "
            "rename the fleet or the queue in the manifest",
        ),
    )


def test_planning_needs_no_aws() -> None:
    import subprocess
    import sys

    code = (
        "import sys, ops.queues.plan, ops.queues.wanted;"
        "print({'boto3', 'botocore'} & sys.modules.keys())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
