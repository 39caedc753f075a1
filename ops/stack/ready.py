"""Whether stacks can be changed as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ops.errors import OpsError
from ops.stack.events import cause_of
from ops.stack.states import is_there, stuck

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

    from ops.stack.compose import StackPlan
    from ops.stack.there import There


def check_ready(
    client: CloudFormationClient, there: There, plans: Iterable[StackPlan], needed: str
) -> None:
    """Raise OpsError where stacks take no change, with a line for each.

    `needed` is the shared stack where only some queues were asked for, "" otherwise.
    """
    if needed and not is_there(there.status(needed)):
        raise OpsError(
            f"{needed}: expected the shared stack before a queue's, found none: "
            "apply them all: ops stack apply --yes"
        )
    lines = []
    for plan in plans:
        status, queue = there.status(plan.name), plan.tags.get("fleet:queue", "")
        if stuck(plan.name, queue, status, ""):
            cause = cause_of(client, plan.name)
            lines.append(stuck(plan.name, queue, status, cause))
    if lines:
        raise OpsError("\n".join(lines))
