"""The batch actions: up to ten entries, each with its own answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.sqs.call import Call, Result
from tests.sqs.errors import SqsError
from tests.sqs.message import MAX_MESSAGE_BYTES, attributes_size_bytes
from tests.sqs.message_actions import MessageActions

_MAX_ENTRIES = 10
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

Entry = dict[str, Any]


class BatchActions:
    """Each method is the action of the same name; see the SQS API reference."""

    def __init__(self, messages: MessageActions) -> None:
        self._messages = messages

    def send_message_batch(self, call: Call) -> Result:
        """SendMessageBatch: all entries together are held to the size of one message."""
        queue = self._messages.queue(call)
        entries = _checked(call)
        size_bytes = sum(
            len(entry["MessageBody"].encode(errors="surrogatepass"))
            + attributes_size_bytes(entry.get("MessageAttributes") or {})
            for entry in entries
        )
        if size_bytes > MAX_MESSAGE_BYTES:
            raise SqsError(
                "BatchRequestTooLong",
                f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. "
                f"You have sent {size_bytes} bytes.",
            )
        result = _each(call, entries, lambda entry: self._messages.send_one(queue, call, entry))
        queue.dispatch()
        return result

    def delete_message_batch(self, call: Call) -> Result:
        """DeleteMessageBatch."""
        queue = self._messages.queue(call)

        def delete(entry: Entry) -> Result:
            queue.delete(entry["ReceiptHandle"])
            return {}

        return _each(call, _checked(call), delete)

    def change_message_visibility_batch(self, call: Call) -> Result:
        """ChangeMessageVisibilityBatch."""
        queue = self._messages.queue(call)

        def change(entry: Entry) -> Result:
            if entry.get("VisibilityTimeout") is None:
                raise SqsError(
                    "MissingParameter", "The request must contain the parameter VisibilityTimeout."
                )
            queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"])
            return {}

        result = _each(call, _checked(call), change)
        queue.dispatch()
        return result


def _checked(call: Call) -> list[Entry]:
    """The entries, after what is wrong with a batch as a whole has been refused."""
    entries: list[Entry] = call.parameters["Entries"]
    if not entries:
        raise SqsError(
            "EmptyBatchRequest", f"There should be at least one {call.action}RequestEntry."
        )
    if len(entries) > _MAX_ENTRIES:
        raise SqsError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {_MAX_ENTRIES}. "
            f"You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        identifier = entry["Id"]
        if _ENTRY_ID.fullmatch(identifier) is None:
            raise SqsError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and "
                "underscores. It can be at most 80 letters long.",
            )
        if identifier in seen:
            raise SqsError("BatchEntryIdsNotDistinct", f"Id {identifier} repeated.")
        seen.add(identifier)
    return entries


def _each(call: Call, entries: list[Entry], act: Callable[[Entry], Result]) -> Result:
    successful: list[Result] = []
    failed: list[Result] = []
    for index, entry in enumerate(entries):
        fault = None if call.entry_fault is None else call.entry_fault.failure(index)
        try:
            if fault is not None:
                raise fault[0]
            successful.append({"Id": entry["Id"], **act(entry)})
        except SqsError as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "SenderFault": error.status < 500 if fault is None else fault[1],
                    "Code": error.code.rpartition(".")[2],
                    "Message": error.message,
                }
            )
    result: Result = {}
    if successful:
        result["Successful"] = successful
    if failed:
        result["Failed"] = failed
    return result
