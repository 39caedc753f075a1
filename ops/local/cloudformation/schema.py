"""The registry's schemas of resource types, as cfn-lint carries them: what replaces, what is known.

"Resource type definition schema" in the CloudFormation CLI's guide gives the meaning of its keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ops.local.cloudformation.errors import Refused


@dataclass(frozen=True, slots=True)
class Schema:
    """What the registry says of a type, as far as a stack needs it.

    `fixed` are JSON pointers of properties that only a new resource can have otherwise, each as
    its names; `identifier` are the names of those that tell it apart. `tags` is `list`, `map` or
    empty for a type that has no tags under that name.
    """

    properties: frozenset[str]
    required: frozenset[str]
    fixed: tuple[tuple[str, ...], ...]
    identifier: tuple[str, ...]
    read_only: frozenset[str]
    tags: str

    def check(self, kind: str, wanted: Mapping[str, Any], handled: frozenset[str]) -> None:
        """Raise Refused for a property that the type or this AWS does not know, or that lacks."""
        what = f"Properties validation failed for {kind}"
        for name in wanted:
            if name not in self.properties:
                raise Refused(f"{what}: #: extraneous key [{name}] is not permitted")
            if name not in handled:
                raise Refused(f"{kind}: Properties.{name} is not handled by the local AWS")
        missing = sorted(self.required - set(wanted))
        if missing:
            raise Refused(f"{what}: #: required key [{missing[0]}] not found")

    def replacing(self, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
        """Yield the properties whose difference is one that replaces the resource."""
        for names in self.fixed:
            if _at(before, names) != _at(wanted, names):
                yield names[0]


@cache
def schema_of(kind: str, region: str) -> Schema:
    """Return the schema of a type. Raises Refused where the registry has none."""
    # It takes the better part of a second to import, and only stacks need it.
    from cfnlint.schema import (  # type: ignore[import-untyped]  # noqa: PLC0415
        PROVIDER_SCHEMA_MANAGER,
    )

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema
    except Exception as error:  # its own classes for a type or a region that it does not know
        raise Refused(f"{kind} is no resource type of {region}") from error
    tags = schema["properties"].get("Tags", {})
    return Schema(
        frozenset(schema["properties"]),
        frozenset(schema.get("required", ())),
        tuple(_names(pointer) for pointer in schema.get("createOnlyProperties", ())),
        tuple(_names(pointer)[0] for pointer in schema.get("primaryIdentifier", ())),
        frozenset(_names(pointer)[0] for pointer in schema.get("readOnlyProperties", ())),
        {"array": "list", "object": "map"}.get(str(tags.get("type", "")), ""),
    )


def _names(pointer: str) -> tuple[str, ...]:
    return tuple(pointer.removeprefix("/properties/").split("/"))


def _at(value: Any, names: tuple[str, ...]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
