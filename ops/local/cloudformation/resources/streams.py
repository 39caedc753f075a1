"""Delivery streams of Firehose."""

from __future__ import annotations

from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, changed, only
from ops.local.cloudformation.shapes import by_key, pairs

_ABSENT: Final = "ResourceNotFoundException"
_TO_S3: Final = "ExtendedS3DestinationConfiguration"


class DeliveryStream(Resource):
    """AWS::KinesisFirehose::DeliveryStream into S3; its physical id is its name."""

    kind = "AWS::KinesisFirehose::DeliveryStream"
    handled = frozenset(
        {
            "DeliveryStreamEncryptionConfigurationInput",
            "DeliveryStreamName",
            "DeliveryStreamType",
            "Tags",
            _TO_S3,
        }
    )

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return its name."""
        return wanted.get("DeliveryStreamName")

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it."""
        name = str(wanted.get("DeliveryStreamName", at.name()))
        at.call("firehose", "CreateDeliveryStream", {**wanted, "DeliveryStreamName": name})
        return name

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Exchange its destination and its tags."""
        stream = {"DeliveryStreamName": physical}
        if changed(before, wanted, _TO_S3):
            shown = at.call("firehose", "DescribeDeliveryStream", stream)
            shown = shown["DeliveryStreamDescription"]
            parameters = {
                **stream,
                "CurrentDeliveryStreamVersionId": shown["VersionId"],
                "DestinationId": shown["Destinations"][0]["DestinationId"],
                "ExtendedS3DestinationUpdate": wanted[_TO_S3],
            }
            at.call("firehose", "UpdateDestination", parameters)
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("firehose", "UntagDeliveryStream", {**stream, "TagKeys": gone})
        if new and new != old:
            at.call("firehose", "TagDeliveryStream", {**stream, "Tags": pairs(new)})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("firehose", "DeleteDeliveryStream", {"DeliveryStreamName": physical}, _ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its destination and tags."""
        stream = {"DeliveryStreamName": physical}
        found = at.found("firehose", "DescribeDeliveryStream", stream, _ABSENT)
        if found is None:
            return None
        shown = found["DeliveryStreamDescription"]
        tags = at.call("firehose", "ListTagsForDeliveryStream", stream).get("Tags", [])
        destinations = shown.get("Destinations", [])
        to_s3 = destinations[0].get("ExtendedS3DestinationDescription") if destinations else None
        return {
            **had,
            **stream,
            **only(shown, "DeliveryStreamType"),
            _TO_S3: to_s3,
            "Tags": tags,
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN."""
        return {"Arn": at.arn("firehose", f"deliverystream/{physical}")}


TYPES: Final = (DeliveryStream(),)
