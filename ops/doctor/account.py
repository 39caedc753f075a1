"""What the account holds: the application's queues, and those that its clients left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ops.aws import aws_errors
from ops.doctor.snapshot import Account, QueueInAccount
from ops.errors import OpsError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: ListQueues answers at most a thousand names at a time.
_PAGES_AT_MOST: Final = 10
_PAGE: Final = 1000

#: Said of what was not asked for, because nobody answered before.
REST: Final = "AWS: the rest of the account"

_REPLIES: Final = "-celery-pidbox"
# With whatever prefix kombu's queue_name_prefix gave it.
_EVENTS: Final = re.compile(r"(^|[-_])celeryev-")


def read_account(
    client: SQSClient, wanted: Sequence[str], prefix: str, step: Callable[[str], None]
) -> tuple[Account, list[str]]:
    """Return what the account holds, and what could not be looked at, a line each.

    `prefix` is kombu's queue_name_prefix. `step` is called with each thing before it is read.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    unread: list[str] = []
    queues: dict[str, QueueInAccount | None] = {}
    for name in wanted:
        step(name)
        try:
            with aws_errors(f"reading {name}"):
                queues[name] = _queue(client, name)
        except OpsError as error:
            unread.append(str(error))
            if not isinstance(error.__cause__, ClientError):
                # Nobody answers: the rest would each wait for their timeouts in vain.
                unread.append(REST)
                return Account(queues), unread
    step("names of queues")
    names: list[str] = []
    try:
        with aws_errors("listing queues"):
            names, whole = _names(client, prefix)
        if not whole:
            unread.append(f"AWS: listing queues: more than {_PAGES_AT_MOST * _PAGE} names")
    except OpsError as error:
        unread.append(str(error))
    replies = tuple(name for name in names if name.endswith(_REPLIES))
    events = tuple(name for name in names if _EVENTS.search(name))
    return Account(queues, replies, events), unread


def _queue(client: SQSClient, name: str) -> QueueInAccount | None:
    try:
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        told = client.get_queue_attributes(
            QueueUrl=url, AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
        )
    except client.exceptions.QueueDoesNotExist:
        return None
    attributes = told.get("Attributes", {})
    return QueueInAccount("RedrivePolicy" in attributes, int(attributes["VisibilityTimeout"]))


def _names(client: SQSClient, prefix: str) -> tuple[list[str], bool]:
    """Return the account's queues in this region, and whether these are all."""
    urls: list[str] = []
    pages = client.get_paginator("list_queues").paginate(
        QueueNamePrefix=prefix,
        PaginationConfig={"PageSize": _PAGE, "MaxItems": _PAGES_AT_MOST * _PAGE},
    )
    for page in pages:
        urls += page.get("QueueUrls", [])
    return sorted(url.rpartition("/")[2] for url in urls), len(urls) < _PAGES_AT_MOST * _PAGE
