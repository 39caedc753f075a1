"""What the headers of a task message may hold: Celery's protocol 2, field by field. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from celery.utils.time import maybe_iso8601


class Undecodable(Exception):
    """A message that is no task of Celery's protocol 2; the text says what was found where."""


def check_headers(headers: Mapping[str, Any]) -> None:
    """Check every header that Celery reads. Raises ``Undecodable``."""
    for key, (check, wanted) in _HEADERS.items():
        expect(check(headers.get(key)), f"headers.{key}", wanted, headers.get(key))


def due(headers: Mapping[str, Any]) -> float | None:
    """Return when a task is due by its eta, in seconds since the epoch; None without one.

    A time without a zone is UTC, as Celery sends it. What cannot be read is no eta.
    """
    eta = headers.get("eta")
    if not isinstance(eta, str):
        return None
    try:
        moment = maybe_iso8601(eta)
        aware: datetime = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, OverflowError):
        return None


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


def expect(holds: bool, place: str, wanted: str, found: object) -> None:
    """Raise ``Undecodable`` unless ``holds``."""
    if not holds:
        raise Undecodable(f"{place}: expected {wanted}, found {shown(found)}")


def shown(value: object) -> str:
    """Name a value's kind, and no more of it than an operator needs: it may hold secrets."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    return f"a {type(value).__name__}"
