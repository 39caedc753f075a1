"""The stacks of a fleet that CloudFormation has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.stack import names
from ops.stack.states import is_there

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_NAME_TAG = "fleet:name"
_QUEUE_TAG = "fleet:queue"


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as CloudFormation has it; `queue` is "" for the shared one.

    `code` is the key of the Lambdas' code in the artifact bucket, "" but for the shared one, as the
    bucket's name is.
    """

    name: str
    status: str
    queue: str
    code: str = ""
    artifact_bucket: str = ""
    most_nodes: str = ""
    """What it was given as `MaxNodes`, "" where it has no group."""
    exports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class There:
    """The stacks that carry the fleet's tag, by name."""

    stacks: Mapping[str, Stack]

    def status(self, name: str) -> str:
        """Return a stack's status, "" where there is none of this name."""
        found = self.stacks.get(name)
        return "" if found is None else found.status

    def code(self, name: str) -> str:
        """Return the key of the code that a stack's Lambdas have, "" where it has none."""
        found = self.stacks.get(name)
        return "" if found is None else found.code

    def artifact_bucket(self, name: str) -> str:
        """Return the artifact bucket that a stack has, "" where it has none."""
        found = self.stacks.get(name)
        return "" if found is None or not is_there(found.status) else found.artifact_bucket

    def most_nodes(self, name: str) -> str:
        """Return what a stack was given as `MaxNodes`, "" where it has no group."""
        found = self.stacks.get(name)
        return "" if found is None else found.most_nodes

    def exports(self) -> frozenset[str]:
        """Return the names of what the stacks export."""
        return frozenset(name for one in self.stacks.values() for name in one.exports)

    def queues_beside(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the queues that have a stack and are not among the known, in order."""
        return tuple(
            sorted(
                one.queue for one in self.stacks.values() if one.queue and one.queue not in known
            )
        )


def read_there(client: CloudFormationClient, fleet: str) -> There:
    """Read all stacks of the region and keep the fleet's. Raises OpsError.

    Others may carry the fleet's tag too, for their costs: a stack is the fleet's by its name as
    well.
    """
    stacks: dict[str, Stack] = {}
    with aws_errors("reading the stacks", service="cloudformation"):
        for page in client.get_paginator("describe_stacks").paginate():
            for one in page["Stacks"]:
                tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
                name, queue = one["StackName"], tags.get(_QUEUE_TAG, "")
                own = names.queue_stack(fleet, queue) if queue else names.shared_stack(fleet)
                if tags.get(_NAME_TAG) == fleet and name == own:
                    stacks[name] = Stack(
                        name,
                        one["StackStatus"],
                        queue,
                        _parameter(one, "Code"),
                        _parameter(one, "ArtifactBucket"),
                        _parameter(one, "MaxNodes"),
                        _exports(one),
                    )
    return There(stacks)


def _parameter(stack: StackTypeDef, key: str) -> str:
    given = stack.get("Parameters", [])
    return next((one.get("ParameterValue", "") for one in given if one["ParameterKey"] == key), "")


def _exports(stack: StackTypeDef) -> frozenset[str]:
    found = (one.get("ExportName", "") for one in stack.get("Outputs", []))
    return frozenset(name for name in found if name)
