"""Queues of SQS, and the policies on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ops.local.cloudformation.place import Place
from ops.local.cloudformation.resource import Properties, Resource, only
from ops.local.cloudformation.shapes import by_key, text

_ABSENT: Final = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
#: What a property that is taken away falls back to (SetQueueAttributes, API Reference).
_DEFAULTS: Final[Mapping[str, str]] = {
    "DelaySeconds": "0",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
_DOCUMENTS: Final = {"RedriveAllowPolicy", "RedrivePolicy"}


class Queue(Resource):
    """AWS::SQS::Queue; its physical id is its URL."""

    kind = "AWS::SQS::Queue"
    handled = frozenset({"QueueName", "Tags", *_DEFAULTS})

    def identity(self, at: Place, wanted: Properties) -> str | None:
        """Return the URL of the queue of that name, if there is one."""
        if "QueueName" not in wanted:
            return None
        found = at.found("sqs", "GetQueueUrl", only(wanted, "QueueName"), *_ABSENT)
        return None if found is None else str(found["QueueUrl"])

    def create(self, at: Place, wanted: Properties) -> str:
        """Create it with its attributes and tags."""
        made = at.call(
            "sqs",
            "CreateQueue",
            {
                "QueueName": wanted.get("QueueName", at.name(80)),
                "Attributes": only(wanted, *_DEFAULTS),
                "tags": by_key(wanted.get("Tags")),
            },
        )
        return str(made["QueueUrl"])

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set the attributes that differ, and the tags."""
        attributes = {
            name: text(wanted.get(name, default))
            for name, default in _DEFAULTS.items()
            if before.get(name) != wanted.get(name)
        }
        if attributes:
            at.call("sqs", "SetQueueAttributes", {"QueueUrl": physical, "Attributes": attributes})
        old, new = by_key(before.get("Tags")), by_key(wanted.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            at.call("sqs", "UntagQueue", {"QueueUrl": physical, "TagKeys": gone})
        if new != old and new:
            at.call("sqs", "TagQueue", {"QueueUrl": physical, "Tags": new})

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Delete it."""
        at.found("sqs", "DeleteQueue", {"QueueUrl": physical}, *_ABSENT)

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return its attributes and tags."""
        found = at.found(
            "sqs",
            "GetQueueAttributes",
            {"QueueUrl": physical, "AttributeNames": ["All"]},
            *_ABSENT,
        )
        if found is None:
            return None
        values: dict[str, Any] = dict(found.get("Attributes", {}))
        for name in _DOCUMENTS & set(values):
            values[name] = json.loads(values[name])
        tags = at.call("sqs", "ListQueueTags", {"QueueUrl": physical}).get("Tags", {})
        return {
            **only(values, *_DEFAULTS),
            "QueueName": physical.rpartition("/")[2],
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its ARN, name and URL."""
        name = physical.rpartition("/")[2]
        return {"Arn": at.arn("sqs", name), "QueueName": name, "QueueUrl": physical}


class QueuePolicy(Resource):
    """AWS::SQS::QueuePolicy: one document on each of several queues."""

    kind = "AWS::SQS::QueuePolicy"
    handled = frozenset({"Queues", "PolicyDocument"})

    def create(self, at: Place, wanted: Properties) -> str:
        """Set the policy of each queue."""
        self._set(at, wanted["Queues"], text(wanted["PolicyDocument"]))
        return at.name()

    def update(self, at: Place, physical: str, before: Properties, wanted: Properties) -> None:
        """Set it anew, and take it off the queues that are no longer named."""
        self._set(at, [url for url in before["Queues"] if url not in wanted["Queues"]], "")
        self._set(at, wanted["Queues"], text(wanted["PolicyDocument"]))

    def delete(self, at: Place, physical: str, had: Properties) -> None:
        """Take it off its queues."""
        self._set(at, had["Queues"], "")

    def read(self, at: Place, physical: str, had: Properties) -> dict[str, Any] | None:
        """Return the document as its first queue has it."""
        found = at.found(
            "sqs",
            "GetQueueAttributes",
            {"QueueUrl": had["Queues"][0], "AttributeNames": ["Policy"]},
            *_ABSENT,
        )
        policy = (found or {}).get("Attributes", {}).get("Policy")
        return {**had, "PolicyDocument": json.loads(policy)} if policy else None

    def attributes(self, at: Place, physical: str, had: Properties) -> dict[str, Any]:
        """Return its id."""
        return {"Id": physical}

    def _set(self, at: Place, urls: list[str], policy: str) -> None:
        for url in urls:
            wanted = {"QueueUrl": url, "Attributes": {"Policy": policy}}
            at.found("sqs", "SetQueueAttributes", wanted, *_ABSENT)


TYPES: Final = (Queue(), QueuePolicy())
