"""Resources as they are, for change sets that compare with that: what those put back, and what not.

After the CloudFormation User Guide, "Using drift-aware change sets": properties that AWS manages
and keys of tags that no template names are left as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.local.cloudformation.differences import differences
from ops.local.cloudformation.errors import Refused
from ops.local.cloudformation.model import Made, Stack, now
from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Resource


@dataclass(frozen=True, slots=True)
class Live:
    """A resource as it is; `actual` has the properties that are not as its stack last had them.

    `status` is as ResourceChange has it, `ignored` the properties whose drift is left alone.
    """

    status: str
    actual: dict[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    at: datetime = field(default_factory=now)

    def before(self, made: Made) -> dict[str, Any]:
        """Return the properties as they are."""
        return {**made.properties, **self.actual}


def looked_at(
    stack: Stack, place: Place, types: Mapping[str, Resource], resources: Mapping[str, Any]
) -> dict[str, Live]:
    """Look at every resource of a stack that the template of a change set still has."""
    return {
        made.logical: look(
            made,
            replace(place, logical=made.logical),
            types[made.kind],
            resources[made.logical].get("UpdatePolicy", {}),
        )
        for made in list(stack.resources.values())
        if made.logical in resources and made.kind in types
    }


def together(lives: Mapping[str, Live]) -> str:
    """Return what a change set says of the whole stack."""
    drifted = any(each.status in {"MODIFIED", "DELETED"} for each in lives.values())
    return "DRIFTED" if drifted else "IN_SYNC"


def look(made: Made, at: Place, handler: Resource, policy: Mapping[str, Any]) -> Live:
    """Look at one resource, which has that update policy in the template."""
    try:
        found = handler.read(at, made.physical, made.properties)
    except (ClientError, Refused, KeyError):
        return Live("UNKNOWN")
    if found is None:
        return Live("DELETED")
    left = handler.left_alone(policy)
    actual, ignored = {}, []
    for name, value in made.properties.items():
        if not differs(name, value, found):
            continue
        if name in left:
            ignored.append(name)
        else:
            actual[name] = _of(name, value, found)
    return Live("MODIFIED" if actual else "IN_SYNC", actual, tuple(ignored))


def before_import(
    wanted: Mapping[str, Any], found: Mapping[str, Any], handled: Collection[str]
) -> dict[str, Any]:
    """Return the properties that the update after an import is from: those that are there.

    CloudFormation updates what it has imported to what the template says (coverage-roadmap 809 and
    1497); whether that takes back what the template leaves out is for each type to say. Here it
    always does, but for tags.
    """
    before = {}
    for name in handled:
        if name == "Tags" or (name in wanted and not differs(name, wanted[name], found)):
            before[name] = wanted.get(name)
        else:
            value = next((each for key, each in found.items() if key == name), None)
            before[name] = value if _says(value) else None
    return {name: value for name, value in before.items() if value is not None}


def differs(name: str, wanted: Any, found: Mapping[str, Any]) -> bool:
    """Say whether a property is not as it is wanted; tags of others are none of it."""
    return any(not each.is_tag_of_others for each in differences({name: wanted}, dict(found)))


def _says(value: Any) -> bool:
    """Whether a value is more than what a thing has by itself."""
    if isinstance(value, Mapping):
        return any(map(_says, value.values()))
    return value not in (None, "", [], 0, "0", False, "false")


def _of(name: str, wanted: Any, found: Mapping[str, Any]) -> Any:
    value = next((value for key, value in found.items() if key.lower() == name.lower()), None)
    if name != "Tags" or value is None:
        return value
    if isinstance(wanted, Mapping):
        return {key: each for key, each in value.items() if key in wanted}
    ours = {tag["Key"] for tag in wanted}
    return [tag for tag in value if tag["Key"] in ours]
