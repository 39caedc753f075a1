"""Every resource of every template on the local AWS, asked of its service: there, right, gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ops.local.aws import local_aws
from ops.queues.policies import same_policy
from ops.queues.wanted import wanted
from ops.stack.compose import plans
from ops.stack.resolve import Resolver, resolved
from ops.stack.yaml_reading import template
from tests.cloud.deployed.asking import Resource
from tests.cloud.deployed.expected import facts
from tests.cloud.deployed.expected_shared import of
from tests.cloud.deployed.fleets import Deployed, deploy, propose
from tests.cloud.deployed.questions import ask

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Seven stacks, two hundred resources.
pytestmark = pytest.mark.timeout(300)

#: The templates, and a resource that tells the stacks of each apart.
_TEMPLATES = {"shared": "RegistryTable", "queue-ec2": "Group", "queue-ecs": "Service"}


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployed, ...]]:
    with local_aws(tmp_path_factory.mktemp("aws"), lambda: None) as url:
        yield deploy(url)


@pytest.fixture
def rich(fleets: tuple[Deployed, ...]) -> Deployed:
    """The fleet that asks for all that the manifest can."""
    return fleets[0]


def _all(fleets: tuple[Deployed, ...]) -> list[Resource]:
    return [resource for fleet in fleets for resource in fleet.resources]


def _where(resource: Resource) -> str:
    return f"{resource.stack}: {resource.logical} ({resource.kind})"


@pytest.mark.parametrize("name", _TEMPLATES)
def test_every_resource_and_every_condition_of_a_template_is_deployed(
    fleets: tuple[Deployed, ...], name: str
) -> None:
    resources: set[str] = set()
    held: set[str] = set()
    for fleet in fleets:
        for plan in fleet.plans:
            if _TEMPLATES[name] in plan.template["Resources"]:
                resolver = Resolver(plan, fleet.account)
                resources |= set(resolver.resources())
                held |= {each for each in plan.template["Conditions"] if resolver.holds(each)}
    whole = template(name)
    assert set(whole["Resources"]) - resources == set()
    assert set(whole["Conditions"]) - held == set()


def test_every_stack_has_what_its_plan_asks_for_and_nothing_else(
    fleets: tuple[Deployed, ...],
) -> None:
    for fleet in fleets:
        for plan in fleet.plans:
            answer = fleet.stacks.api.describe_stack_resources(StackName=plan.name)
            there = {each["LogicalResourceId"]: each for each in answer["StackResources"]}
            asked = resolved(plan, fleet.account)
            assert {name: each["ResourceType"] for name, each in there.items()} == {
                name: each["Type"] for name, each in asked.items()
            }
            statuses = {each["ResourceStatus"] for each in there.values()}
            assert statuses <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_each_resource_is_there(fleets: tuple[Deployed, ...]) -> None:
    wrong = [
        f"{_where(resource)}: {lacks}"
        for fleet in fleets
        for resource in fleet.resources
        if (lacks := _lacks(resource, fleet.given))
    ]
    assert not wrong, "\n".join(wrong)


def _lacks(resource: Resource, given: tuple[str, ...]) -> str:
    """Return what a resource does not have of what it is to have; "" where nothing is amiss."""
    expected = of(resource, facts(resource.stack, resource.names, given))
    try:
        found = ask(resource)
    except (KeyError, ValueError) as error:
        return f"its service tells other things than were asked: {error!r}"
    if found is None:
        return "it is not there"
    differing = {
        name: (value, found.get(name, "not told"))
        for name, value in expected.items()
        if name not in found or found[name] != value
    }
    return f"expected and found: {differing}" if differing else ""


def test_asked_again_it_changes_nothing(fleets: tuple[Deployed, ...]) -> None:
    for fleet in fleets:
        for plan in fleet.plans:
            again = propose(fleet.stacks, plan, "UPDATE")
            assert again["Status"] == "FAILED", again["Changes"]
            assert "didn't contain changes" in again["StatusReason"]


def test_the_queues_are_as_ops_queues_wants_them(rich: Deployed) -> None:
    sqs: SQSClient = rich.clients.client("sqs")
    for want in wanted(rich.fleet):
        url = sqs.get_queue_url(QueueName=want.name)["QueueUrl"]
        found: Any = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert {key: found.get(key) for key in want.attributes} == dict(want.attributes), want.name
        tags = sqs.list_queue_tags(QueueUrl=url)["Tags"]
        assert tags.items() >= dict(want.tags).items()
        tie = want.tie(found["QueueArn"])
        assert tie is None or same_policy(found.get(tie[0]), tie[1])


def test_one_more_address_is_the_only_change(rich: Deployed) -> None:
    more = {**dict(rich.fleet.aws), "alarms_to": ("a@example.com", "ops@example.com")}
    aws = type(rich.fleet.aws).model_validate(more)
    fleet = rich.fleet.model_copy(update={"aws": aws})
    (plan, *_) = plans(fleet, rich.account)
    proposed = propose(rich.stacks, plan, "UPDATE")
    kinds = sorted(
        (each["ResourceChange"]["Action"], each["ResourceChange"]["ResourceType"])
        for each in proposed["Changes"]
    )
    assert kinds == [("Add", "AWS::SNS::Subscription"), ("Remove", "AWS::SNS::Subscription")]


def test_each_resource_is_gone_with_its_stack_or_is_kept(fleets: tuple[Deployed, ...]) -> None:
    resources = _all(fleets)  # read while they are there, for their ids
    assert [_where(each) for each in resources if ask(each) is None] == []
    for fleet in fleets:
        fleet.end()
    left = {_where(each) for each in resources if ask(each) is not None}
    kept = {_where(each) for each in resources if each.kept}
    assert left == kept, "\n".join(sorted(left ^ kept))
    # What must outlive a fleet: what keeps effects from coming twice, and what was stored.
    assert {each.logical for each in resources if each.kept} == {
        *("OnceTable", "Results"),
        *("Artifacts", "Logs", "Payloads", "ResultsObjects"),
    }
