"""SQS attributes that are more than a text: policies by meaning, values as people read them."""

import json
from datetime import timedelta
from typing import Any

from worker.manifest.units import format_duration

_SECONDS = ("VisibilityTimeout", "ReceiveMessageWaitTimeSeconds", "MessageRetentionPeriod")


def same_policy(found: str | None, wanted: str) -> bool:
    """Say whether two redrive policies mean the same, whatever their spelling."""
    return found is not None and _meaning(found) == _meaning(wanted)


def show(attribute: str, value: str) -> str:
    """Return an attribute's value for a person: durations with units, policies in words."""
    if attribute in _SECONDS and value.isdecimal():
        return format_duration(timedelta(seconds=int(value)))
    policy = _parsed(value) if attribute.startswith("Redrive") else None
    if not isinstance(policy, dict):
        return value
    if "deadLetterTargetArn" in policy:
        target = _queue_name(policy["deadLetterTargetArn"])
        return f"to {target} after {policy.get('maxReceiveCount')} receives"
    if "sourceQueueArns" in policy:
        return "from " + ", ".join(_queue_name(arn) for arn in policy["sourceQueueArns"])
    return str(policy.get("redrivePermission", value))


def _meaning(policy: str) -> Any:
    parsed = _parsed(policy)
    if not isinstance(parsed, dict):
        return policy
    # SQS accepts the count as a text as well and gives back what it was given.
    if "maxReceiveCount" in parsed:
        parsed["maxReceiveCount"] = str(parsed["maxReceiveCount"])
    if isinstance(parsed.get("sourceQueueArns"), list):
        parsed["sourceQueueArns"] = sorted(map(str, parsed["sourceQueueArns"]))
    return parsed


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _queue_name(arn: object) -> str:
    return str(arn).rpartition(":")[2]
