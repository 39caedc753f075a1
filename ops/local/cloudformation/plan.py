"""What granting a wish would do to a stack's resources. Pure, over an evaluation."""

from __future__ import annotations

import json
from typing import Any

from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.evaluate import Evaluation
from ops.local.cloudformation.functions import Unknown, references
from ops.local.cloudformation.model import Change, Made
from ops.local.cloudformation.schema import schema_of


def changes(evaluation: Evaluation) -> list[Change]:
    """Return the changes, each after those it needs, removals last.

    Raises Invalid for a template that cannot be resolved, Refused for a type nobody knows.
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
        change = _modified(evaluation, made, evaluation.properties(name), resources[name])
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
    evaluation: Evaluation, made: Made, wanted: dict[str, Any], resource: dict[str, Any]
) -> Change | None:
    names = [
        name
        for name in {**made.properties, **wanted}
        if made.properties.get(name) != wanted.get(name)
    ]
    if not names:
        if resource.get("DeletionPolicy", "Delete") == made.on_delete:
            return None
        target = {"Attribute": "DeletionPolicy", "RequiresRecreation": "Never"}
        detail = {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
        return Change("Modify", made.logical, made.kind, made.physical, "False", (detail,))
    schema = schema_of(made.kind, evaluation.stack.region)
    handler = evaluation.types.get(made.kind)
    replacing = set(schema.replacing(made.properties, wanted))
    if handler is not None:
        replacing |= handler.replaced(made.properties, wanted) & set(names)
    details = tuple(
        _detail(evaluation, name, made, wanted, resource, replaces=name in replacing)
        for name in names
    )
    sure = any(
        d["Evaluation"] == "Static" and d["Target"]["RequiresRecreation"] == "Always"
        for d in details
    )
    replacement = "True" if sure else "Conditional" if replacing else "False"
    policy = "ReplaceAndRetain" if sure and made.on_replace == "Retain" else ""
    policy = policy or ("ReplaceAndDelete" if sure else "")
    return Change("Modify", made.logical, made.kind, made.physical, replacement, details, policy)


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
