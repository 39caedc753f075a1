"""The manifest as CloudFormation stacks: one shared, and one a queue. Pure but for the templates,
which are files beside the code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from ops.queues.wanted import Wanted, wanted
from ops.stack import names
from ops.stack.importable import Importable, as_imported, importables
from ops.stack.parameters import of_group, of_queue, of_service, of_shared
from ops.stack.resolve import Resolver
from ops.stack.windows import scheduled
from ops.stack.yaml_reading import template

if TYPE_CHECKING:
    from worker.fleet import Fleet, Queue

#: The engine alone ends nodes: Auto Scaling would, to even out zones.
SUSPENDED: Final = ("AZRebalance",)


@dataclass(frozen=True, slots=True)
class Account:
    """What the stacks take from the account they are put into."""

    id: str
    """Twelve digits."""
    region: str
    vpc: str
    """The manifest's, else the default VPC."""
    subnets: tuple[str, ...]
    """The manifest's, else the default VPC's own."""
    partition: str = "aws"
    """The first part of its ARNs: `aws`, `aws-cn`, `aws-us-gov`."""
    code: str = ""
    """The key of the Lambdas' code in the artifact bucket; "" while nothing is there, when the
    shared stack has no Lambdas."""
    runtime: str = "python3.13"
    """The Lambdas' runtime: that of the Python the code was made with."""
    architecture: str = "arm64"
    """Their architecture: `arm64` or `x86_64`."""
    cluster_users: tuple[str, ...] = ()
    """Stacks that import the ECS cluster though no queue of the manifest has a service."""


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One stack as the manifest wants it."""

    name: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    capabilities: tuple[Literal["CAPABILITY_IAM"], ...] = ("CAPABILITY_IAM",)
    imports: Mapping[str, Importable] = field(default_factory=dict)
    """By logical id."""
    suspends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By Auto Scaling group, the processes to suspend once the stack is there: CloudFormation has
    no property for it."""

    def body(self) -> str:
        """Return the template as JSON: the same text for the same template."""
        return json.dumps(self.template, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def only(self, imports: Mapping[str, Mapping[str, Any]]) -> StackPlan:
        """Return the plan of these resources alone, without outputs: what an import is made of.

        An import creates nothing beside what it imports, and refers to nothing else. `imports` are
        what it says of each, by logical id. Raises KeyError for a resource that is not importable.
        """
        whole = {key: value for key, value in self.template.items() if key != "Outputs"}
        return self.beside({**whole, "Resources": {}}, imports)

    def beside(
        self, template: Mapping[str, Any], imports: Mapping[str, Mapping[str, Any]]
    ) -> StackPlan:
        """Return the plan of a stack as it is, by its own template, with these resources beside.

        Of a stack that is there an import may change nothing. `imports` are as in `only`.
        """
        taken = {name: self.imports[name] for name in sorted(imports)}
        resources = {
            name: as_imported(self.template["Resources"][name], imports[name]) for name in taken
        }
        whole = {**template, "Resources": {**template["Resources"], **resources}}
        return replace(self, template=whole, imports=taken, suspends={})


def shared(fleet: Fleet, account: Account) -> StackPlan:
    """Return the stack of what the queues share."""
    return _shared(fleet, account, _wanted(fleet))


def queue(fleet: Fleet, name: str, account: Account) -> StackPlan:
    """Return a queue's stack. Raises UnknownQueueError."""
    return _queue(fleet, fleet.queue(name), account, _wanted(fleet))


def plans(fleet: Fleet, account: Account) -> tuple[StackPlan, ...]:
    """Return every stack of the fleet, the shared one first."""
    on_sqs = _wanted(fleet)
    return (
        _shared(fleet, account, on_sqs),
        *(_queue(fleet, one, account, on_sqs) for one in fleet.queues.values()),
    )


def _wanted(fleet: Fleet) -> dict[str, Wanted]:
    return {each.name: each for each in wanted(fleet)}


def _shared(fleet: Fleet, account: Account, on_sqs: Mapping[str, Wanted]) -> StackPlan:
    document = template("shared")
    document["Resources"].update(_subscriptions(fleet.aws.alarms_to))
    parameters = of_shared(fleet, account, on_sqs)
    tags = {"fleet:name": fleet.name}
    return _plan(names.shared_stack(fleet.name), document, parameters, tags, account)


def _queue(fleet: Fleet, one: Queue, account: Account, on_sqs: Mapping[str, Wanted]) -> StackPlan:
    parameters = of_queue(fleet, one, account, on_sqs)
    if one.runtime == "ecs":
        document = template("queue-ecs")
        parameters |= of_service(fleet, one, account.partition)
        suspends: dict[str, tuple[str, ...]] = {}
    else:
        document = _group(fleet, one)
        parameters |= of_group(fleet, one)
        suspends = {names.group(fleet, one.name): SUSPENDED}
    stack = names.queue_stack(fleet.name, one.name)
    plan = _plan(stack, document, parameters, fleet.tags(one.name), account)
    return replace(plan, suspends=suspends)


def _group(fleet: Fleet, one: Queue) -> dict[str, Any]:
    """Return a group's template with what varies in number, and the image's kind."""
    document = template("queue-ec2")
    resources = document["Resources"]
    policy = resources["Group"]["Properties"]["MixedInstancesPolicy"]
    policy["LaunchTemplate"]["Overrides"] = [{"InstanceType": each} for each in one.nodes.types]
    if names.image_parameter(fleet).startswith("ami-"):
        document["Parameters"]["Image"]["Type"] = "AWS::EC2::Image::Id"
    resources.update(scheduled(one).actions)
    return document


def _subscriptions(addresses: Collection[str]) -> dict[str, Any]:
    # Named by the address: one that goes takes no other's confirmation with it.
    return {
        f"AlarmsTo{hashlib.sha256(address.encode()).hexdigest()[:12]}": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "AlarmsTopic"},
                "Protocol": "email",
                "Endpoint": address,
            },
        }
        for address in addresses
    }


def _plan(
    name: str,
    document: Mapping[str, Any],
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    account: Account,
) -> StackPlan:
    plan = StackPlan(name, document, parameters, tags)
    resolver = Resolver(plan, account)
    imports = importables(document["Resources"], resolver)
    return replace(plan, imports=imports)
