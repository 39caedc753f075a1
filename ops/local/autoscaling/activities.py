"""What a group has done and is doing, as DescribeScalingActivities tells it."""

from __future__ import annotations

import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

_KEPT: Final = 2_000


class Way(Enum):
    """From where to where an instance goes ("Warm pool example events and patterns")."""

    LAUNCH = ("EC2", "AutoScalingGroup")
    WARM = ("EC2", "WarmPool")
    DRAW = ("WarmPool", "AutoScalingGroup")
    RETURN = ("AutoScalingGroup", "WarmPool")
    END = ("AutoScalingGroup", "EC2")
    END_WARM = ("WarmPool", "EC2")

    @property
    def leaves(self) -> bool:
        """Whether it leaves the group, so that the hooks of an end are for it."""
        return self in {Way.RETURN, Way.END, Way.END_WARM}


@dataclass(slots=True)
class Activity:
    """A launch or a termination; its names in an answer are the API's. `way` is for its events."""

    group: str
    arn: str
    description: str
    cause: str
    details: dict[str, str]
    way: Way
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime | None = None
    status: str = "InProgress"
    message: str = ""
    progress: int = 0

    def say(self, status: str, progress: int) -> None:
        """Say how far it is."""
        if self.end is None:
            self.status, self.progress = status, progress

    def close(self, status: str, message: str = "") -> None:
        """Say how it ended."""
        if self.end is None:
            self.status, self.message, self.progress = status, message, 100
            self.end = datetime.now(UTC)

    def answer(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        shown = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.start,
            "EndTime": self.end,
            "StatusCode": self.status,
            "StatusMessage": self.message or None,
            "Progress": self.progress,
            "Details": json.dumps(self.details),
        }
        return {name: value for name, value in shown.items() if value is not None}


class Activities:
    """The activities of a region's groups, the last few thousand of them."""

    def __init__(self) -> None:
        self._told: deque[Activity] = deque(maxlen=_KEPT)

    def begin(
        self,
        way: Way,
        group: Any,
        description: str,
        cause: str,
        *,
        zone: str = "",
        subnet: str = "",
    ) -> Activity:
        """Note that a group begins something, at the cause that `cause` tells in words."""
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        details = {"Subnet ID": subnet, "Availability Zone": zone}
        activity = Activity(
            group.name,
            group.arn,
            description,
            f"At {at} {cause}",
            {name: value for name, value in details.items() if value},
            way,
        )
        self._told.appendleft(activity)
        return activity

    def told(self, group: str | None, ids: list[str]) -> list[Activity]:
        """Return activities of a group or of all, of these ids or of all, the latest first."""
        return [
            each
            for each in self._told
            if (group is None or each.group == group) and (not ids or each.id in ids)
        ]
