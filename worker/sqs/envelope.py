"""The message codec: what comes off the wire, checked to the last field before Celery sees it.

Celery's message protocol 2 as kombu writes it to SQS: a JSON envelope, usually base64, whose
``body`` is base64 of the JSON ``[args, kwargs, embed]``, or of a pointer to that in the
manifest's bucket. Nothing else is accepted, and nothing that is accepted can crash a worker. JSON
only.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kombu.utils.json import loads

from worker.payloads.pointer import CONTENT_TYPE, Pointer
from worker.sqs.headers import Undecodable, check_headers, expect, shown

__all__ = ["Envelope", "Undecodable", "decode", "read_inner", "read_json"]

#: What a compressed body may inflate to. SQS takes 1 MiB, and zlib shrinks at most about 1000:1.
#: Decoded, JSON takes up to 25 times its size (three bytes of ``{},`` make a dict and its place in
#: a list), so this bounds one body to 400 MiB of memory.
INFLATED_AT_MOST_BYTES: Final = 16 * 1024 * 1024

_JSON_TYPE: Final = "application/json"
#: A tuple: what is looked for in it may be of any JSON type, and a set would want it hashable.
_UTF8: Final = ("utf-8", "utf8", "us-ascii")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A checked message: ``payload`` is what kombu's ``Message`` takes."""

    task: str
    task_id: str
    payload: dict[str, Any]


