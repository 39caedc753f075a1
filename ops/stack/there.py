"""The stacks of a fleet that CloudFormation has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.aws import aws_errors

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

_NAME_TAG = "fleet:name"
_QUEUE_TAG = "fleet:queue"


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as CloudFormation has it; `queue` is "" for the shared one.

    `code` is the key of the Lambdas' code in the artifact bucket, "" but for the shared one.
    """

    name: str
    status: str
    queue: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class There:
    """The stacks that carry the fleet's tag, by name."""

    stacks: Mapping[str, Stack]

    def status(self, name: str) -> str:
        """Return a stack's status, "" where there is none of this name."""
        found = self.stacks.get(name)
        return "" if found is None else found.status

    def queues_beside(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the queues that have a stack and are not among the known, in order."""
        return tuple(
            sorted(
                one.queue for one in self.stacks.values() if one.queue and one.queue not in known
            )
        )


def read_there(client: CloudFormationClient, fleet: str) -> There:
    """Read all stacks of the region and keep the fleet's. Raises OpsError."""
    stacks: dict[str, Stack] = {}
    with aws_errors("reading the stacks", service="cloudformation"):
        for page in client.get_paginator("describe_stacks").paginate():
            for one in page["Stacks"]:
                tags = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
                if tags.get(_NAME_TAG) == fleet:
                    name = one["StackName"]
                    queue = tags.get(_QUEUE_TAG, "")
                    stacks[name] = Stack(name, one["StackStatus"], queue, _code(one))
    return There(stacks)


def _code(stack: StackTypeDef) -> str:
    given = stack.get("Parameters", [])
    return next(
        (one.get("ParameterValue", "") for one in given if one["ParameterKey"] == "Code"), ""
    )
