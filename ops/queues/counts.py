"""How many messages a queue has, as SQS approximates it; its counts may lag by a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.errors import OpsError
from ops.queues.delayed import Backlog

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def backlog(client: SQSClient, name: str) -> Backlog:
    """Return the queue's counts. Raises OpsError where it is not there or SQS does not answer."""
    with aws_errors(f"counting {name}"):
        try:
            url = client.get_queue_url(QueueName=name)["QueueUrl"]
        except client.exceptions.QueueDoesNotExist:
            raise OpsError(
                f"{name}: expected in SQS, not found there: create it with ops queues apply --yes"
            ) from None
        found = client.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
    return Backlog(
        visible=int(found["ApproximateNumberOfMessages"]),
        hidden=int(found["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(found["ApproximateNumberOfMessagesDelayed"]),
    )
