"""Fifty queues within every limit of AWS, worked out on the composed templates."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from ops.stack.compose import plans, queue, shared
from ops.stack.limits import INLINE_BYTES, Measure, measures, policy_characters
from tests.unit.stack_fleets import ACCOUNT, fifty, plain, rich


@pytest.fixture(scope="module")
def found() -> tuple[Measure, ...]:
    return measures(plans(fifty(), ACCOUNT), ACCOUNT)


def test_fifty_queues_are_within_every_limit(found: tuple[Measure, ...]) -> None:
    assert [str(each) for each in found if each.over] == []


def test_everything_was_measured(found: tuple[Measure, ...]) -> None:
    kinds: defaultdict[str, int] = defaultdict(int)
    for each in found:
        kinds[each.what.split(",")[0]] += 1
    assert kinds["resources"] == 51
    # its inline policies, its trust, the policies attached to it, its tags
    assert kinds["NodeRole"] == 200
    assert kinds["lifecycle hooks of the group"] == 40
    assert sum(each.what == "AWS::IAM::Role resources" for each in found) == 1
    together = {each.what: each.found for each in found if each.stack == ""}
    assert together["stacks"] == 51
    assert together["AWS::AutoScaling::AutoScalingGroup resources"] == 40
    assert together["AWS::ECS::Service resources"] == 10
    assert together["AWS::IAM::Role resources"] == 40 + 2 * 10 + 6


def test_every_limit_says_where_it_is_from(found: tuple[Measure, ...]) -> None:
    assert all(each.source and each.most > 0 for each in found)


def test_every_template_is_sent_along_without_a_bucket() -> None:
    # The first apply has no bucket yet to put a larger one into.
    for fleet in (fifty(), rich()):
        for plan in plans(fleet, ACCOUNT):
            assert len(plan.body().encode()) < INLINE_BYTES, plan.name


def test_what_is_over_is_found() -> None:
    plan = shared(plain(), ACCOUNT)
    role = plan.template["Resources"]["ScalingRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"] *= 12
    (over,) = [each for each in measures([plan], ACCOUNT) if each.over]
    assert str(over).startswith("media-shared: ScalingRole, inline policies, characters: expected")
    assert over.source == "IAM and STS quotas"


def test_more_policies_than_a_role_takes_are_found() -> None:
    arns = [f"arn:aws:iam::123456789012:policy/p{number}" for number in range(10)]
    plan = queue(plain(queue=f"nodes.policies = {json.dumps(arns)}"), "mail", ACCOUNT)
    assert not any(one.over for one in measures([plan], ACCOUNT))
    more = replace(plan, parameters={**plan.parameters, "Policies": ",".join([*arns, "arn:other"])})
    assert [str(one) for one in measures([more], ACCOUNT) if one.over] == [
        "media-queue-mail: NodeRole, managed policies: expected at most 10, found 11 "
        "(IAM and STS quotas)"
    ]


def test_a_long_value_a_long_name_and_much_user_data_are_found() -> None:
    plan = queue(plain(), "mail", ACCOUNT)
    long = replace(plan, name="s" * 129, parameters={**plan.parameters, "Queue": "q" * 20_000})
    over = {each.what.split(",")[0] for each in measures([long], ACCOUNT) if each.over}
    assert {"a parameter's value", "the name of a stack", "the name of a group"} <= over
    assert "NodeTemplate" in over


def test_windows_are_counted() -> None:
    window = '{ begins = "0 8 * * *", ends = "0 9 * * *", min = 1 }'
    later = '{ begins = "0 9 * * *", ends = "0 10 * * *", min = 2 }'
    fleet = plain(queue=f"scaling.windows = [{window}, {later}]")
    counted = [
        each.found
        for each in measures([queue(fleet, "mail", ACCOUNT)], ACCOUNT)
        if each.what == "scheduled actions of the group"
    ]
    # Each day: at 8, where they touch, and at 10.
    assert counted == [21]


def test_white_space_does_not_count_in_a_policy() -> None:
    document: dict[str, Any] = {"Statement": [{"Action": "a b"}]}
    assert policy_characters(document) == len('{"Statement":[{"Action":"ab"}]}')
