"""Copies of held messages: sent in batches; what is not confirmed counts as not copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.sqs.batches import batches, sendable
from worker.sqs.client import Sqs
from worker.sqs.errors import CALL_ERRORS, Trouble, trouble, trouble_of
from worker.sqs.ledger import Held


@dataclass(slots=True)
class Copied:
    """How copies fared; what is in neither list may be sent again."""

    arrived: list[Held] = field(default_factory=list)
    refused: list[Held] = field(default_factory=list)
    """Those of which SQS takes no copy, however often it is asked."""
    error: BaseException | None = None
    """What kept some of them."""

    def add(self, other: Copied) -> None:
        """Take in how others fared."""
        self.arrived += other.arrived
        self.refused += other.refused
        self.error = self.error or other.error


def send_copies(
    sqs: Sqs, url: Callable[[], str], entries: Sequence[tuple[Held, Mapping[str, Any]]]
) -> Copied:
    """Send entries; return which of the messages' copies arrived.

    ``url`` is asked within: a queue that is not there is such an error. One that is refused keeps
    none of the others back.
    """
    copied = Copied()
    for batch in batches(entries):
        if not _send(sqs, url, batch, copied):
            break
    return copied


def _send(
    sqs: Sqs,
    url: Callable[[], str],
    batch: Sequence[tuple[Held, Mapping[str, Any]]],
    copied: Copied,
) -> bool:
    """Send a batch; return whether to go on with the next."""
    try:
        failed = sqs.send(url(), [entry for _, entry in batch])
    except CALL_ERRORS as error:
        if trouble(error) is not Trouble.REFUSED:
            copied.error = error
            return False
        if len(batch) > 1:
            # SQS does not say which of them it will not have.
            return all(_send(sqs, url, [one], copied) for one in batch)
        copied.refused.append(batch[0][0])
        copied.error = error
        return True
    failures = {int(entry["Id"]): entry for entry in failed}
    for index, (held, _) in enumerate(batch):
        failure = failures.get(index)
        if failure is None:
            copied.arrived.append(held)
        elif failure["SenderFault"] and trouble_of(failure["Code"]) is Trouble.REFUSED:
            copied.refused.append(held)
    if failed:
        said = f"{failed[0]['Code']} for {len(failed)} of {len(batch)}"
        copied.error = RuntimeError(said)
    return True


def carried(held: Held, *without: str) -> dict[str, dict[str, Any]]:
    """Return a message's own attributes as they are sent again, ``without`` some."""
    attributes: Mapping[str, Mapping[str, Any]] = held.message.get("MessageAttributes", {})
    return {name: sendable(value) for name, value in attributes.items() if name not in without}
