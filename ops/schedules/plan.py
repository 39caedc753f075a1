"""What must change on EventBridge Scheduler for the schedules to be the manifest's. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ops.queues.wanted import NAME_TAG

# What EventBridge keeps of a schedule beside what it was told, or is no business of the manifest.
_NOT_COMPARED = frozenset(
    {"Arn", "CreationDate", "LastModificationDate", "ActionAfterCompletion", "KmsKeyArn"}
)


@dataclass(frozen=True, slots=True)
class Found:
    """The fleet's schedule group as it is: its tags, and each schedule as GetSchedule tells it."""

    tags: Mapping[str, str]
    schedules: Mapping[str, Mapping[str, Any]]


class Kind(Enum):
    """What a step does, in the words a person reads."""

    GROUP = "made"
    CREATE = "created"
    UPDATE = "updated"
    DELETE = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the plan; None is nothing. `what` is `group`, `schedule` or a key of it."""

    schedule: str
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One request: the whole definition to create or update a schedule with, or its name."""

    kind: Kind
    name: str
    changes: tuple[Change, ...]
    definition: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the order to take them, and why nothing may be touched at all."""

    steps: tuple[Step, ...]
    refusal: str | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every line of the plan in the order of its steps."""
        return tuple(change for step in self.steps for change in step.changes)


def plan(
    fleet_name: str, group: str, wanted: Sequence[Mapping[str, Any]], found: Found | None
) -> Plan:
    """Compare the wanted definitions with the fleet's group; None is a group that is not there.

    A group without the fleet's tag is somebody else's: it is refused, for schedules in it that
    the manifest does not name are deleted.
    """
    if found is None:
        if not wanted:
            return Plan(())
        made = Change(group, "group", None, f"tag {NAME_TAG} = {fleet_name}")
        first = Step(Kind.GROUP, group, (made,), tags={NAME_TAG: fleet_name})
        return Plan((first, *map(_creation, wanted)))
    owner = found.tags.get(NAME_TAG)
    if owner != fleet_name:
        return Plan(
            (),
            f"schedule group {group}: expected tag {NAME_TAG} = {fleet_name}, got "
            f"{owner or 'none'}: it is not this fleet's: rename the fleet, or tag the group if "
            "all in it may be replaced",
        )
    return Plan(tuple(_steps(wanted, found)))


def _steps(wanted: Sequence[Mapping[str, Any]], found: Found) -> Iterator[Step]:
    for want in wanted:
        state = found.schedules.get(want["Name"])
        if state is None:
            yield _creation(want)
            continue
        changes = tuple(_differences(want, state))
        if changes:
            # An update resets what it leaves out. Whose key encrypts it is the account's choice.
            key = state.get("KmsKeyArn")
            kept = {} if key is None else {"KmsKeyArn": key}
            yield Step(Kind.UPDATE, want["Name"], changes, {**want, **kept})
    names = {want["Name"] for want in wanted}
    for name in sorted(found.schedules.keys() - names):
        before = _summary(found.schedules[name])
        gone = Change(name, "schedule", before, None)
        yield Step(Kind.DELETE, name, (gone,))


def _creation(want: Mapping[str, Any]) -> Step:
    change = Change(want["Name"], "schedule", None, _summary(want))
    return Step(Kind.CREATE, want["Name"], (change,), want)


def _summary(definition: Mapping[str, Any]) -> str:
    zone = definition.get("ScheduleExpressionTimezone", "UTC")
    queue = str(definition["Target"]["Arn"]).rpartition(":")[2]
    off = "" if definition.get("State") == "ENABLED" else ", disabled"
    return f"{definition['ScheduleExpression']} {zone} to {queue}{off}"


def _differences(want: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Change]:
    wants, states = dict(_flat(want)), dict(_flat(state))
    for key in dict.fromkeys((*wants, *states)):
        before, after = states.get(key), wants.get(key)
        if before != after and key not in _NOT_COMPARED:
            yield Change(want["Name"], key, _shown(key, before), _shown(key, after))


def _flat(value: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{under}{key}.")
        else:
            yield f"{under}{key}", item


def _shown(key: str, value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if key == "Target.Input":
        # The arguments may be anybody's secrets.
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{len(text.encode())} bytes, sha256 {digest}"
    return text
