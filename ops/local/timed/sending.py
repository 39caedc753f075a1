"""What EventBridge Scheduler does when a schedule fires: a message to a queue, as the role's.

It goes over HTTP like anybody's call: the record tells it, and faults meet it. There are no
retries: what is not taken at once is a dead letter at once, where the schedule has a queue for
these, since a local SQS does not come back but where a fault is taken off again.
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends

from ops.local.identity import key_of
from ops.schedules.firings import stamp

_log = logging.getLogger(__name__)
_PRINCIPAL: Final = "scheduler.amazonaws.com"
#: An attribute of a message may hold more; nobody reads more of an error.
_ERROR_AT_MOST_CHARACTERS: Final = 1024


class NotTakenOn(Exception):
    """The schedule's role is none that EventBridge Scheduler may take on; the text says why."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A schedule at one of its times, in seconds of the epoch, with an id of this firing's own."""

    schedule: Any
    at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def time(self) -> str:
        """When it was due, as the schedule's message has it."""
        return stamp(datetime.fromtimestamp(self.at, UTC))

    def body(self) -> str:
        """Return the message, its keywords replaced ("Adding context attributes")."""
        text: str = self.schedule.target.get("Input") or "{}"
        words = {
            "<aws.scheduler.schedule-arn>": self.schedule.arn,
            "<aws.scheduler.scheduled-time>": self.time,
            "<aws.scheduler.execution-id>": self.id,
            "<aws.scheduler.attempt-number>": "1",
        }
        for word, value in words.items():
            text = text.replace(word, value)
        return text


def send(firing: Firing, url: str, region: str) -> None:
    """Send a firing's message to the SQS at `url`. Raises what the dead letter's call raises."""
    schedule, target = firing.schedule, firing.schedule.target
    try:
        sqs = _client(schedule, url, region)
    except NotTakenOn as error:
        _log.error("schedule %s: %s: not sent", schedule.arn, error)
        return
    asked = {"MessageBody": firing.body(), "QueueUrl": _queue(url, target["Arn"])}
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    try:
        sqs.send_message(**asked, **({"MessageGroupId": group} if group else {}))
    except Exception as error:  # whatever SQS refuses, the dead letter says
        _log.error("schedule %s: %s", schedule.arn, error)
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
        if dead_letters:
            sqs.send_message(
                QueueUrl=_queue(url, dead_letters),
                MessageBody=json.dumps(asked),
                MessageAttributes=_of_dead_letter(firing, error),
            )


def _of_dead_letter(firing: Firing, error: Exception) -> dict[str, Any]:
    """Return its attributes ("Configuring a schedule's dead-letter queue", the guide's example)."""
    told = getattr(error, "response", {}).get("Error", {})
    found = {
        "ERROR_CODE": told.get("Code") or type(error).__name__,
        "ERROR_MESSAGE": (told.get("Message") or str(error))[:_ERROR_AT_MOST_CHARACTERS] or "none",
        "EXECUTION_ID": firing.id,
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULED_TIME": firing.time,
        "SCHEDULE_ARN": firing.schedule.arn,
        "TARGET_ARN": firing.schedule.target["Arn"],
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in found.items()}


def _client(schedule: Any, url: str, region: str) -> Any:
    from boto3.session import Session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return Session().client(
        "sqs",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key_of(_role(schedule.target["RoleArn"]), schedule.name),
        aws_secret_access_key="local",  # noqa: S106  # nobody checks it
        config=Config(retries={"total_max_attempts": 1}),
    )


def _role(arn: str) -> str:
    """Return the name of a role that EventBridge Scheduler may take on. Raises NotTakenOn."""
    roles = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].roles.values()
    role = next((each for each in roles if each.arn == arn), None)
    if role is None:
        raise NotTakenOn(f"expected a role {arn}, found none")
    statements = json.loads(role.assume_role_policy_document)["Statement"]
    for each in statements if isinstance(statements, list) else [statements]:
        principal = each.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if each.get("Effect") == "Allow" and _PRINCIPAL in (
            [services] if isinstance(services, str) else services
        ):
            name: str = role.name
            return name
    raise NotTakenOn(f"expected a role that {_PRINCIPAL} may take on, found {arn}")


def _queue(url: str, arn: str) -> str:
    account, name = arn.split(":")[4:6]
    return f"{url}/{account}/{name}"
