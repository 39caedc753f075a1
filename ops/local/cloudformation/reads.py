"""The operations of CloudFormation's API that only look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.local.cloudformation import shown
from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.request import Request, change_set_of
from ops.local.cloudformation.source import parsed
from ops.local.cloudformation.stacks import Stacks

_PAGE: Final = 100


def _describe_change_set(asked: Request, stacks: Stacks) -> Any:
    return shown.change_set(*change_set_of(asked, stacks))


def _list_change_sets(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.find(asked.get("StackName"))
    return {"Summaries": [shown.change_set(stack, each) for each in stack.change_sets.values()]}


def _page(asked: Request, items: list[Any], key: str) -> dict[str, Any]:
    start = int(asked.get("NextToken", 0))
    more = {"NextToken": str(start + _PAGE)} if len(items) > start + _PAGE else {}
    return {key: items[start : start + _PAGE], **more}


def _describe_stacks(asked: Request, stacks: Stacks) -> Any:
    name = asked.get("StackName")
    if name is not None:
        return {"Stacks": [shown.stack(stacks.find(name))]}
    there = [each for each in stacks.all.values() if each.deleted is None]
    return _page(asked, [shown.stack(each) for each in there], "Stacks")


def _list_stacks(asked: Request, stacks: Stacks) -> Any:
    wanted = asked.get("StackStatusFilter", [])
    there = [each for each in stacks.all.values() if not wanted or each.status in wanted]
    return _page(asked, [shown.stack(each) for each in there], "StackSummaries")


def _describe_stack_events(asked: Request, stacks: Stacks) -> Any:
    events = stacks.find(asked.get("StackName")).events
    return _page(asked, [shown.event(each) for each in reversed(events)], "StackEvents")


def _resources(asked: Request, stacks: Stacks) -> list[dict[str, Any]]:
    stack = stacks.find(asked.get("StackName"))
    name = asked.get("LogicalResourceId")
    kept = [m for m in list(stack.resources.values()) if name in (None, m.logical)]
    if name is not None and not kept:
        raise Invalid(f"Resource {name} does not exist for stack {stack.name}")
    return [shown.resource(stack, made) for made in kept]


def _describe_stack_resource(asked: Request, stacks: Stacks) -> Any:
    return {"StackResourceDetail": _resources(asked, stacks)[0]}


def _describe_stack_resources(asked: Request, stacks: Stacks) -> Any:
    return {"StackResources": _resources(asked, stacks)}


def _list_stack_resources(asked: Request, stacks: Stacks) -> Any:
    return _page(asked, _resources(asked, stacks), "StackResourceSummaries")


def _get_template(asked: Request, stacks: Stacks) -> Any:
    if asked.get("ChangeSetName") is not None:
        return {"TemplateBody": change_set_of(asked, stacks)[1].wish.text}
    stack = stacks.find(asked.get("StackName"))
    return {"TemplateBody": "" if stack.wish is None else stack.wish.text}


def _get_template_summary(asked: Request, stacks: Stacks) -> Any:
    name = asked.get("StackName")
    stack = None if name is None else stacks.find(name)
    if stack is not None and stack.wish is not None:
        return shown.summary(stack.wish.template)
    return shown.summary(parsed(asked.text(stack)))


def _validate_template(asked: Request, _stacks: Stacks) -> Any:
    return shown.summary(parsed(asked.text(None)))


def _list_exports(asked: Request, stacks: Stacks) -> Any:
    exports = [
        {"Name": name, "Value": value, "ExportingStackId": owner}
        for name, (value, owner) in stacks.exports().items()
    ]
    return _page(asked, exports, "Exports")


def _list_imports(asked: Request, stacks: Stacks) -> Any:
    name = asked.get("ExportName")
    users = [stack.name for stack in stacks.importers(name)]
    if not users:
        raise Invalid(f"Export '{name}' is not imported by any stack.")
    return {"Imports": users}


def _get_stack_policy(asked: Request, stacks: Stacks) -> Any:
    return {"StackPolicyBody": stacks.find(asked.get("StackName")).policy or None}


def _describe_stack_drift_detection_status(asked: Request, stacks: Stacks) -> Any:
    found = stacks.drifts.get(asked.get("StackDriftDetectionId"))
    if found is None:
        raise Invalid("The drift detection does not exist")
    return found


def _describe_stack_resource_drifts(asked: Request, stacks: Stacks) -> Any:
    stack = stacks.find(asked.get("StackName"))
    wanted = asked.get("StackResourceDriftStatusFilters", [])
    return {
        "StackResourceDrifts": [
            shown.drift(stack, made)
            for made in list(stack.resources.values())
            if not wanted or made.drift in wanted
        ]
    }


#: By the name of moto's method.
READS: Final[Mapping[str, Callable[[Request, Stacks], Any]]] = {
    "describe_change_set": _describe_change_set,
    "list_change_sets": _list_change_sets,
    "describe_stacks": _describe_stacks,
    "list_stacks": _list_stacks,
    "describe_stack_events": _describe_stack_events,
    "describe_stack_resource": _describe_stack_resource,
    "describe_stack_resources": _describe_stack_resources,
    "list_stack_resources": _list_stack_resources,
    "get_template": _get_template,
    "get_template_summary": _get_template_summary,
    "validate_template": _validate_template,
    "list_exports": _list_exports,
    "list_imports": _list_imports,
    "get_stack_policy": _get_stack_policy,
    "describe_stack_drift_detection_status": _describe_stack_drift_detection_status,
    "describe_stack_resource_drifts": _describe_stack_resource_drifts,
}
