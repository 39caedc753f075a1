"""The actions on queues: create, find, describe, tag, purge, delete."""

from __future__ import annotations

import base64

from tests.sqs.attributes import COMPUTED, SETTABLE
from tests.sqs.call import Call, Result
from tests.sqs.errors import SqsError, invalid_parameter
from tests.sqs.queue import Queue
from tests.sqs.registry import ACCOUNT_ID, Registry

_MAX_TAGS = 50
_PURGE_INTERVAL_SECONDS = 60.0


class QueueActions:
    """Each method is the action of the same name; see the SQS API reference."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def _queue(self, call: Call) -> Queue:
        return self._registry.by_url(call.region, call.parameters["QueueUrl"])

    def create_queue(self, call: Call) -> Result:
        """CreateQueue."""
        tags = call.parameters.get("tags") or {}
        _check_tags(tags)
        queue = self._registry.create(
            call.region,
            call.parameters["QueueName"],
            call.parameters.get("Attributes") or {},
            tags,
        )
        return {"QueueUrl": self._registry.url_of(queue)}

    def get_queue_url(self, call: Call) -> Result:
        """GetQueueUrl."""
        owner = call.parameters.get("QueueOwnerAWSAccountId")
        if owner is not None and owner != ACCOUNT_ID:
            raise SqsError("QueueDoesNotExist", f"No queue of account {owner} is here.")
        queue = self._registry.by_name(call.region, call.parameters["QueueName"])
        return {"QueueUrl": self._registry.url_of(queue)}

    def delete_queue(self, call: Call) -> Result:
        """DeleteQueue."""
        self._registry.delete(call.region, self._queue(call))
        return {}

    def list_queues(self, call: Call) -> Result:
        """ListQueues: up to MaxResults a page, or the first 1,000."""
        prefix = call.parameters.get("QueueNamePrefix") or ""
        limit = call.parameters.get("MaxResults")
        if limit is not None and not 1 <= limit <= 1000:
            raise invalid_parameter(limit, "MaxResults", "Must be between 1 and 1000.")
        after = _page_start(call.parameters.get("NextToken"))
        queues = [
            queue
            for queue in self._registry.all(call.region)
            if queue.name.startswith(prefix) and queue.name > after
        ]
        page = queues[: limit or 1000]
        result: Result = {}
        if page:
            result["QueueUrls"] = [self._registry.url_of(queue) for queue in page]
        if limit is not None and len(queues) > len(page):
            result["NextToken"] = base64.b64encode(page[-1].name.encode()).decode()
        return result

    def get_queue_attributes(self, call: Call) -> Result:
        """GetQueueAttributes."""
        names = call.parameters.get("AttributeNames") or []
        known = (*SETTABLE, *COMPUTED)
        for name in names:
            if name != "All" and name not in known:
                raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")
        queue = self._queue(call)
        values = queue.attributes.strings | self._computed(queue)
        wanted = known if "All" in names else names
        chosen = {name: values[name] for name in wanted if name in values}
        return {"Attributes": chosen} if chosen else {}

    def _computed(self, queue: Queue) -> dict[str, str]:
        counts = queue.counts()
        clock = self._registry.clock
        return {
            "ApproximateNumberOfMessages": str(counts["visible"]),
            "ApproximateNumberOfMessagesNotVisible": str(counts["in_flight"]),
            "ApproximateNumberOfMessagesDelayed": str(counts["delayed"]),
            "CreatedTimestamp": str(int(clock.epoch_seconds(queue.created_at))),
            "LastModifiedTimestamp": str(int(clock.epoch_seconds(queue.modified_at))),
            "QueueArn": queue.arn,
        }

    def set_queue_attributes(self, call: Call) -> Result:
        """SetQueueAttributes."""
        self._registry.set_attributes(self._queue(call), call.parameters["Attributes"])
        return {}

    def tag_queue(self, call: Call) -> Result:
        """TagQueue."""
        queue = self._queue(call)
        tags = queue.tags | call.parameters["Tags"]
        _check_tags(tags)
        queue.tags = tags
        return {}

    def untag_queue(self, call: Call) -> Result:
        """UntagQueue."""
        queue = self._queue(call)
        for key in call.parameters["TagKeys"]:
            queue.tags.pop(key, None)
        return {}

    def list_queue_tags(self, call: Call) -> Result:
        """ListQueueTags."""
        tags = self._queue(call).tags
        return {"Tags": tags} if tags else {}

    def purge_queue(self, call: Call) -> Result:
        """PurgeQueue."""
        queue = self._queue(call)
        now = self._registry.clock.now()
        if queue.purged_at is not None and now < queue.purged_at + _PURGE_INTERVAL_SECONDS:
            raise SqsError(
                "PurgeQueueInProgress",
                f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds.",
            )
        queue.purged_at = now
        queue.purge()
        return {}


def _page_start(token: str | None) -> str:
    if token is None:
        return ""
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError:
        raise invalid_parameter(token, "NextToken", "Not a token of this server.") from None


def _check_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MAX_TAGS:
        raise SqsError("InvalidParameterValue", f"Too many tags: at most {_MAX_TAGS} a queue.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise invalid_parameter(
                key, "Tags", "A key has 1 to 128 characters, not aws:..., a value at most 256."
            )
