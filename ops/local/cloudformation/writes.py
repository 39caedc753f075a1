"""The operations of CloudFormation's API that change something: stacks and change sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import CloudFormationError

from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.model import Stack
from ops.local.cloudformation.proposing import NO_CHANGES, propose
from ops.local.cloudformation.request import Request, change_set_of, named
from ops.local.cloudformation.stacks import Stacks


def _create_stack(asked: Request, stacks: Stacks) -> Any:
    wish = asked.wish(None)
    stack = stacks.new(named(asked.get("StackName")), asked.key, "CREATE_COMPLETE")
    stack.protected = asked.truth("EnableTerminationProtection")
    stack.disable_rollback = (
        asked.truth("DisableRollback") or asked.get("OnFailure") == "DO_NOTHING"
    )
    _sign(stack, asked)
    stacks.begin(stack, "CREATE", wish)
    return {"StackId": stack.id}


def _update_stack(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.find(asked.get("StackName"))
    wish = asked.wish(stack)
    change_set = propose(stacks, stack, f"update-{len(stack.events)}", "UPDATE", wish)
    del stack.change_sets[change_set.name]
    if change_set.reason:
        raise Invalid(
            "No updates are to be performed."
            if change_set.reason == NO_CHANGES
            else change_set.reason
        )
    stack.key = asked.key
    _sign(stack, asked)
    stacks.begin(stack, "UPDATE", wish)
    return {"StackId": stack.id}


def _delete_stack(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.there(asked.get("StackName"))
    if stack is not None and stack.deleted is None:
        _sign(stack, asked)
        stacks.end(stack, frozenset(asked.get("RetainResources", [])), asked.key)


def _sign(stack: Stack, asked: Request) -> None:
    """Have the events of what is asked now carry its token (API Reference, StackEvent)."""
    if not stack.busy:
        stack.token = asked.get("ClientRequestToken", "")


def _create_change_set(asked: Request, stacks: Stacks) -> Any:
    kind = asked.get("ChangeSetType", "UPDATE")
    name = named(asked.get("ChangeSetName"))
    given = asked.get("StackName")
    stack = stacks.there(given)
    wish = asked.wish(stack)
    empty = stack is not None and stack.status == "REVIEW_IN_PROGRESS"
    if stack is None:
        if kind == "UPDATE":
            raise Invalid(f"Stack [{given}] does not exist")
        stack = stacks.new(named(given), asked.key, "REVIEW_IN_PROGRESS")
        stack.say("REVIEW_IN_PROGRESS", "User Initiated")
    elif kind == "CREATE" and not empty:
        raise Invalid(f"Stack [{given}] already exists and cannot be created again")
    elif kind == "UPDATE" and empty:
        raise Invalid(f"Stack [{given}] is in REVIEW_IN_PROGRESS state and can not be updated.")
    mode = asked.get("DeploymentMode")
    if mode is not None and (mode != "REVERT_DRIFT" or kind != "UPDATE"):
        raise Invalid(f"DeploymentMode {mode} with {kind} is not handled by the local AWS")
    made = propose(
        stacks,
        stack,
        name,
        kind,
        wish,
        description=asked.get("Description", ""),
        revert=mode is not None,
    )
    return {"Id": made.id, "StackId": stack.id}


def _execute_change_set(asked: Request, stacks: Stacks) -> Any:
    stack, change_set = change_set_of(asked, stacks)
    stack.disable_rollback = asked.truth("DisableRollback")
    _sign(stack, asked)
    try:
        stacks.execute(stack, change_set, asked.key)
    except Invalid as error:
        raise CloudFormationError("InvalidChangeSetStatus", str(error)) from error


def _delete_change_set(asked: Request, stacks: Stacks) -> Any:
    stack, change_set = change_set_of(asked, stacks)
    del stack.change_sets[change_set.name]


def _update_termination_protection(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.find(asked.get("StackName"))
    stack.protected = asked.truth("EnableTerminationProtection")
    return {"StackId": stack.id}


def _set_stack_policy(_asked: Request, _stacks: Stacks) -> Any:
    raise Invalid("SetStackPolicy is not handled by the local AWS")


def _detect_stack_drift(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.find(asked.get("StackName"))
    if stack.busy:
        raise Invalid(f"Drift detection cannot be performed on stack in {stack.status} state.")
    return {"StackDriftDetectionId": stacks.detect(stack)}


#: By the name of moto's method.
WRITES: Final[Mapping[str, Callable[[Request, Stacks], Any]]] = {
    "create_stack": _create_stack,
    "update_stack": _update_stack,
    "delete_stack": _delete_stack,
    "create_change_set": _create_change_set,
    "execute_change_set": _execute_change_set,
    "delete_change_set": _delete_change_set,
    "update_termination_protection": _update_termination_protection,
    "set_stack_policy": _set_stack_policy,
    "detect_stack_drift": _detect_stack_drift,
}
