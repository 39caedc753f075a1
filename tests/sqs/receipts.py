"""Receipt handles: one new one a receive, and only the newest one is good."""

from __future__ import annotations

import secrets
import uuid
from collections import OrderedDict

from tests.sqs.errors import SqsError
from tests.sqs.message import Message

# How many deleted messages a queue remembers, to answer a second delete with success.
_REMEMBERED_DELETES = 200_000


class StaleReceiptError(SqsError):
    """A receipt handle of this queue that a later receive has replaced."""

    def __init__(self) -> None:
        super().__init__(
            "ReceiptHandleIsInvalid",
            "The input receipt handle is invalid. Reason: the message was received again, or "
            "moved, since.",
        )


class Receipts:
    """Issues receipt handles for one queue and finds the message of one.

    A handle carries its message's id and which receive it comes from; to a client it is opaque.
    """

    def __init__(self) -> None:
        self._prefix = f"AQEB{secrets.token_hex(12)}"
        self._issued = 0
        self._deleted: OrderedDict[str, str] = OrderedDict()

    def issue(self, message: Message) -> str:
        """A new handle for a message that is being received; older ones are stale from now."""
        self._issued += 1
        # Hex digits only: what a client may do with the characters of base64 is not our test.
        handle = f"{self._prefix}{message.message_id.replace('-', '')}{self._issued:012x}"
        message.receipt_handle = handle
        return handle

    def find(self, handle: str, messages: dict[str, Message]) -> Message | None:
        """The message of a handle, None if it is gone and this was its newest handle.

        Raises :class:`StaleReceiptError` for an older handle and ``ReceiptHandleIsInvalid`` for
        a string this queue never issued.
        """
        message_id = self._message_id(handle)
        message = messages.get(message_id)
        if message is None:
            if self._deleted.get(message_id) == handle:
                return None
            raise StaleReceiptError
        if message.receipt_handle != handle:
            raise StaleReceiptError
        return message

    def remember_delete(self, message: Message) -> None:
        """Let a delete with the newest handle succeed although the message is gone already.

        SQS does so after a delete, and when retention or a purge came first.
        """
        if message.receipt_handle is not None:
            self._deleted[message.message_id] = message.receipt_handle
            if len(self._deleted) > _REMEMBERED_DELETES:
                self._deleted.popitem(last=False)

    def _message_id(self, handle: str) -> str:
        start = len(self._prefix)
        identifier, issued = handle[start : start + 32], handle[start + 32 :]
        try:
            if not handle.startswith(self._prefix) or not 0 < int(issued, 16) <= self._issued:
                raise ValueError
            return str(uuid.UUID(hex=identifier))
        except ValueError:
            raise SqsError(
                "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not valid.'
            ) from None