def decode(body: str, payload_bucket: str | None = None) -> Envelope:
    """Return the checked envelope of an SQS message body, or raise ``Undecodable``.

    The inner body is left decoded (JSON text, no base64, no compression), so that the event
    loop need not do it again. A pointer is accepted if it points into ``payload_bucket``.
    """
    try:
        return _decode(body, payload_bucket)
    except Undecodable:
        raise
    except RecursionError:
        raise Undecodable("body: expected JSON, found one nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise Undecodable(f"body: {error}") from None


def _decode(body: str, payload_bucket: str | None) -> Envelope:
    envelope = read_json(_text(body, "body"), "body")
    expect(isinstance(envelope, dict), "body", "a JSON object", envelope)
    headers = envelope.get("headers")
    expect(isinstance(headers, dict), "headers", "an object", headers)
    properties = envelope.get("properties")
    expect(isinstance(properties, dict), "properties", "an object", properties)
    content_type = envelope.get("content-type")
    expect(content_type in (_JSON_TYPE, CONTENT_TYPE), "content-type", _JSON_TYPE, content_type)
    encoding = envelope.get("content-encoding")
    expect(encoding is None or encoding in _UTF8, "content-encoding", "utf-8", encoding)
    check_headers(headers)
    text = _inner_text(envelope.get("body"), properties, headers)
    if content_type == CONTENT_TYPE:
        _check_pointer(text, payload_bucket)
    else:
        read_inner(text)
    delivery = properties.get("delivery_info")
    kept = {key: value for key, value in headers.items() if key != "compression"}
    return Envelope(
        task=headers["task"],
        task_id=headers["id"],
        payload={
            "body": text,
            "content-type": content_type,
            "content-encoding": "utf-8",
            "headers": kept,
            "properties": {
                "correlation_id": _string_or_none(properties.get("correlation_id")),
                "reply_to": _string_or_none(properties.get("reply_to")),
                "priority": properties.get("priority"),
                "delivery_info": dict(delivery) if isinstance(delivery, dict) else {},
            },
        },
    )


def _text(body: str, place: str) -> str:
    """Return the JSON text of a body that may be base64."""
    stripped = body.strip()
    if stripped[:1] in ("{", "["):
        return stripped
    try:
        return base64.b64decode(stripped, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise Undecodable(f"{place}: expected JSON or base64 of JSON") from None


def read_json(text: str, place: str) -> Any:
    """Return the value of kombu's JSON, in which objects of two keys stand for dates and such.

    Raises ``Undecodable``, and RecursionError on what is nested too deeply.
    """
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        raise Undecodable(f"{place}: expected JSON: {error}") from None
    except RecursionError:
        raise
    except Exception as error:
        # kombu's decoders raise what the types they make raise. The text may hold a value.
        raise Undecodable(
            f"{place}: expected values kombu decodes, found one it cannot: {type(error).__name__}"
        ) from None


def _inner_text(body: object, properties: Mapping[str, Any], headers: Mapping[str, Any]) -> str:
    expect(isinstance(body, str), "body of the task", "a string", body)
    assert isinstance(body, str)  # noqa: S101  # for the type checker: checked above
    encoding = properties.get("body_encoding")
    expect(
        encoding is None or encoding == "base64" or encoding in _UTF8,
        "properties.body_encoding",
        "base64 or utf-8",
        encoding,
    )
    raw = body.encode()
    if encoding == "base64":
        try:
            raw = base64.b64decode(raw, validate=True)
        except binascii.Error as error:
            raise Undecodable(f"body of the task: expected base64: {error}") from None
    compression = headers.get("compression")
    if compression is not None:
        raw = _inflate(raw, compression)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable(f"body of the task: expected UTF-8: {error}") from None


def _inflate(raw: bytes, compression: object) -> bytes:
    """Undo kombu's compression, bounded: ``application/x-gzip`` is zlib there."""
    if compression == "application/x-gzip":
        zlib_inflater = zlib.decompressobj()
        return _bounded(lambda: zlib_inflater.decompress(raw, INFLATED_AT_MOST_BYTES + 1))
    if compression in ("application/x-bz2", "application/x-bzip2"):
        bz2_inflater = bz2.BZ2Decompressor()
        return _bounded(lambda: bz2_inflater.decompress(raw, INFLATED_AT_MOST_BYTES + 1))
    raise Undecodable(
        f"headers.compression: expected application/x-gzip or application/x-bz2, "
        f"found {shown(compression)}"
    )


def _bounded(inflate: Callable[[], bytes]) -> bytes:
    try:
        inflated = inflate()
    except (zlib.error, OSError, ValueError, EOFError) as error:
        raise Undecodable(f"body of the task: cannot be decompressed: {error}") from None
    if len(inflated) > INFLATED_AT_MOST_BYTES:
        raise Undecodable(
            f"body of the task: expected at most {INFLATED_AT_MOST_BYTES} bytes decompressed"
        )
    return inflated


def _check_pointer(text: str, payload_bucket: str | None) -> None:
    if payload_bucket is None:
        raise Undecodable(
            "body of the task: expected arguments, found a pointer to S3: name the producers' "
            "payload_bucket in this worker's manifest"
        )
    pointer = Pointer.read(read_json(text, "body of the task"), payload_bucket)
    _check_embed(pointer.embed)


def read_inner(text: str) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """Return ``args, kwargs, embed`` of a task's inner body, checked.

    Raises ``Undecodable``, and RecursionError on what is nested too deeply.
    """
    inner = read_json(text, "body of the task")
    expect(
        isinstance(inner, list) and len(inner) == 3,
        "body of the task",
        "[args, kwargs, embed]",
        inner,
    )
    assert isinstance(inner, list)  # noqa: S101
    args, kwargs, embed = inner
    expect(isinstance(args, list), "args", "a list", args)
    expect(isinstance(kwargs, dict), "kwargs", "an object", kwargs)
    _check_embed(embed)
    return args, kwargs, embed or {}


def _check_embed(embed: Any) -> None:
    expect(embed is None or isinstance(embed, dict), "embed", "an object", embed)
    for key, wanted in _EMBEDDED.items():
        value = (embed or {}).get(key)
        expect(value is None or isinstance(value, wanted), f"embed.{key}", wanted.__name__, value)
        if isinstance(value, list):
            for item in value:
                expect(isinstance(item, dict), f"embed.{key}", "a list of signatures", item)


_EMBEDDED: Final[Mapping[str, type]] = {
    "callbacks": list,
    "errbacks": list,
    "chain": list,
    "chord": dict,
}


def _string_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
