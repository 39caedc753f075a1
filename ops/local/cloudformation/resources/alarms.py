"""Alarms of CloudWatch."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs


class Alarm(Resource):
    """AWS::CloudWatch::Alarm; its physical id is its name."""

    kind = "AWS::CloudWatch::Alarm"
    handled = frozenset(
        {
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "TreatMissingData",
            "Unit",
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("AlarmName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Put it."""
        name = str(wanted.get("AlarmName", at.name(255)))
        at.call("cloudwatch", "PutMetricAlarm", {**wanted, "AlarmName": name})
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Put it anew; its tags are not part of that."""
        at.call("cloudwatch", "PutMetricAlarm", {**wanted, "AlarmName": physical})
        if not changed(before, wanted, "Tags"):
            return
        arn = {"ResourceARN": at.arn("cloudwatch", f"alarm:{physical}")}
        gone = sorted(set(by_key(before.get("Tags"))) - set(by_key(wanted.get("Tags"))))
        if gone:
            at.call("cloudwatch", "UntagResource", {**arn, "TagKeys": gone})
        if wanted.get("Tags"):
            at.call("cloudwatch", "TagResource", {**arn, "Tags": pairs(wanted["Tags"])})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("cloudwatch", "DeleteAlarms", {"AlarmNames": [physical]}, "ResourceNotFound")

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return it with its tags."""
        found = at.call("cloudwatch", "DescribeAlarms", {"AlarmNames": [physical]})
        if not found["MetricAlarms"]:
            return None
        shown = found["MetricAlarms"][0]
        arn = {"ResourceARN": shown["AlarmArn"]}
        tags = at.call("cloudwatch", "ListTagsForResource", arn).get("Tags", [])
        return {**only(shown, *self.handled), "Tags": tags}

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("cloudwatch", f"alarm:{physical}")}


TYPES: Final = (Alarm(),)
