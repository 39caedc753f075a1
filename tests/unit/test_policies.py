"""What IAM policies allow, and which of their grants a record of calls uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.local.record import Call
from tests.permissions_used import Account, Held, Role, Unused, held, reasons, requests
from tests.policies import Grant, Request, Statement, granting, grants, holds

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:may-work"


def statement(**more: Any) -> Statement:
    return {
        "Sid": "Send",
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:eu-west-1:123456789012:may-*",
        **more,
    }


@pytest.mark.parametrize(
    ("more", "action", "resource", "allowed"),
    [
        ({}, "sqs:SendMessage", QUEUE, True),
        ({}, "SQS:sendmessage", QUEUE, True),
        ({}, "sqs:SendMessageBatch", QUEUE, False),
        ({}, "sqs:SendMessage", QUEUE.replace("may-", "our-"), False),
        ({}, "sqs:SendMessage", QUEUE.replace("eu-west-1", "eu-west-2"), False),
        ({}, "sqs:SendMessage", "*", False),
        ({"Resource": QUEUE[:-1]}, "sqs:SendMessage", QUEUE, False),
        ({"Resource": f"{QUEUE[:-1]}?"}, "sqs:SendMessage", QUEUE, True),
        ({"Resource": "*"}, "sqs:SendMessage", "*", True),
        ({"Resource": "*"}, "sqs:SendMessage", QUEUE, True),
        # A wildcard stays in its part.
        ({"Resource": "arn:aws:sqs:*:may-work"}, "sqs:SendMessage", QUEUE, False),
        ({"Resource": "arn:aws:sqs:*:*:may-work"}, "sqs:SendMessage", QUEUE, True),
        ({"Action": ["sqs:Get*", "sqs:S?ndMessage"]}, "sqs:SendMessage", QUEUE, True),
        ({"Action": "sqs:Get*"}, "sqs:SendMessage", QUEUE, False),
        ({"Action": "sqs.SendMessage"}, "sqs:SendMessage", QUEUE, False),
    ],
)
def test_an_action_on_a_resource(
    more: dict[str, Any], action: str, resource: str, allowed: bool
) -> None:
    assert bool(granting([statement(**more)], Request(action, resource))) is allowed


CONTEXT: dict[str, str | list[str]] = {
    "tag": "may",
    "secure": "true",
    "keys": ["may", "may"],
    "mixed": ["may", "our"],
    "none": [],
    "arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/may",
}


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("StringEquals", "tag", "may", True),
        ("StringEquals", "tag", "MAY", False),
        ("StringEquals", "tag", ["our", "may"], True),
        ("StringEquals", "tag", "m*", False),
        ("StringEquals", "absent", "may", False),
        ("StringEqualsIfExists", "absent", "may", True),
        ("StringEqualsIfExists", "tag", "our", False),
        ("StringNotEquals", "tag", "our", True),
        ("StringNotEquals", "tag", ["our", "may"], False),
        ("StringNotEquals", "absent", "may", True),
        ("StringLike", "tag", "m*", True),
        ("StringLike", "tag", "m?", False),
        ("StringLike", "absent", "*", False),
        ("StringNotLike", "tag", "m*", False),
        ("Bool", "secure", "TRUE", True),
        ("Bool", "secure", "false", False),
        ("Bool", "absent", "false", False),
        ("Null", "absent", "true", True),
        ("Null", "tag", "true", False),
        ("Null", "tag", "false", True),
        ("ArnEquals", "arn", "arn:aws:ecs:*:123456789012:cluster/may", True),
        ("ArnEquals", "arn", "arn:aws:ecs:*:cluster/may", False),
        ("ArnLike", "arn", "arn:aws:ecs:eu-west-1:123456789012:cluster/m*", True),
        ("ArnNotEquals", "arn", "arn:aws:ecs:*:123456789012:cluster/may", False),
        ("ForAllValues:StringEquals", "keys", "may", True),
        ("ForAllValues:StringEquals", "mixed", "may", False),
        ("ForAllValues:StringEquals", "none", "may", True),
        ("ForAllValues:StringEquals", "absent", "may", True),
        ("ForAnyValue:StringEquals", "mixed", "may", True),
        ("ForAnyValue:StringEquals", "mixed", "their", False),
        ("ForAnyValue:StringEquals", "none", "may", False),
        ("ForAnyValue:StringEquals", "absent", "may", False),
    ],
)
def test_a_condition(operator: str, key: str, value: Any, expected: bool) -> None:
    assert holds({operator: {key: value}}, CONTEXT) is expected


def test_all_of_a_condition_must_hold() -> None:
    assert holds({}, CONTEXT)
    both = {"StringEquals": {"tag": "may", "secure": "false"}}
    assert not holds(both, CONTEXT)
    assert not holds({"StringEquals": {"tag": "may"}, "Bool": {"secure": "false"}}, CONTEXT)


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("NumericLessThan", "tag", "3"),
        ("ForSomeValues:StringEquals", "tag", "may"),
        ("StringEquals", "tag", "${aws:username}"),
        ("StringEquals", "mixed", "may"),
    ],
)
def test_what_is_not_known_here_is_refused(operator: str, key: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"not known here|expected one value"):
        holds({operator: {key: value}}, CONTEXT)


@pytest.mark.parametrize("more", [{"NotAction": "sqs:*"}, {"Effect": "Perhaps"}])
def test_a_statement_that_is_not_known_here_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a statement with"):
        granting([statement(**more)], Request("sqs:SendMessage", QUEUE))


def test_a_denial_wins() -> None:
    request = Request("sqs:SendMessage", QUEUE, {"tag": "may"})
    deny = statement(Sid="No", Effect="Deny", Action="sqs:*", Resource="*")
    assert granting([statement()], request)
    assert not granting([statement(), deny], request)
    elsewhere = {**deny, "Condition": {"StringEquals": {"tag": "our"}}}
    assert granting([elsewhere, statement()], request)


def test_a_grant_is_an_action_on_a_resource() -> None:
    wide = statement(Action=["sqs:SendMessage", "sqs:GetQueueUrl"], Resource=[QUEUE, f"{QUEUE}-2"])
    assert len(grants([wide])) == 4
    (found,) = granting([wide], Request("sqs:GetQueueUrl", f"{QUEUE}-2"))
    assert found == Grant("Send", "sqs:GetQueueUrl", 1, f"{QUEUE}-2")


ACCOUNT = Account("123456789012", "eu-west-1", {"i-1": "may-work"}, {QUEUE: {"fleet:name": "may"}})
TAGGED = {"StringEquals": {"aws:ResourceTag/fleet:name": "may"}}
SEND = statement(Condition=TAGGED)
ROLES = {"may-NodeRole-1": Role("NodeRole", (SEND,))}


def call(
    action: str = "sqs:SendMessage",
    resources: tuple[str, ...] = (QUEUE,),
    role: str = "may-NodeRole-1",
    **more: Any,
) -> Call:
    service, operation = action.split(":")
    told = Call(0.0, role, "i-1", "", "eu-west-1", service, operation, action, 200)
    return replace(told, resources=resources, **more)


def of(*calls: Call, roles: Mapping[str, Role] = ROLES, unused: tuple[Unused, ...] = ()) -> Held:
    return held(calls, roles, ACCOUNT, unused)


def test_a_record_that_fits_its_policies() -> None:
    assert of(call(), call(role="operator", action="iam:GetRole")) == Held((), (), (), ())


def test_a_call_that_is_not_granted_is_told() -> None:
    for wrong in (
        call("sqs:PurgeQueue"),
        call(resources=(f"{QUEUE}-other",)),
        call(resources=(QUEUE, f"{QUEUE}-other")),
    ):
        assert len(of(call(), wrong).denied) == 1


def test_a_grant_that_nobody_uses_is_told_and_so_is_a_reason_that_nobody_needs() -> None:
    unused = Unused("NodeRole", "Send", ("sqs:SendMessage",), "*:may-*", "it rests")
    assert of().unused == (f"NodeRole: Send: sqs:SendMessage on {SEND['Resource']}",)
    assert of(unused=(unused,)) == Held((), (), (), ())
    assert len(of(call(), unused=(unused,)).needless) == 1
    for wrong in (
        replace(unused, role="ScalingRole"),
        replace(unused, statement="Sent"),
        replace(unused, actions=("sqs:PurgeQueue",)),
        replace(unused, resource="*:our-*"),
    ):
        found = of(unused=(wrong,))
        assert (len(found.unused), len(found.needless)) == (1, 1)


def test_a_template_s_grant_is_one_grant_in_all_its_stacks() -> None:
    other = statement(Resource=f"{QUEUE}-other")
    roles = ROLES | {"may-NodeRole-2": Role("NodeRole", (other,))}
    assert of(call(), roles=roles).unused == ()


def test_a_condition_on_what_nobody_knows_is_told() -> None:
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["may"]}}
    role = Role("NodeRole", (statement(Condition=condition),))
    roles = {"may-NodeRole-1": role}
    assert len(of(call(), roles=roles).blind) == 1
    known = call(conditions={"dynamodb:LeadingKeys": ["may"]})
    assert of(known, roles=roles) == Held((), (), (), ())
    foreign = call(conditions={"dynamodb:LeadingKeys": ["may", "our"]})
    assert len(of(foreign, roles=roles).denied) == 1


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            call("autoscaling:SetInstanceHealth", (), parameters={"InstanceId": "i-1"}),
            [
                (
                    "autoscaling:SetInstanceHealth",
                    "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:*:"
                    "autoScalingGroupName/may-work",
                )
            ],
        ),
        (
            call("autoscaling:DescribeAutoScalingGroups", ("arn:of:a:group",)),
            [("autoscaling:DescribeAutoScalingGroups", "*")],
        ),
        (
            call("logs:PutLogEvents", ("arn:g",), parameters={"logStreamName": "s"}),
            [("logs:PutLogEvents", "arn:g:log-stream:s")],
        ),
        (
            call("logs:CreateLogStream", ("arn:g",), parameters={"logStreamName": "s"}),
            [("logs:CreateLogStream", "arn:g:log-stream:")],
        ),
        (
            call(
                "dynamodb:TransactWriteItems",
                ("arn:t",),
                operations=(("dynamodb:PutItem", "arn:t"), ("dynamodb:DeleteItem", "arn:t")),
            ),
            [("dynamodb:PutItem", "arn:t"), ("dynamodb:DeleteItem", "arn:t")],
        ),
        (call("sts:GetCallerIdentity", ()), [("sts:GetCallerIdentity", "*")]),
    ],
)
def test_a_call_asks(made: Call, expected: list[tuple[str, str]]) -> None:
    assert [(each.action, each.resource) for each in requests(made, ACCOUNT)] == expected


def test_an_entry_of_the_list_needs_a_reason(tmp_path: Path) -> None:
    entry = '[[unused]]\nrole = "R"\nstatement = "S"\nactions = ["a:B"]\nreason = "{}"\n'
    path = tmp_path / "unused.toml"
    path.write_text(entry.format("rests"))
    assert reasons(path) == [Unused("R", "S", ("a:B",), "*", "rests")]
    path.write_text(entry.format(" "))
    with pytest.raises(ValueError, match="expected actions and a reason"):
        reasons(path)
