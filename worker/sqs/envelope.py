"""The message codec: what comes off the wire, checked to the last field before Celery sees it.

Celery's message protocol 2 as kombu writes it to SQS: a JSON envelope, usually base64, whose
``body`` is base64 of the JSON ``[args, kwargs, embed]``. Nothing else is accepted, and nothing
that is accepted can crash a worker. JSON only.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from celery.utils.time import maybe_iso8601
from kombu.utils.json import loads

#: What a compressed body may inflate to. SQS takes 1 MiB, and zlib shrinks at most about 1000:1.
#: Decoded, JSON takes up to 25 times its size (three bytes of ``{},`` make a dict and its place in
#: a list), so this bounds one body to 400 MiB of memory.
INFLATED_AT_MOST_BYTES: Final = 16 * 1024 * 1024

_JSON_TYPE: Final = "application/json"
#: A tuple: what is looked for in it may be of any JSON type, and a set would want it hashable.
_UTF8: Final = ("utf-8", "utf8", "us-ascii")


class Undecodable(Exception):
    """A message that is no task of Celery's protocol 2; the text says what was found where."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A checked message: ``payload`` is what kombu's ``Message`` takes."""

    task: str
    task_id: str
    payload: dict[str, Any]


def decode(body: str) -> Envelope:
    """Return the checked envelope of an SQS message body, or raise ``Undecodable``.

    The inner body is left decoded (JSON text, no base64, no compression), so that the event
    loop need not do it again.
    """
    try:
        return _decode(body)
    except Undecodable:
        raise
    except RecursionError:
        raise Undecodable("body: expected JSON, found one nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise Undecodable(f"body: {error}") from None


def _decode(body: str) -> Envelope:
    envelope = _json(_text(body, "body"), "body")
    _expect(isinstance(envelope, dict), "body", "a JSON object", envelope)
    headers = envelope.get("headers")
    _expect(isinstance(headers, dict), "headers", "an object", headers)
    properties = envelope.get("properties")
    _expect(isinstance(properties, dict), "properties", "an object", properties)
    _expect(
        envelope.get("content-type") == _JSON_TYPE,
        "content-type",
        _JSON_TYPE,
        envelope.get("content-type"),
    )
    encoding = envelope.get("content-encoding")
    _expect(encoding is None or encoding in _UTF8, "content-encoding", "utf-8", encoding)
    _check_headers(headers)
    text = _inner_text(envelope.get("body"), properties, headers)
    _check_inner(_json(text, "body of the task"))
    delivery = properties.get("delivery_info")
    kept = {key: value for key, value in headers.items() if key != "compression"}
    return Envelope(
        task=headers["task"],
        task_id=headers["id"],
        payload={
            "body": text,
            "content-type": _JSON_TYPE,
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


def _json(text: str, place: str) -> Any:
    """Return the value of kombu's JSON, in which objects of two keys stand for dates and such."""
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
    _expect(isinstance(body, str), "body of the task", "a string", body)
    assert isinstance(body, str)  # noqa: S101  # for the type checker: checked above
    encoding = properties.get("body_encoding")
    _expect(
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
        f"found {_shown(compression)}"
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


def _check_inner(inner: object) -> None:
    """Check ``[args, kwargs, embed]``."""
    _expect(
        isinstance(inner, list) and len(inner) == 3,
        "body of the task",
        "[args, kwargs, embed]",
        inner,
    )
    assert isinstance(inner, list)  # noqa: S101
    args, kwargs, embed = inner
    _expect(isinstance(args, list), "args", "a list", args)
    _expect(isinstance(kwargs, dict), "kwargs", "an object", kwargs)
    _expect(embed is None or isinstance(embed, dict), "embed", "an object", embed)
    for key, wanted in _EMBEDDED.items():
        value = (embed or {}).get(key)
        _expect(value is None or isinstance(value, wanted), f"embed.{key}", wanted.__name__, value)
        if isinstance(value, list):
            for item in value:
                _expect(isinstance(item, dict), f"embed.{key}", "a list of signatures", item)


_EMBEDDED: Final[Mapping[str, type]] = {
    "callbacks": list,
    "errbacks": list,
    "chain": list,
    "chord": dict,
}


def _check_headers(headers: Mapping[str, Any]) -> None:
    for key, (check, wanted) in _HEADERS.items():
        _expect(check(headers.get(key)), f"headers.{key}", wanted, headers.get(key))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1024


def _is_string_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_seconds_or_none(value: object) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= 366 * 86400
    )


def _is_timelimit(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and len(value) == 2 and all(map(_is_seconds_or_none, value))


def _is_moment(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, str):
        return False
    try:
        return maybe_iso8601(value) is not None  # Celery's own reader, which is stricter
    except (ValueError, OverflowError):
        return False


def _is_count(value: object) -> bool:
    return value is None or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    )


def _is_strings(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(v, str) for v in value))


def _is_object_or_none(value: object) -> bool:
    return value is None or isinstance(value, dict)


_HEADERS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "task": (_is_name, "the task's name"),
    "id": (_is_name, "the task's id"),
    "root_id": (_is_string_or_none, "a task's id"),
    "parent_id": (_is_string_or_none, "a task's id"),
    "group": (_is_string_or_none, "a group's id"),
    "group_index": (_is_count, "a whole number"),
    "eta": (_is_moment, "an ISO 8601 time"),
    "expires": (_is_moment, "an ISO 8601 time"),
    "retries": (_is_count, "a whole number"),
    "timelimit": (_is_timelimit, "[hard, soft] in seconds"),
    "shadow": (_is_string_or_none, "a name"),
    "stamped_headers": (_is_strings, "a list of names"),
    "stamps": (_is_object_or_none, "an object"),
}


def _string_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _expect(holds: bool, place: str, wanted: str, found: object) -> None:
    if not holds:
        raise Undecodable(f"{place}: expected {wanted}, found {_shown(found)}")


def _shown(value: object) -> str:
    """Name a value's kind, and no more of it than an operator needs: it may hold secrets."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return f"a {type(value).__name__}"
