"""Read the queues the manifest names from SQS, and no others: ListQueues is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.aws import aws_errors
from ops.errors import Exit, OpsError
from ops.queues.plan import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_sqs import SQSClient


def read(
    client: SQSClient, names: Sequence[str], step: Callable[[str], None]
) -> dict[str, Found | None]:
    """Return each queue as it is, or None where SQS says that it does not exist.

    `step` is called with each name before it is read. Raises OpsError where SQS does not answer or
    refuses: what is unknown is never taken for absent.
    """
    found: dict[str, Found | None] = {}
    for name in names:
        step(name)
        try:
            with aws_errors(f"reading {name}"):
                found[name] = _read_one(client, name)
        except KeyboardInterrupt:
            raise OpsError(
                f"interrupted while reading {name}: nothing was changed", Exit.INTERRUPTED
            ) from None
    return found


def _read_one(client: SQSClient, name: str) -> Found | None:
    try:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        tags = client.list_queue_tags(QueueUrl=url).get("Tags", {})
    except client.exceptions.QueueDoesNotExist:
        return None
    return Found(url, {str(key): value for key, value in answer["Attributes"].items()}, tags)
