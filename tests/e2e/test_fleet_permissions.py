"""Least privilege, both ways: what a whole local fleet's roles called, and what they may call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ops.local.identity import OPERATOR
from ops.local.record import Call
from ops.stack.yaml_reading import template
from tests.e2e.permissions import May
from tests.e2e.whole import NAME, whole
from tests.permissions_used import Account, Held, Role, elsewhere, held, named, reasons

pytestmark = pytest.mark.timeout(600)

LIST = Path(__file__).with_name("permissions_unused.toml")
UNUSED = reasons(LIST)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was called, by whom, of what."""

    calls: list[Call]
    roles: dict[str, Role]
    account: Account

    def held(self, roles: Mapping[str, Role]) -> Held:
        return held(self.calls, roles, self.account, UNUSED)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    """A fleet that does all that it can: its engine and its forwarder are their Lambdas."""
    with whole(tmp_path_factory.mktemp("may")) as fleet:
        may = May(fleet)
        may.start()
        may.publish("next.holds", str(may.notes))
        may.publish("work.holds", str(may.notes))
        may.publish("work.everything", str(may.notes))
        may.waits(7200)
        may.junk()
        may.forward()
        may.called("sqs:SendMessage", "ForwarderRole", f"{NAME}-delayed-dlq")
        may.called("sqs:ChangeMessageVisibility", "ForwarderRole", f"{NAME}-delayed")
        # While it cannot count what is hidden it sends what waits anew.
        may.uncounted()
        may.waits(7200)
        may.forward()
        may.called("sqs:SendMessage", "ForwarderRole", f"{NAME}-delayed")
        may.noted("total-10", "taken-1400000", "chained", "again", "effect")
        may.ping("next")
        # They run until their leases were renewed.
        may.called("sqs:ChangeMessageVisibility", "NodeRole", f"{NAME}-next")
        may.called("sqs:ChangeMessageVisibility", "NodeRole", f"{NAME}-work")
        may.let_go()
        # A new service begins with a task, which is one too many: nothing is sent there.
        may.called("ecs:UpdateTaskProtection", "ScalingRole")
        may.called("ecs:UpdateService", "ScalingRole")
        may.publish("next.ends", count=8)
        may.forward()
        may.called("sqs:SendMessage", "ForwarderRole", f"{NAME}-next")
        may.called("sqs:SendMessage", "NodeRole", f"{NAME}-work-dlq")
        may.called("autoscaling:SetInstanceHealth", "NodeRole")
        # The work is done, and its node is told to go.
        may.called("autoscaling:TerminateInstanceInAutoScalingGroup", "ScalingRole")
        left = {"LifecycleHookName": "fleet-leave", "AutoScalingGroupName": f"{NAME}-work"}
        may.called("autoscaling:CompleteLifecycleAction", "NodeRole", **left)
        fleet.none_left("work")
        roles, account = may.roles(), may.account()
        fleet.ops("local", "down")
        yield Evidence(may.record(), roles, account)


def test_nothing_is_called_that_is_not_granted_and_nothing_granted_that_is_not_called(
    evidence: Evidence,
) -> None:
    called = {each.role for each in evidence.calls} - {OPERATOR}
    assert called <= set(evidence.roles)
    assert {evidence.roles[each].name for each in called} == {
        "ForwarderRole",
        "NodeRole",
        "ScalingRole",
    }
    assert evidence.held(evidence.roles) == Held((), (), (), ())


def test_without_any_statement_that_is_used_a_call_is_denied(evidence: Evidence) -> None:
    rests = {(each.role, each.statement) for each in UNUSED if each.resource == "*"}
    for name in {each.role for each in evidence.calls} - {OPERATOR}:
        role = evidence.roles[name]
        for statement in role.statements:
            if (role.name, statement["Sid"]) in rests:
                continue
            # What one queue's nodes do not do, another's do.
            less = {
                each: replace(
                    one,
                    statements=tuple(
                        kept for kept in one.statements if kept["Sid"] != statement["Sid"]
                    ),
                )
                for each, one in evidence.roles.items()
                if one.name == role.name
            }
            assert evidence.held(less).denied, (role.name, statement["Sid"])


def test_every_statement_of_the_templates_is_here_or_said_to_be_elsewhere(
    evidence: Evidence,
) -> None:
    wanted = {
        each
        for name in ("shared", "queue-ec2", "queue-ecs")
        for logical, resource in template(name)["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
        for each in named(logical, resource["Properties"]["Policies"])
    }
    here = {
        (role.name, statement["Sid"])
        for role in evidence.roles.values()
        for statement in role.statements
    }
    assert wanted - here == elsewhere(LIST)


def test_workers_may_the_same_on_both_runtimes() -> None:
    ec2, ecs = (
        template(name)["Resources"]["NodeRole"]["Properties"]["Policies"][0]
        for name in ("queue-ec2", "queue-ecs")
    )
    assert ec2["PolicyName"] == "worker"
    assert ec2 == ecs
