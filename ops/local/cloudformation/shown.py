"""Stacks, change sets, resources and events as the API's answers show them. Pure."""

from __future__ import annotations

import json
from typing import Any

from ops.local.cloudformation.model import ChangeSet, Event, Made, Stack
from ops.local.cloudformation.parameters import shown as parameters_shown


def _some(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def stack(one: Stack) -> dict[str, Any]:
    """Return a stack as DescribeStacks and ListStacks show it."""
    wish = one.begun if one.wish is None else one.wish
    template = {} if wish is None else wish.template
    texts = (
        {} if wish is None else parameters_shown(template.get("Parameters", {}), wish.parameters)
    )
    return _some(
        {
            "StackId": one.id,
            "StackName": one.name,
            "Description": template.get("Description"),
            "TemplateDescription": template.get("Description"),
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in texts.items()],
            "CreationTime": one.created,
            "LastUpdatedTime": one.updated,
            "DeletionTime": one.deleted,
            "StackStatus": one.status,
            "StackStatusReason": one.reason,
            "DisableRollback": one.disable_rollback,
            "EnableTerminationProtection": one.protected,
            "Capabilities": [] if wish is None else list(wish.capabilities),
            "Outputs": one.outputs,
            "Tags": []
            if wish is None
            else [{"Key": key, "Value": value} for key, value in wish.tags.items()],
            "DriftInformation": _some(
                {"StackDriftStatus": one.drift, "LastCheckTimestamp": one.drift_at}
            ),
        }
    )


def change_set(of: Stack, one: ChangeSet) -> dict[str, Any]:
    """Return a change set as DescribeChangeSet and ListChangeSets show it."""
    wish = one.wish
    texts = parameters_shown(wish.template.get("Parameters", {}), wish.parameters)
    return _some(
        {
            "ChangeSetId": one.id,
            "ChangeSetName": one.name,
            "StackId": of.id,
            "StackName": of.name,
            "Description": one.description,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in texts.items()],
            "CreationTime": one.at,
            "ExecutionStatus": one.execution,
            "Status": one.status,
            "StatusReason": one.reason,
            "Capabilities": list(wish.capabilities),
            "Tags": [{"Key": key, "Value": value} for key, value in wish.tags.items()],
            "Changes": [change.shown() for change in one.changes],
            "IncludeNestedStacks": False,
            "DeploymentMode": "REVERT_DRIFT" if one.drift else None,
            "StackDriftStatus": one.drift,
        }
    )


def event(one: Event) -> dict[str, Any]:
    """Return an event as DescribeStackEvents shows it."""
    return _some(
        {
            "StackId": one.stack_id,
            "EventId": one.id,
            "StackName": one.stack_name,
            "LogicalResourceId": one.logical,
            "PhysicalResourceId": one.physical,
            "ResourceType": one.kind,
            "Timestamp": one.at,
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "ClientRequestToken": one.token,
        }
    )


def resource(of: Stack, made: Made) -> dict[str, Any]:
    """Return a resource as the three operations that tell of resources show it."""
    return _some(
        {
            "StackId": of.id,
            "StackName": of.name,
            "LogicalResourceId": made.logical,
            "PhysicalResourceId": made.physical,
            "ResourceType": made.kind,
            "Timestamp": made.at,
            "LastUpdatedTimestamp": made.at,
            "ResourceStatus": made.status,
            "ResourceStatusReason": made.reason,
            "DriftInformation": {"StackResourceDriftStatus": made.drift},
        }
    )


def drift(of: Stack, made: Made) -> dict[str, Any]:
    """Return a resource as DescribeStackResourceDrifts shows it."""
    found = {} if made.found is None else made.found
    return _some(
        {
            "StackId": of.id,
            "LogicalResourceId": made.logical,
            "PhysicalResourceId": made.physical,
            "ResourceType": made.kind,
            "ExpectedProperties": json.dumps(made.properties, default=str),
            "ActualProperties": json.dumps(
                {name: found[name] for name in made.properties if name in found}, default=str
            ),
            "PropertyDifferences": made.drifted,
            "StackResourceDriftStatus": made.drift,
            "Timestamp": of.drift_at,
        }
    )


def summary(template: dict[str, Any]) -> dict[str, Any]:
    """Return what GetTemplateSummary and ValidateTemplate say of a template."""
    kinds = sorted({resource["Type"] for resource in template["Resources"].values()})
    named = any(kind.startswith("AWS::IAM::") for kind in kinds)
    return _some(
        {
            "Description": template.get("Description"),
            "Parameters": [
                _some(
                    {
                        "ParameterKey": name,
                        "DefaultValue": None if "Default" not in p else str(p["Default"]),
                        "ParameterType": p.get("Type"),
                        "NoEcho": str(p.get("NoEcho", "")).lower() == "true",
                        "Description": p.get("Description"),
                    }
                )
                for name, p in template.get("Parameters", {}).items()
            ],
            "Capabilities": ["CAPABILITY_NAMED_IAM"] if named else [],
            "CapabilitiesReason": "The template contains IAM resources" if named else None,
            "ResourceTypes": kinds,
            "DeclaredTransforms": [],
        }
    )
