"""What lies in the demo's queues on SQS at the end: dead letters with reasons, and what is left."""

import json
from typing import Any

from media.demo.sums import DeadLetter
from worker.fleet import Fleet
from worker.sqs.deadletter import ATTRIBUTE
from worker.sqs.envelope import Undecodable, decode

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Leftovers:
    """Reads the queues of a fleet through a boto3 client of SQS."""

    def __init__(self, client: Any, fleet: Fleet) -> None:
        self._client = client
        self._fleet = fleet

    def left(self) -> dict[str, int]:
        """Return how many messages each queue still holds, in whatever state."""
        return {queue: self._count(queue) for queue in self._fleet.queues}

    def dead(self) -> list[DeadLetter]:
        """Return the dead letters of every queue, each received once."""
        return [letter for queue in self._fleet.queues for letter in self._dead(queue)]

    def _url(self, name: str) -> str:
        url: str = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def _count(self, queue: str) -> int:
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url(self._fleet.physical_name(queue)), AttributeNames=list(_COUNTS)
        )
        return sum(int(answer["Attributes"][name]) for name in _COUNTS)

    def _dead(self, queue: str) -> list[DeadLetter]:
        url, found = self._url(self._fleet.dead_letter_name(queue)), []
        while messages := self._client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=600,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            found += [_letter(queue, message) for message in messages]
        return found


def _letter(queue: str, message: dict[str, Any]) -> DeadLetter:
    attributes = message.get("MessageAttributes", {})
    # SQS itself, which moves what was received too often, leaves no reason.
    reason = json.loads(attributes.get(ATTRIBUTE, {}).get("StringValue", "{}"))
    try:
        id_ = decode(message["Body"]).task_id
    except Undecodable:
        id_ = message["MessageId"]
    return DeadLetter(
        id=id_,
        queue=queue,
        kind=str(reason.get("class", "(none)")),
        text=str(reason.get("message", "received too often")),
    )
