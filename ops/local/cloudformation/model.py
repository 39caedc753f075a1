"""A stack, its resources, events and change sets, as the local CloudFormation remembers them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """Return the time that goes into events."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Made:
    """A resource of a stack: `properties` as they were last set, what Ref and GetAtt give."""

    logical: str
    kind: str
    physical: str
    properties: dict[str, Any]
    reference: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    at: datetime = field(default_factory=now)
    on_delete: str = "Delete"
    on_replace: str = "Delete"
    drift: str = "NOT_CHECKED"
    drifted: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a stack's history."""

    stack_id: str
    stack_name: str
    logical: str
    physical: str
    kind: str
    status: str
    reason: str = ""
    token: str = ""
    properties: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Change:
    """What an update does to one resource.

    `action` is Add, Modify, Remove or Import. `replacement` is True, False or Conditional for a
    Modify, else empty. `details` are as in DescribeChangeSet.
    """

    action: str
    logical: str
    kind: str
    physical: str = ""
    replacement: str = ""
    details: tuple[dict[str, Any], ...] = ()
    policy: str = ""
    drift: str = ""
    """Of a change set that compares with what is there: what the resource is now."""
    ignored: tuple[str, ...] = ()
    """Properties whose drift it leaves alone."""

    def shown(self) -> dict[str, Any]:
        """Return it as DescribeChangeSet shows it."""
        scopes = sorted({detail["Target"]["Attribute"] for detail in self.details})
        values = {
            "PolicyAction": self.policy,
            "PhysicalResourceId": self.physical,
            "Replacement": self.replacement,
            "ResourceDriftStatus": self.drift,
            "ResourceDriftIgnoredAttributes": [
                {"Path": f"/Properties/{name}", "Reason": "MANAGED_BY_AWS"} for name in self.ignored
            ],
        }
        return {
            "Type": "Resource",
            "ResourceChange": {
                "Action": self.action,
                "LogicalResourceId": self.logical,
                "ResourceType": self.kind,
                "Scope": scopes,
                "Details": list(self.details),
                **{name: value for name, value in values.items() if value},
            },
        }


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stack is to become: a template, the texts of its parameters, its tags."""

    text: str
    template: dict[str, Any]
    parameters: dict[str, str]
    tags: dict[str, str]
    capabilities: tuple[str, ...] = ()
    import_existing: bool = False
    imports: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class ChangeSet:
    """A change set: a wish that was looked at and not yet granted."""

    id: str
    name: str
    kind: str
    wish: Wish
    changes: list[Change]
    status: str
    execution: str
    reason: str = ""
    description: str = ""
    drift: str = ""
    """Of one that compares with what is there: whether anything drifted."""
    at: datetime = field(default_factory=now)


@dataclass(slots=True)
class Stack:
    """A stack; `wish` is None until one was granted, `token` the last operation's own.

    `begun` is the first wish that was begun: what a stack shows of itself while it is created, and
    where its creation failed.
    """

    id: str
    name: str
    region: str
    account: str
    status: str
    key: str
    wish: Wish | None = None
    begun: Wish | None = None
    reason: str = ""
    protected: bool = False
    resources: dict[str, Made] = field(default_factory=dict)
    outputs: list[dict[str, str]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    disable_rollback: bool = False
    timeout_minutes: int | None = None
    policy: str = ""
    token: str = ""
    drift: str = "NOT_CHECKED"
    drift_at: datetime | None = None

    def say(self, status: str, reason: str = "") -> None:
        """Set the status, and write it into the history."""
        self.status, self.reason = status, reason
        kind = "AWS::CloudFormation::Stack"
        self.events.append(
            Event(self.id, self.name, self.name, self.id, kind, status, reason, self.token)
        )

    def tell(self, made: Made, status: str, reason: str = "") -> None:
        """Set the status of a resource, and write it into the history."""
        made.status, made.reason, made.at = status, reason, now()
        self.events.append(
            Event(
                self.id,
                self.name,
                made.logical,
                made.physical,
                made.kind,
                status,
                reason,
                self.token,
            )
        )

    @property
    def busy(self) -> bool:
        """Whether something is being done to it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"
