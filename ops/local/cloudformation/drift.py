"""Drift: each resource of a stack as it is, against what its template said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from ops.local.cloudformation.differences import differences
from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.model import Made, Stack, now
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Resource


def detected(stack: Stack, place: Place, types: Mapping[str, Resource]) -> dict[str, Any]:
    """Look at every resource, note what drifted, and return what the detection's status says."""
    reasons = []
    for made in list(stack.resources.values()):
        try:
            _look(made, replace(place, logical=made.logical), types[made.kind])
        except (ClientError, Refused, KeyError) as error:
            made.drift, made.found, made.drifted = "UNKNOWN", None, []
            reasons.append(f"{made.logical}: {error}")
    drifted = sum(m.drift in {"MODIFIED", "DELETED"} for m in stack.resources.values())
    stack.drift, stack.drift_at = "DRIFTED" if drifted else "IN_SYNC", now()
    return {
        "DetectionStatus": "DETECTION_FAILED" if reasons else "DETECTION_COMPLETE",
        "DetectionStatusReason": "; ".join(reasons),
        "StackDriftStatus": stack.drift,
        "DriftedStackResourceCount": drifted,
    }


def _look(made: Made, at: Place, handler: Resource) -> None:
    found = handler.read(at, made.physical, made.properties)
    made.found = found
    if found is None:
        made.drift, made.drifted = "DELETED", []
        return
    made.drifted = [
        {
            "PropertyPath": each.path,
            "ExpectedValue": each.expected,
            "ActualValue": each.actual,
            "DifferenceType": each.kind,
        }
        for each in differences(made.properties, found)
    ]
    made.drift = "MODIFIED" if made.drifted else "IN_SYNC"
