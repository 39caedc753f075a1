"""Copies of held messages: sent in batches; what is not confirmed counts as not copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from worker.sqs.batches import batches, sendable
from worker.sqs.client import Sqs
from worker.sqs.errors import CALL_ERRORS
from worker.sqs.ledger import Held


def send_copies(
    sqs: Sqs, url: Callable[[], str], entries: Sequence[tuple[Held, Mapping[str, Any]]]
) -> tuple[list[Held], BaseException | None]:
    """Send entries; return the messages whose copies arrived, and the error that kept the others.

    ``url`` is asked within: a queue that is not there is such an error.
    """
    copied: list[Held] = []
    error: BaseException | None = None
    for batch in batches(entries):
        try:
            failed = sqs.send(url(), [entry for _, entry in batch])
        except CALL_ERRORS as raised:
            return copied, raised
        missing = {int(entry["Id"]) for entry in failed}
        copied += [held for index, (held, _) in enumerate(batch) if index not in missing]
        if failed:
            error = RuntimeError(f"{failed[0]['Code']} for {len(failed)} of {len(batch)}")
    return copied, error


def carried(held: Held, *without: str) -> dict[str, dict[str, Any]]:
    """Return a message's own attributes as they are sent again, ``without`` some."""
    attributes: Mapping[str, Mapping[str, Any]] = held.message.get("MessageAttributes", {})
    return {name: sendable(value) for name, value in attributes.items() if name not in without}
