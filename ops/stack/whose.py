"""Whose it is what is there before its stack: the fleet's, and imported, or refused. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ops.stack.importable import BUCKET, POLICY, QUEUE

if TYPE_CHECKING:
    from ops.stack.compose import StackPlan
    from ops.stack.importable import Importable

_NAME_TAG: Final = "fleet:name"
_BUCKETS: Final = "aws.artifact_bucket, payload_bucket, results.bucket"


@dataclass(frozen=True, slots=True)
class Found:
    """What is there under the name of something that could be imported."""

    id: str
    """What CloudFormation knows it by."""
    tags: Mapping[str, str] | None
    """None for what carries none: a policy is its bucket's."""
    arn: str = ""
    """What it is tagged by; "" where that is its id."""
    parts: tuple[str, ...] = ()
    """A bucket's lifecycle rules or a policy's statements, by id, "" for one that has none."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """What it is, in CloudFormation's words."""


@dataclass(frozen=True, slots=True)
class Import:
    """What is there and is the fleet's, or is made so: `lacks` are the tags that it has not."""

    one: Importable
    found: Found
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def properties(self) -> dict[str, Any]:
        """What the import says of it: what its template says something of, as it is."""
        has = self.found.properties
        return {**self.one.properties, **{key: has[key] for key in has if key in self.one.says}}

    def entry(self, logical: str) -> dict[str, Any]:
        """Return it as CreateChangeSet's ResourcesToImport has it."""
        return {
            "ResourceType": self.one.type,
            "LogicalResourceId": logical,
            "ResourceIdentifier": {self.one.identifier: self.found.id},
        }


def imports(
    plan: StackPlan, found: Mapping[str, Found], named: Collection[str]
) -> dict[str, Import]:
    """Return what a stack imports of what was found, by logical id; `named` are names to take."""
    return {
        logical: Import(plan.imports[logical], one, _lacking(plan, one))
        for logical, one in found.items()
        if logical in plan.imports and not any(_refusals(plan, plan.imports[logical], one, named))
    }


def refusals(plan: StackPlan, found: Mapping[str, Found], named: Collection[str]) -> list[str]:
    """Return why something that is there may not be taken, each with its place and remedy.

    What carries the fleet's tag is the fleet's. What carries no fleet's is taken where it is among
    `named`, what carries another's never, and what an update would take others' settings from
    neither.
    """
    return [
        line
        for logical, one in found.items()
        for line in _refusals(plan, plan.imports[logical], one, named)
    ]


def _refusals(
    plan: StackPlan, one: Importable, found: Found, named: Collection[str]
) -> Iterator[str]:
    ours, place = plan.tags[_NAME_TAG], f"{plan.name}: {one.name} ({one.kind})"
    owner = ours if found.tags is None else found.tags.get(_NAME_TAG)
    if owner is None and one.name not in named:
        yield (
            f"{place}: expected tag {_NAME_TAG} = {ours}, found none: it may be anybody's: add "
            f"--import {one.name} to take it for this fleet, or {_another(one)}"
        )
    elif owner not in (None, ours):
        yield (
            f"{place}: expected tag {_NAME_TAG} = {ours}, found {owner}: it is another fleet's: "
            f"{_another(one)}"
        )
    wanted, there = _key(one.properties), _key(found.properties)
    if wanted != there:
        yield (
            f"{place}: expected the key {wanted}, found {there}, which cannot be changed: delete "
            f"the table, or {_another(one)}"
        )
    others = sorted({part or "one without a name" for part in found.parts if part not in one.parts})
    if others:
        what = "statements" if one.type == POLICY else "lifecycle rules"
        yield (
            f"{place}: expected no {what} but {', '.join(sorted(one.parts))}, found "
            f"{', '.join(others)}: they would be lost: give the fleet a bucket of its own "
            f"({_BUCKETS})"
        )


def _key(properties: Mapping[str, Any]) -> str:
    """Return a table's key, partition first; "" for what is none."""
    return " and ".join(str(one["AttributeName"]) for one in properties.get("KeySchema", []))


def _another(one: Importable) -> str:
    if one.type in (BUCKET, POLICY):
        return f"name another ({_BUCKETS})"
    return "rename the fleet or the queue" if one.type == QUEUE else "rename the fleet"


def _lacking(plan: StackPlan, found: Found) -> dict[str, str]:
    tags = found.tags
    if tags is None:
        return {}
    return {key: value for key, value in plan.tags.items() if tags.get(key) != value}
