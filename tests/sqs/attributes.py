"""Queue attributes: what may be set, within which bounds, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.sqs.errors import SqsError
from tests.sqs.message import MAX_MESSAGE_BYTES

# Name -> (lowest, highest, default). Source: the API reference of SetQueueAttributes.
_NUMBERS = {
    "VisibilityTimeout": (0, 43_200, 30),
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1024, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
}
_OPTIONAL_JSON = ("Policy", "RedrivePolicy", "RedriveAllowPolicy")
SETTABLE = (*_NUMBERS, *_OPTIONAL_JSON, "SqsManagedSseEnabled")
COMPUTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
)


@dataclass(frozen=True)
class RedrivePolicy:
    """Where a message goes that would be received more than ``max_receive_count`` times."""

    dead_letter_arn: str
    max_receive_count: int


class QueueAttributes:
    """The settable attributes of one queue, as the strings given and as the numbers they mean."""

    def __init__(self) -> None:
        self.strings = {name: str(default) for name, (_, _, default) in _NUMBERS.items()}
        self.strings["SqsManagedSseEnabled"] = "true"
        self._derive()

    def update(self, given: Mapping[str, str]) -> None:
        """Set attributes; an empty string removes a policy. Check them first."""
        for name, value in normalised(given).items():
            if value == "":
                self.strings.pop(name, None)
            else:
                self.strings[name] = value
        self._derive()

    def differing(self, given: Mapping[str, str]) -> list[str]:
        """The names of attributes whose given value is not the one that is set."""
        return [
            name
            for name, value in normalised(given).items()
            if _meaning(name, self.strings.get(name, "")) != _meaning(name, value)
        ]

    def _derive(self) -> None:
        self.visibility_seconds = int(self.strings["VisibilityTimeout"])
        self.delay_seconds = int(self.strings["DelaySeconds"])
        self.max_message_bytes = int(self.strings["MaximumMessageSize"])
        self.retention_seconds = int(self.strings["MessageRetentionPeriod"])
        self.wait_seconds = int(self.strings["ReceiveMessageWaitTimeSeconds"])
        policy = self.strings.get("RedrivePolicy")
        self.redrive = None if policy is None else parse_redrive_policy(policy)

    def allows_source(self, source_arn: str) -> bool:
        """Whether this queue may be the dead-letter queue of ``source_arn``."""
        policy = json.loads(self.strings.get("RedriveAllowPolicy", "{}"))
        permission = policy.get("redrivePermission", "allowAll")
        return permission == "allowAll" or (
            permission == "byQueue" and source_arn in policy.get("sourceQueueArns", [])
        )


def normalised(given: Mapping[str, str]) -> dict[str, str]:
    """The attributes with numbers and booleans in one spelling.

    Raises ``InvalidAttributeName`` for an attribute that is unknown, cannot be set, or belongs
    to FIFO queues; ``InvalidAttributeValue`` for a value outside its bounds.
    """
    return {name: _normalise(name, value) for name, value in given.items()}


def _normalise(name: str, value: str) -> str:
    if name in _NUMBERS:
        lowest, highest, _ = _NUMBERS[name]
        if not value.isascii() or not value.isdigit() or not lowest <= int(value) <= highest:
            raise _invalid(name, f"must be an integer between {lowest} and {highest}")
        return str(int(value))
    if name == "SqsManagedSseEnabled":
        if value not in ("true", "false"):
            raise _invalid(name, "must be true or false")
        return value
    if name in ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"):
        raise SqsError("UnsupportedOperation", f"{name}: this server has no KMS.")
    if name not in SETTABLE:
        raise SqsError("InvalidAttributeName", f"Unknown Attribute {name}.")
    if value == "":
        return value
    if name == "RedrivePolicy":
        parse_redrive_policy(value)
    elif name == "RedriveAllowPolicy":
        _check_allow_policy(value)
    else:
        _parse_object(name, value)
    return value


def parse_redrive_policy(text: str) -> RedrivePolicy:
    """Raises ``InvalidAttributeValue`` unless it names a queue and 1 to 1,000 receives."""
    policy = _parse_object("RedrivePolicy", text)
    if set(policy) != {"deadLetterTargetArn", "maxReceiveCount"}:
        raise _invalid("RedrivePolicy", "must have deadLetterTargetArn and maxReceiveCount only")
    count = str(policy["maxReceiveCount"])  # SQS takes a number and a string of one
    if not (count.isascii() and count.isdigit()) or not 1 <= int(count) <= 1000:
        raise _invalid("RedrivePolicy", "maxReceiveCount must be between 1 and 1000")
    return RedrivePolicy(str(policy["deadLetterTargetArn"]), int(count))


def _check_allow_policy(text: str) -> None:
    policy = _parse_object("RedriveAllowPolicy", text)
    permission = policy.get("redrivePermission")
    arns = policy.get("sourceQueueArns")
    if permission not in ("allowAll", "denyAll", "byQueue") or not set(policy) <= {
        "redrivePermission",
        "sourceQueueArns",
    }:
        raise _invalid("RedriveAllowPolicy", "redrivePermission: allowAll, denyAll or byQueue")
    listed = isinstance(arns, list) and len(arns) <= 10
    if (permission == "byQueue") != listed or (arns is not None and not listed):
        raise _invalid("RedriveAllowPolicy", "byQueue, and only it, has up to 10 sourceQueueArns")


def _parse_object(name: str, text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _invalid(name, "must be a JSON object")
    return value


def _meaning(name: str, value: str) -> object:
    return json.loads(value) if name in _OPTIONAL_JSON and value else value


def _invalid(name: str, reason: str) -> SqsError:
    return SqsError(
        "InvalidAttributeValue", f"Invalid value for the parameter {name}. Reason: {reason}."
    )
