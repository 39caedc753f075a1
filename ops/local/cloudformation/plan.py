"""What granting a wish would do to a stack's resources. Pure, over an evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.evaluate import Evaluation
from ops.local.cloudformation.functions import Unknown, references
from ops.local.cloudformation.live import Live, differs
from ops.local.cloudformation.model import Change, Made
from ops.local.cloudformation.schema import schema_of


def changes(evaluation: Evaluation, there: Mapping[str, Live]) -> list[Change]:
    """Return the changes, each after those it needs, removals last.

    `there` has the resources as they are, by name, where that is compared as well. Raises Invalid
    for a template that cannot be resolved, Refused for a type nobody knows.
    """
    found: list[Change] = []
    old = evaluation.stack.resources
    resources = evaluation.wish.template["Resources"]
    wanted = evaluation.wanted()
    for name, resource in wanted.items():
        made, kind = old.get(name), resource["Type"]
        if made is None:
            evaluation.pending.add(name)
            # So that what it cannot resolve is found before anything is done.
            evaluation.properties(name)
            action = "Import" if name in evaluation.wish.imports else "Add"
            physical = "" if action == "Add" else _identified(evaluation, name, kind)
            found.append(Change(action, name, kind, physical))
            continue
        if made.kind != kind:
            raise Invalid(f"Update of resource type is not permitted. [{name}]")
        live = there.get(name)
        if live is not None and live.status == "DELETED":
            evaluation.pending.add(name)
            evaluation.properties(name)
            found.append(Change("Add", name, kind, drift=live.status))
            continue
        change = _modified(evaluation, made, evaluation.properties(name), resources[name], live)
        if change is not None and live is not None:
            change = replace(change, drift=live.status, ignored=live.ignored)
        if change is not None:
            found.append(change)
            (evaluation.renewed, evaluation.pending)[change.replacement == "True"].add(name)
    for name, made in old.items():
        if name not in wanted:
            policy = made.on_delete if made.on_delete != "RetainExceptOnCreate" else "Retain"
            found.append(Change("Remove", name, made.kind, made.physical, policy=policy))
    return found


def _identified(evaluation: Evaluation, name: str, kind: str) -> str:
    handler = evaluation.types.get(kind)
    identifier = evaluation.wish.imports[name]
    return "|".join(identifier.values()) if handler is None else handler.imported(identifier)


def _modified(
    evaluation: Evaluation,
    made: Made,
    wanted: dict[str, Any],
    resource: dict[str, Any],
    live: Live | None,
) -> Change | None:
    actual = {} if live is None else live.actual
    before = {**made.properties, **actual}
    names = [
        name
        for name in {**before, **wanted}
        if (name in actual or before.get(name) != wanted.get(name))
    ]
    if not names:
        if resource.get("DeletionPolicy", "Delete") == made.on_delete:
            return None
        target = {"Attribute": "DeletionPolicy", "RequiresRecreation": "Never"}
        detail = {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
        return Change("Modify", made.logical, made.kind, made.physical, "False", (detail,))
    # What was changed elsewhere to what the template has now.
    agreed = {name for name in actual if not differs(name, wanted.get(name), actual)}
    schema = schema_of(made.kind, evaluation.stack.region)
    handler = evaluation.types.get(made.kind)
    replacing = set(schema.replacing(before, wanted)) - agreed
    if handler is not None:
        replacing |= handler.replaced(before, wanted) & (set(names) - agreed)
    if replacing & set(actual):
        raise Invalid(
            "The submitted information requires replacement of drifted resources, which is not "
            "supported. Resolve drift before changing immutable resource properties."
        )
    details = tuple(
        _detail(evaluation, name, made, wanted, resource, replaces=name in replacing)
        if live is None
        else _compared(
            _detail(evaluation, name, made, wanted, resource, replaces=name in replacing),
            live,
            name,
            agrees=name in agreed,
        )
        for name in names
    )
    if len(agreed) == len(names):
        return Change("SyncWithActual", made.logical, made.kind, made.physical, "", details)
    sure = any(
        d["Evaluation"] == "Static" and d["Target"]["RequiresRecreation"] == "Always"
        for d in details
    )
    replacement = "True" if sure else "Conditional" if replacing else "False"
    policy = "ReplaceAndRetain" if sure and made.on_replace == "Retain" else ""
    policy = policy or ("ReplaceAndDelete" if sure else "")
    return Change("Modify", made.logical, made.kind, made.physical, replacement, details, policy)


def _compared(detail: dict[str, Any], live: Live, name: str, *, agrees: bool) -> dict[str, Any]:
    """Return a detail with what is there beside what the stack last had."""
    target = {**detail["Target"], "AfterValueFrom": "TEMPLATE"}
    target["BeforeValueFrom"] = "PREVIOUS_DEPLOYMENT_STATE"
    if name in live.actual:
        target["Drift"] = {
            "PreviousValue": target.get("BeforeValue", ""),
            "ActualValue": _shown(live.actual[name]),
            "DriftDetectionTimestamp": live.at,
        }
        target["BeforeValueFrom"] = "ACTUAL_STATE"
        target["BeforeValue"] = _shown(live.actual[name])
    target["AttributeChangeType"] = "SyncWithActual" if agrees else "Modify"
    return {**detail, "Target": target}


def _detail(
    evaluation: Evaluation,
    name: str,
    made: Made,
    wanted: dict[str, Any],
    resource: dict[str, Any],
    *,
    replaces: bool,
) -> dict[str, Any]:
    target: dict[str, Any] = {
        "Attribute": "Tags" if name == "Tags" else "Properties",
        "RequiresRecreation": "Always" if replaces else "Never",
        "Path": f"/Properties/{name}",
    }
    if name != "Tags":
        target["Name"] = name
    for key, values in (("BeforeValue", made.properties), ("AfterValue", wanted)):
        if name in values:
            target[key] = _shown(values[name])
    unknown = _unknown(wanted.get(name))
    if unknown is not None:
        source = "ResourceReference" if unknown.attribute == "Ref" else "ResourceAttribute"
        entity = unknown.resource
        if source == "ResourceAttribute":
            entity = f"{unknown.resource}.{unknown.attribute}"
        return {
            "Target": target,
            "Evaluation": "Dynamic",
            "ChangeSource": source,
            "CausingEntity": entity,
        }
    old = evaluation.stack.wish
    parameters = evaluation.wish.parameters
    for each in references(resource.get("Properties", {}).get(name)):
        if each in parameters and old is not None and old.parameters.get(each) != parameters[each]:
            return {
                "Target": target,
                "Evaluation": "Static",
                "ChangeSource": "ParameterReference",
                "CausingEntity": each,
            }
    return {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}


def _unknown(value: Any) -> Unknown | None:
    if isinstance(value, Unknown):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for found in map(_unknown, parts) if found is not None), None)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
