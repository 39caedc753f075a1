"""Groups of CloudWatch Logs, and what they are delivered to."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key

_ABSENT: Final = "ResourceNotFoundException"


class LogGroup(Resource):
    """AWS::Logs::LogGroup; its physical id is its name."""

    kind = "AWS::Logs::LogGroup"
    handled = frozenset({"LogGroupName", "RetentionInDays", "Tags"})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("LogGroupName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it, and say how long it keeps what is in it."""
        name = str(wanted.get("LogGroupName", at.name(512)))
        parameters: dict[str, Any] = {"logGroupName": name}
        if wanted.get("Tags"):
            parameters["tags"] = by_key(wanted["Tags"])
        at.call("logs", "CreateLogGroup", parameters)
        self._keep(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set what differs."""
        self._keep(at, physical, before, wanted)
        arn = {"resourceArn": at.arn("logs", f"log-group:{physical}")}
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("logs", "UntagResource", {**arn, "tagKeys": gone})
        if new and new != old:
            at.call("logs", "TagResource", {**arn, "tags": new})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it with what is in it."""
        at.found("logs", "DeleteLogGroup", {"logGroupName": physical}, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        found = at.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": physical})
        groups = [each for each in found["logGroups"] if each["logGroupName"] == physical]
        if not groups:
            return None
        arn = {"resourceArn": at.arn("logs", f"log-group:{physical}")}
        tags = at.call("logs", "ListTagsForResource", arn).get("tags", {})
        return {
            "LogGroupName": physical,
            "RetentionInDays": groups[0].get("retentionInDays"),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN, which ends in `:*`."""
        return {"Arn": at.arn("logs", f"log-group:{physical}:*")}

    def _keep(self, at: Place, name: str, before: Properties, wanted: Properties) -> None:
        if changed(before, wanted, "RetentionInDays"):
            group = {"logGroupName": name}
            days = only(wanted, "RetentionInDays")
            if days:
                at.call("logs", "PutRetentionPolicy", {**group, **days})
            else:
                at.call("logs", "DeleteRetentionPolicy", group)


class SubscriptionFilter(Resource):
    """AWS::Logs::SubscriptionFilter; its physical id is its name."""

    kind = "AWS::Logs::SubscriptionFilter"
    handled = frozenset(
        {
            "DestinationArn",
            "Distribution",
            "FilterName",
            "FilterPattern",
            "LogGroupName",
            "RoleArn",
        }
    )

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it on its group."""
        name = str(wanted.get("FilterName", at.name(512)))
        self.update(at, name, {}, wanted)
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew."""
        at.call("logs", "PutSubscriptionFilter", {**wanted, "FilterName": physical})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it; without its group it is gone already."""
        parameters = {"filterName": physical, **only(had, "LogGroupName")}
        at.found("logs", "DeleteSubscriptionFilter", parameters, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it."""
        parameters = {**only(had, "LogGroupName"), "filterNamePrefix": physical}
        found = at.found("logs", "DescribeSubscriptionFilters", parameters, _ABSENT)
        filters = [
            each
            for each in (found or {}).get("subscriptionFilters", [])
            if each["filterName"] == physical
        ]
        if not filters:
            return None
        return {f"{name[0].upper()}{name[1:]}": value for name, value in filters[0].items()}


TYPES: Final = (LogGroup(), SubscriptionFilter())
