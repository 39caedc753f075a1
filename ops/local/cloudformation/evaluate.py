"""A template over what is known: which resources it wants, in which order, with which properties.

Pure but for `look_up` of SSM parameters and the schemas, which come as arguments or from a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ops.local.cloudformation.errors import Invalid
from ops.local.cloudformation.functions import (
    NO_VALUE,
    Scope,
    Unknown,
    holds,
    references,
    resolved,
)
from ops.local.cloudformation.model import Made, Stack, Wish
from ops.local.cloudformation.parameters import typed
from ops.local.cloudformation.resource import Resource
from ops.local.cloudformation.schema import schema_of

_DYNAMIC: Final = re.compile(r"\{\{resolve:ssm:([^:}]+)(?::\d+)?\}\}")
_OF_RESOURCE: Final = frozenset(
    {
        "Condition",
        "CreationPolicy",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdatePolicy",
        "UpdateReplacePolicy",
    }
)


@dataclass(slots=True)
class Evaluation:
    """A wish over a stack's resources.

    `made` is looked up for references; a resource in `pending` is not what it will be, and one
    in `renewed` has new values of the attributes that its type says.
    """

    stack: Stack
    wish: Wish
    types: Mapping[str, Resource]
    look_up: Callable[[str], str]
    exports: Mapping[str, str]
    made: Mapping[str, Made]
    pending: set[str] = field(default_factory=set)
    renewed: set[str] = field(default_factory=set)
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        declared = self.wish.template.get("Parameters", {})
        self.values = typed(declared, self.wish.parameters, self.look_up)

    @property
    def scope(self) -> Scope:
        """What the functions of the template look up."""
        template = self.wish.template
        return Scope(
            reference=self._reference,
            attribute=self._attribute,
            imported=self._imported,
            conditions=template.get("Conditions", {}),
            mappings=template.get("Mappings", {}),
            region=self.stack.region,
        )

    def wanted(self) -> dict[str, dict[str, Any]]:
        """Return the template's resources whose conditions hold, each after those it needs."""
        resources = self.wish.template["Resources"]
        kept = {
            name: resource
            for name, resource in resources.items()
            if "Condition" not in resource or holds(resource["Condition"], self.scope)
        }
        for name, resource in kept.items():
            for key in sorted(set(resource) - _OF_RESOURCE):
                raise Invalid(f"Invalid template resource property '{key}' of {name}")
        return {name: kept[name] for name in ordered({n: needs(r) for n, r in kept.items()})}

    def properties(self, name: str) -> dict[str, Any]:
        """Return a resource's properties, with the stack's tags among its own."""
        resource = self.wish.template["Resources"][name]
        given = self._dynamic(resolved(resource.get("Properties", {}), self.scope))
        handler = self.types.get(resource["Type"])
        if handler is None or "Tags" not in handler.handled or not self.wish.tags:
            return dict(given)
        if schema_of(resource["Type"], self.stack.region).tags == "map":
            return {**given, "Tags": {**self.wish.tags, **given.get("Tags", {})}}
        own = given.get("Tags", [])
        taken = {tag["Key"] for tag in own}
        added = [{"Key": k, "Value": v} for k, v in self.wish.tags.items() if k not in taken]
        return {**given, "Tags": [*own, *added]}

    def outputs(self) -> list[dict[str, str]]:
        """Return the outputs whose conditions hold, as DescribeStacks shows them."""
        shown = []
        for key, output in self.wish.template.get("Outputs", {}).items():
            if "Condition" in output and not holds(output["Condition"], self.scope):
                continue
            value = resolved(output["Value"], self.scope)
            one = {"OutputKey": key, "OutputValue": str(value)}
            if "Description" in output:
                one["Description"] = output["Description"]
            if "Export" in output:
                one["ExportName"] = str(resolved(output["Export"]["Name"], self.scope))
            shown.append(one)
        return shown

    def _reference(self, name: str) -> Any:
        if name in self.values:
            return self.values[name]
        pseudo = {
            "AWS::AccountId": self.stack.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.stack.id.split(":")[1],
            "AWS::Region": self.stack.region,
            "AWS::StackId": self.stack.id,
            "AWS::StackName": self.stack.name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name not in self.wish.template["Resources"]:
            raise Invalid(f"Template format error: Unresolved resource dependencies [{name}]")
        if name in self.pending or name not in self.made:
            return Unknown(name, "Ref")
        return self.made[name].reference

    def _attribute(self, name: str, attribute: str) -> Any:
        resource = self.wish.template["Resources"].get(name)
        if resource is None:
            raise Invalid(
                f"Template error: instance of Fn::GetAtt references undefined resource {name}"
            )
        handler = self.types.get(resource["Type"])
        renewed = name in self.renewed and handler is not None and attribute in handler.renewed
        if renewed or name in self.pending or name not in self.made:
            return Unknown(name, attribute)
        value: Any = self.made[name].attributes
        for part in (attribute,) if attribute in value else attribute.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise Invalid(
                    f"Template error: resource {name} does not support attribute type "
                    f"{attribute} in Fn::GetAtt"
                )
            value = value[part]
        return value

    def _imported(self, name: str) -> str:
        if name not in self.exports:
            raise Invalid(f"No export named {name} found.")
        return self.exports[name]

    def _dynamic(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._dynamic(item) for item in value]
        if isinstance(value, dict):
            return {key: self._dynamic(item) for key, item in value.items()}
        if isinstance(value, str) and "{{resolve:" in value:
            return _DYNAMIC.sub(lambda match: self.look_up(match.group(1)), value)
        return value


def needs(resource: Mapping[str, Any]) -> set[str]:
    """Return the names that a resource of a template refers to or depends on."""
    depends = resource.get("DependsOn", [])
    named = {depends} if isinstance(depends, str) else set(depends)
    return named | set(references(resource.get("Properties", {})))


def ordered(needed: Mapping[str, set[str]]) -> list[str]:
    """Return the names so that each comes after those it needs; those that are none are ignored.

    Raises Invalid for a circle.
    """
    done: list[str] = []
    left = {name: names & set(needed) - {name} for name, names in needed.items()}
    while left:
        ready = [name for name, names in left.items() if not names & set(left)]
        if not ready:
            raise Invalid(f"Circular dependency between resources: [{', '.join(left)}]")
        done += ready
        for name in ready:
            del left[name]
    return done
