"""Take the steps of a plan on DynamoDB and S3."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ops.errors import OpsError
from ops.steps import take_all

if TYPE_CHECKING:
    from ops.stores.step import Plan, Step

# DynamoDB creates and changes an empty table in seconds.
_SETTLES_WITHIN_SECONDS = 300.0
_LOOK_AGAIN_SECONDS = 1.0
_UNSETTLING = ("create_table", "update_table")


def act(clients: Mapping[str, Any], plan: Plan, step_begins: Callable[[str], None]) -> None:
    """Take every step of the plan in order; `clients` are boto3's by service.

    Raises OpsError as `ops.steps.take_all` does.
    """
    take_all(
        plan.steps,
        lambda step: _take(clients[step.service], step),
        step_begins,
        doing=lambda step: f"setting {_name(step)}",
        done=_name,
        service=lambda step: step.service,
    )


def _take(client: Any, step: Step) -> None:
    getattr(client, step.call)(**step.arguments)
    if step.call not in _UNSETTLING:
        return
    deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while not _settled(client, step.change.store):
        if time.monotonic() > deadline:
            raise OpsError(
                f"{step.change.store}: expected DynamoDB to be done with it within "
                f"{_SETTLES_WITHIN_SECONDS:.0f} s, it is not: run this again in a while"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)


def _settled(client: Any, table: str) -> bool:
    try:
        return bool(client.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")
    except client.exceptions.ResourceNotFoundException:
        return False  # DescribeTable may know a new table a little later than CreateTable


def _name(step: Step) -> str:
    return f"{step.change.store} {step.change.what}"
