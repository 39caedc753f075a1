"""What becomes of a message that SQS would refuse: compressed, or its arguments go to S3."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kombu.compression import decompress

from worker.payloads.pointer import CONTENT_TYPE, Pointer
from worker.sqs.batches import LIMIT_BYTES
from worker.sqs.envelope import INFLATED_AT_MOST_BYTES

_JSON_TYPE: Final = "application/json"
#: kombu's name for zlib.
_ZLIB: Final = "application/x-gzip"
#: What fits into a message after base64 twice, were there nothing else in it.
_COMPRESSED_AT_MOST_BYTES: Final = LIMIT_BYTES * 9 // 16
_CHUNK_BYTES: Final = 64 * 1024


def arguments(message: Mapping[str, Any]) -> bytes | None:
    """Return a message's inner body as JSON: ``[args, kwargs, embed]``; None if it is no JSON."""
    body = message.get("body")
    if message.get("content-type") != _JSON_TYPE or not isinstance(body, str):
        return None
    raw = body.encode()
    if (message.get("properties") or {}).get("body_encoding") == "base64":
        raw = base64.b64decode(raw)
    compression = (message.get("headers") or {}).get("compression")
    if compression is not None:
        inflated: bytes = decompress(raw, compression)
        return inflated
    return raw


def compressed(message: Mapping[str, Any], inner: bytes) -> dict[str, Any] | None:
    """Return the message with its inner body compressed, as any Celery worker reads it.

    None where that is no help: it is compressed already, a worker would not inflate it, or SQS
    would not take it.
    """
    if (message.get("headers") or {}).get("compression") is not None:
        return None
    if len(inner) > INFLATED_AT_MOST_BYTES:
        return None
    packed = _packed(inner)
    return None if packed is None else _with_body(message, packed, compression=_ZLIB)


def _packed(inner: bytes) -> bytes | None:
    """Compress, and give up as soon as there is too much: zlib takes 50 ms for a mebibyte."""
    packer = zlib.compressobj()
    packed = bytearray()
    for start in range(0, len(inner), _CHUNK_BYTES):
        packed += packer.compress(inner[start : start + _CHUNK_BYTES])
        if len(packed) > _COMPRESSED_AT_MOST_BYTES:
            return None
    packed += packer.flush()
    return bytes(packed)


@dataclass(frozen=True, slots=True)
class Moved:
    """A message whose arguments are to be put where ``pointer`` says: ``body``."""

    message: dict[str, Any]
    pointer: Pointer
    body: bytes


def moved(
    message: Mapping[str, Any], inner: bytes, *, bucket: str, now: float, unique: str, inline: bool
) -> Moved:
    """Return the message with a pointer for its arguments.

    ``inline`` is whether callbacks, errbacks, chain and chord stay in the message: the worker's
    parent process needs them when the one that runs the task dies.
    """
    embed = None
    body = inner
    if inline:
        # Plain JSON in and out: kombu's own types stay the objects that stand for them.
        args, kwargs, embed = json.loads(inner)
        embed = embed or {}
        body = json.dumps([args, kwargs, None]).encode()
    pointer = Pointer.to(
        body,
        bucket=bucket,
        task_id=str((message.get("headers") or {}).get("id")),
        now=now,
        unique=unique,
        embed=embed,
    )
    changed = _with_body(message, pointer.as_json().encode(), compression=None)
    return Moved({**changed, "content-type": CONTENT_TYPE}, pointer, body)


def _with_body(
    message: Mapping[str, Any], body: bytes, *, compression: str | None
) -> dict[str, Any]:
    headers = {k: v for k, v in (message.get("headers") or {}).items() if k != "compression"}
    if compression is not None:
        headers["compression"] = compression
    return {
        **message,
        "body": base64.b64encode(body).decode(),
        "headers": headers,
        "properties": {**(message.get("properties") or {}), "body_encoding": "base64"},
    }
