"""A message: what the sender gave, its digests, and where it stands in its queue."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tests.sqs.errors import SqsError, invalid_parameter

# A message and a batch, since August 2025.
MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_ATTRIBUTES = 10

# The characters of the XML 1.0 specification, which is what SQS accepts in a body.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
_RESERVED = re.compile(r"(?i)(aws|amazon)\.")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[^\s]+)?")

AttributeValue = Mapping[str, Any]


class State(IntEnum):
    """Where a message stands."""

    VISIBLE = 0
    DELAYED = 1
    IN_FLIGHT = 2
    GONE = 3


@dataclass(slots=True, eq=False)
class Message:
    """One message. Times are seconds of the server's clock."""

    body: str
    sender_id: str
    sent_at: float
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    system_attributes: dict[str, str] = field(default_factory=dict)
    message_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    md5_of_body: str = ""
    state: State = State.VISIBLE
    due_at: float = 0.0  # when a delay or a visibility timeout ends
    receive_count: int = 0
    first_received_at: float | None = None
    received_at: float = 0.0
    receipt_handle: str | None = None  # the newest one; every older one is stale
    dead_letter_source_arn: str | None = None

    def __post_init__(self) -> None:
        self.md5_of_body = hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()

    def select_attributes(self, names: Iterable[str]) -> dict[str, AttributeValue]:
        """The message attributes a receive asked for: by name, ``All``, ``.*`` or ``prefix.*``."""
        if not self.attributes:
            return {}
        wanted = set(names)
        if wanted & {"All", ".*"}:
            return self.attributes
        prefixes = tuple(name[:-2] for name in wanted if name.endswith(".*"))
        return {
            name: value
            for name, value in self.attributes.items()
            if name in wanted or (prefixes and name.startswith(prefixes))
        }


def check_body(body: str) -> None:
    """Raises ``InvalidMessageContents`` for a character SQS does not take, and for no body."""
    if not body:
        raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
    _check_characters(body, "message body")


def _check_characters(text: str, where: str) -> None:
    if (found := _FORBIDDEN.search(text)) is not None:
        raise SqsError(
            "InvalidMessageContents",
            f"Invalid binary character '#x{ord(found[0]):X}' was found in the {where}, the set "
            "of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | "
            "[#x10000-#x10FFFF]",
        )


def check_attributes(attributes: Mapping[str, AttributeValue]) -> None:
    """Raises ``InvalidParameterValue`` for message attributes outside the documented rules."""
    if len(attributes) > _MAX_ATTRIBUTES:
        raise SqsError(
            "InvalidParameterValue",
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{_MAX_ATTRIBUTES}].",
        )
    for name, value in attributes.items():
        if _ATTRIBUTE_NAME.fullmatch(name) is None or _RESERVED.match(name) is not None:
            raise invalid_parameter(name, "MessageAttributes", "not a valid attribute name.")
        data_type = value["DataType"]
        if _DATA_TYPE.fullmatch(data_type) is None:
            raise invalid_parameter(
                data_type, f"MessageAttributes.{name}.DataType", "must be String, Number or Binary."
            )
        wanted = "BinaryValue" if data_type.startswith("Binary") else "StringValue"
        given = [key for key in value if key != "DataType"]
        if given != [wanted] or not value[wanted]:
            raise invalid_parameter(
                given, f"MessageAttributes.{name}", f"type {data_type} needs {wanted}, not empty."
            )
        if wanted == "StringValue":
            _check_characters(value[wanted], f"message attribute {name}")


def attributes_size_bytes(attributes: Mapping[str, AttributeValue]) -> int:
    """What message attributes add to the size: names, types and values, in UTF-8."""
    return sum(
        len(_utf8(name)) + len(_utf8(value["DataType"])) + len(_raw_value(value)[1])
        for name, value in attributes.items()
    )


def md5_of_attributes(attributes: Mapping[str, AttributeValue]) -> str | None:
    """The digest SQS gives for message attributes; None when there are none.

    Sorted by name: each of name, type and value with its length in four bytes before it, the
    value also after a byte that tells strings (1) from binary (2). Source: the SQS developer
    guide, "Calculating the MD5 message digest for message attributes".
    """
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        transport, raw = _raw_value(value)
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4) + part)
        digest.update(transport + len(raw).to_bytes(4) + raw)
    return digest.hexdigest()


def _raw_value(value: AttributeValue) -> tuple[bytes, bytes]:
    if "BinaryValue" in value:
        return b"\x02", base64.b64decode(value["BinaryValue"])
    return b"\x01", _utf8(value.get("StringValue") or "")


def _utf8(text: str) -> bytes:
    # A size is taken before the characters are checked: a lone surrogate must not stop it.
    return text.encode(errors="surrogatepass")
