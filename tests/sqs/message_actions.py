"""The actions on single messages: send, receive, delete, change visibility."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from tests.sqs.call import Call, Parameters, Result
from tests.sqs.errors import SqsError, invalid_parameter
from tests.sqs.message import (
    Message,
    attributes_size_bytes,
    check_attributes,
    check_body,
    md5_of_attributes,
)
from tests.sqs.polls import Poll
from tests.sqs.queue import MAX_VISIBILITY_SECONDS, Queue
from tests.sqs.registry import Registry

_MAX_DELAY_SECONDS = 900
# System attributes of FIFO queues are known names, with nothing to give on a standard queue.
_SYSTEM_ATTRIBUTES = frozenset(
    (
        "All",
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
        "AWSTraceHeader",
        "DeadLetterQueueSourceArn",
    )
)


class MessageActions:
    """Each method is the action of the same name; see the SQS API reference."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._clock = registry.clock

    def queue(self, call: Call) -> Queue:
        """The queue a call is about."""
        return self._registry.by_url(call.region, call.parameters["QueueUrl"])

    def send_message(self, call: Call) -> Result:
        """SendMessage."""
        queue = self.queue(call)
        result = self.send_one(queue, call, call.parameters)
        queue.dispatch()
        return result

    def send_one(self, queue: Queue, call: Call, parameters: Parameters) -> Result:
        """Check one message, put it into the queue, and give the answer for it."""
        body = parameters["MessageBody"]
        attributes = parameters.get("MessageAttributes") or {}
        check_body(body)
        check_attributes(attributes)
        delay_seconds = parameters.get("DelaySeconds")
        if delay_seconds is not None and not 0 <= delay_seconds <= _MAX_DELAY_SECONDS:
            raise invalid_parameter(
                delay_seconds, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."
            )
        if parameters.get("MessageDeduplicationId") is not None:
            raise invalid_parameter(
                parameters["MessageDeduplicationId"],
                "MessageDeduplicationId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        size_bytes = len(body.encode()) + attributes_size_bytes(attributes)
        if size_bytes > queue.attributes.max_message_bytes:
            raise SqsError(
                "InvalidParameterValue",
                "One or more parameters are invalid. Reason: Message must be shorter than "
                f"{queue.attributes.max_message_bytes} bytes.",
            )
        system, system_values = _system_attributes(parameters)
        message = Message(
            body=body,
            sender_id=call.access_key_id,
            sent_at=self._clock.now(),
            attributes=attributes,
            system_attributes=system,
        )
        queue.send(message, delay_seconds)
        result: Result = {"MessageId": message.message_id, "MD5OfMessageBody": message.md5_of_body}
        if attributes:
            result["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
        if system_values:
            result["MD5OfMessageSystemAttributes"] = md5_of_attributes(system_values)
        return result

    async def receive_message(self, call: Call) -> Result:
        """ReceiveMessage: at once if anything is visible, else after the wait time or a wake-up."""
        queue = self.queue(call)
        parameters = call.parameters
        wanted = _wanted_system_attributes(parameters)
        if parameters.get("ReceiveRequestAttemptId") is not None:
            raise invalid_parameter(
                parameters["ReceiveRequestAttemptId"],
                "ReceiveRequestAttemptId",
                "The request includes a parameter that is not valid for this queue type.",
            )
        most = _bounded(parameters, "MaxNumberOfMessages", 1, 1, 10)
        visibility_seconds = _bounded(
            parameters,
            "VisibilityTimeout",
            queue.attributes.visibility_seconds,
            0,
            MAX_VISIBILITY_SECONDS,
        )
        wait_seconds = _bounded(parameters, "WaitTimeSeconds", queue.attributes.wait_seconds, 0, 20)
        messages = queue.receive(most, visibility_seconds)
        if not messages:
            if wait_seconds > 0:
                messages = await self._long_poll(
                    queue, call, most, visibility_seconds, wait_seconds
                )
            elif queue.is_over_limit():
                raise SqsError(
                    "OverLimit",
                    f"Too many messages in flight: at most {queue.settings.in_flight_limit}.",
                )
        names = parameters.get("MessageAttributeNames") or ()
        if not messages:
            return {}
        return {"Messages": [self._rendered(message, wanted, names) for message in messages]}

    @staticmethod
    async def _long_poll(
        queue: Queue, call: Call, most: int, visibility_seconds: int, wait_seconds: int
    ) -> list[Message]:
        poll = Poll(most, visibility_seconds, call.is_open, call.access_key_id)
        call.poll = poll
        queue.wait(poll)
        timeout = asyncio.get_running_loop().call_later(wait_seconds, poll.finish, [])
        try:
            return await poll.answer
        finally:
            timeout.cancel()
            queue.leave(poll)

    def _rendered(self, message: Message, wanted: set[str], names: Iterable[str]) -> Result:
        rendered: Result = {
            "MessageId": message.message_id,
            "ReceiptHandle": message.receipt_handle,
            "MD5OfBody": message.md5_of_body,
            "Body": message.body,
        }
        if wanted:
            given = self._system_values(message)
            chosen = given if "All" in wanted else {n: v for n, v in given.items() if n in wanted}
            if chosen:
                rendered["Attributes"] = chosen
        if attributes := message.select_attributes(names):
            rendered["MessageAttributes"] = attributes
            rendered["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
        return rendered

    def _system_values(self, message: Message) -> dict[str, str]:
        values = {
            "SenderId": message.sender_id,
            "SentTimestamp": self._milliseconds(message.sent_at),
            "ApproximateReceiveCount": str(message.receive_count),
            **message.system_attributes,
        }
        if message.first_received_at is not None:
            values["ApproximateFirstReceiveTimestamp"] = self._milliseconds(
                message.first_received_at
            )
        if message.dead_letter_source_arn is not None:
            values["DeadLetterQueueSourceArn"] = message.dead_letter_source_arn
        return values

    def _milliseconds(self, at: float) -> str:
        return str(int(self._clock.epoch_seconds(at) * 1000))

    def delete_message(self, call: Call) -> Result:
        """DeleteMessage."""
        self.queue(call).delete(call.parameters["ReceiptHandle"])
        return {}

    def change_message_visibility(self, call: Call) -> Result:
        """ChangeMessageVisibility."""
        queue = self.queue(call)
        queue.change_visibility(
            call.parameters["ReceiptHandle"], call.parameters["VisibilityTimeout"]
        )
        queue.dispatch()
        return {}


def _bounded(parameters: Parameters, name: str, default: int, low: int, high: int) -> int:
    value = parameters.get(name)
    if value is None:
        return default
    if not low <= value <= high:
        raise invalid_parameter(value, name, f"Must be between {low} and {high}, if provided.")
    return int(value)


def _wanted_system_attributes(parameters: Parameters) -> set[str]:
    wanted = {
        *(parameters.get("AttributeNames") or ()),
        *(parameters.get("MessageSystemAttributeNames") or ()),
    }
    for name in wanted - _SYSTEM_ATTRIBUTES:
        raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")
    return wanted


def _system_attributes(parameters: Parameters) -> tuple[dict[str, str], dict[str, Any]]:
    """What the sender gave, by name, and as attribute values (for their digest)."""
    values = parameters.get("MessageSystemAttributes") or {}
    for name, value in values.items():
        if name != "AWSTraceHeader" or not value.get("StringValue"):
            raise invalid_parameter(
                name, "MessageSystemAttributes", "only AWSTraceHeader, a String, can be sent."
            )
    given = {name: value["StringValue"] for name, value in values.items()}
    group = parameters.get("MessageGroupId")
    if group is not None:  # on a standard queue it asks for fairness, not for order
        if not 1 <= len(group) <= 128:
            raise invalid_parameter(group, "MessageGroupId", "1 to 128 characters.")
        given["MessageGroupId"] = group
    return given, values
