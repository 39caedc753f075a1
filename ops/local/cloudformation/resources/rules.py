"""Rules of EventBridge, and the schedules of its Scheduler."""

from __future__ import annotations

import json
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only, without
from ops.local.cloudformation.shapes import by_key, pairs

_ABSENT: Final = "ResourceNotFoundException"


class Rule(Resource):
    """AWS::Events::Rule on the default bus; its physical id is its name."""

    kind = "AWS::Events::Rule"
    handled = frozenset(
        {
            "Description",
            "EventPattern",
            "Name",
            "RoleArn",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("Name")

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it with its tags and targets."""
        name = str(wanted.get("Name", at.name()))
        self._put(at, name, wanted, only(wanted, "Tags"))
        self._targets(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew, exchange its targets and tags."""
        self._put(at, physical, wanted, {})
        self._targets(at, physical, before, wanted)
        arn = {"ResourceARN": at.arn("events", f"rule/{physical}")}
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("events", "UntagResource", {**arn, "TagKeys": gone})
        if new and new != old:
            at.call("events", "TagResource", {**arn, "Tags": pairs(new)})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Remove its targets, then delete it."""
        if at.found("events", "DescribeRule", {"Name": physical}, _ABSENT) is not None:
            self._targets(at, physical, had, {})
            at.call("events", "DeleteRule", {"Name": physical})

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it with its targets and tags."""
        found = at.found("events", "DescribeRule", {"Name": physical}, _ABSENT)
        if found is None:
            return None
        values = only(found, "Description", "Name", "RoleArn", "ScheduleExpression", "State")
        if "EventPattern" in found:
            values["EventPattern"] = json.loads(found["EventPattern"])
        targets = at.call("events", "ListTargetsByRule", {"Rule": physical})["Targets"]
        arn = {"ResourceARN": at.arn("events", f"rule/{physical}")}
        tags = at.call("events", "ListTagsForResource", arn).get("Tags", [])
        return {**values, "Targets": targets, "Tags": tags}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("events", f"rule/{physical}"), "RuleName": physical}

    def _put(self, at: Place, name: str, wanted: Properties, tags: Properties) -> None:
        kept = without(wanted, "Targets", "Tags")
        at.call("events", "PutRule", {**kept, **tags, "Name": name})

    def _targets(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        new = [target["Id"] for target in wanted.get("Targets", [])]
        gone = [t["Id"] for t in before.get("Targets", []) if t["Id"] not in new]
        if gone:
            at.call("events", "RemoveTargets", {"Rule": name, "Ids": gone})
        if new and changed(before, wanted, "Targets"):
            at.call("events", "PutTargets", {"Rule": name, "Targets": wanted["Targets"]})


class ScheduleGroup(Resource):
    """AWS::Scheduler::ScheduleGroup; its physical id is its name."""

    kind = "AWS::Scheduler::ScheduleGroup"
    handled = frozenset({"Name", "Tags"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("Name")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("Name", at.name()))
        at.call("scheduler", "CreateScheduleGroup", {**wanted, "Name": name})
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange its tags."""
        arn = {"ResourceArn": at.arn("scheduler", f"schedule-group/{physical}")}
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("scheduler", "UntagResource", {**arn, "TagKeys": gone})
        if new:
            at.call("scheduler", "TagResource", {**arn, "Tags": pairs(new)})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with its schedules."""
        at.found("scheduler", "DeleteScheduleGroup", {"Name": physical}, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        found = at.found("scheduler", "GetScheduleGroup", {"Name": physical}, _ABSENT)
        if found is None:
            return None
        arn = {"ResourceArn": at.arn("scheduler", f"schedule-group/{physical}")}
        tags = at.call("scheduler", "ListTagsForResource", arn).get("Tags", [])
        return {"Name": physical, "Tags": tags}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("scheduler", f"schedule-group/{physical}")}


class Schedule(Resource):
    """AWS::Scheduler::Schedule; its physical id is its name."""

    kind = "AWS::Scheduler::Schedule"
    handled = frozenset(
        {
            "Description",
            "EndDate",
            "FlexibleTimeWindow",
            "GroupName",
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
            "Target",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("Name", at.name()))
        at.call("scheduler", "CreateSchedule", {**wanted, "Name": name})
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew."""
        at.call("scheduler", "UpdateSchedule", {**wanted, "Name": physical})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        parameters = {"Name": physical, **only(had, "GroupName")}
        at.found("scheduler", "DeleteSchedule", parameters, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        parameters = {"Name": physical, **only(had, "GroupName")}
        found = at.found("scheduler", "GetSchedule", parameters, _ABSENT)
        dates = only(had, "StartDate", "EndDate")
        return None if found is None else {**only(found, *self.handled), **dates}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        group = had.get("GroupName", "default")
        return {"Arn": at.arn("scheduler", f"schedule/{group}/{physical}")}


TYPES: Final = (Rule(), ScheduleGroup(), Schedule())
