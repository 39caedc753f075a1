"""A stack's events: which of them made an operation fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ops.aws import aws_errors
from ops.stack.remedies import remedy

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

#: A page of events is 100: an operation of ours has fewer than this many.
_MOST_PAGES: Final = 20
#: The newest of them have an end of ours, unless others went on with the stack at once.
_PAGES_OF_AN_END: Final = 2

Event = Mapping[str, Any]


def failure_of(client: CloudFormationClient, stack: str, token: str) -> str:
    """Return what made an operation of ours fail and what helps, "" where nothing says it.

    `token` is the operation's own. Raises OpsError.
    """
    found: list[Event] = []
    for page in _pages(client, stack):
        ours = [event for event in page if event.get("ClientRequestToken") == token]
        found += ours
        if len(ours) < len(page):
            break
    return with_remedy(first_failure(found))


def end_of(client: CloudFormationClient, stack: str, token: str) -> Event | None:
    """Return the stack's own event that ended an operation of ours; None where none has yet.

    `token` is the operation's own: of a stack at rest the event may be yet to come. Raises
    OpsError.
    """
    for page in islice(_pages(client, stack), _PAGES_OF_AN_END):
        for event in page:
            if _own(event) and event.get("ClientRequestToken") == token:
                ended = not str(event.get("ResourceStatus", "")).endswith("_IN_PROGRESS")
                return event if ended else None
    return None


def reason_of(event: Event) -> str:
    """Return why an event is as it is, "" where it does not say."""
    return " ".join(str(event.get("ResourceStatusReason", "")).split())


def cause_of(client: CloudFormationClient, stack: str) -> str:
    """Return what made the last operation on a stack fail, whosever it was. Raises OpsError."""
    found: list[Event] = []
    for page in _pages(client, stack):
        since = next((i for i, event in enumerate(page) if _begins(event)), len(page))
        found += page[:since]
        if since < len(page):
            break
    return first_failure(found)


def first_failure(events: Sequence[Event]) -> str:
    """Return the event that made an operation fail, in words: the first that failed by itself.

    `events` are DescribeStackEvents', newest first. What was only cancelled because of it is
    passed over. Where no resource failed it is why the stack was rolled back; empty where it was
    not.
    """
    turned = ""
    for event in reversed(events):
        status = str(event.get("ResourceStatus", ""))
        reason = reason_of(event)
        kind = str(event.get("ResourceType", "")).removeprefix("AWS::")
        text = f"{event['LogicalResourceId']} ({kind}): {reason or status}"
        if status.endswith("_FAILED") and "cancelled" not in reason.lower():
            return text
        if "ROLLBACK" in status and reason and not turned:
            turned = text
    return turned


def with_remedy(failure: str) -> str:
    """Return a failure with what helps, where that can be told from AWS's words."""
    helps = remedy(failure) if failure else ""
    return f"{failure.rstrip('. ')}: {helps}" if helps else failure


def _begins(event: Event) -> bool:
    """Whether an event is the beginning of an operation, or of its being taken back."""
    status = str(event.get("ResourceStatus", ""))
    return _own(event) and status.endswith("_IN_PROGRESS") and "CLEANUP" not in status


def _own(event: Event) -> bool:
    """Whether an event is of the stack, and not of a resource in it."""
    return event.get("PhysicalResourceId") == event.get("StackId")


def _pages(client: CloudFormationClient, stack: str) -> Iterator[list[Event]]:
    """Yield a stack's events, newest first, page by page."""
    more: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        with aws_errors(f"reading the events of {stack}", service="cloudformation"):
            page: Any = client.describe_stack_events(StackName=stack, **more)
        yield page["StackEvents"]
        if not page.get("NextToken"):
            return
        more = {"NextToken": page["NextToken"]}
