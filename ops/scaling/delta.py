"""What changed from one JSON document to the next, in few bytes; and the next one out of it. Pure.

A patch is one of

- `[value]`: another value;
- `{key: patch}`: an object of which these keys changed; null for one that is gone;
- `[count, [more]]`: a list that lost its first `count` values and got `more` at its end;
- `[ids, {id: patch}]`: a list of objects that have an `id`, in the order of `ids`, or in the order
  before where that is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
Patch: TypeAlias = Any

#: What `patch` returns where nothing changed, and `patched` takes for it.
NOTHING: Final[Patch] = {}


class Unfit(ValueError):
    """A patch that is none, or is not for this document."""


def patch(before: Json, after: Json) -> Patch:
    """Return what changed; numbers that are equal and written otherwise (1, 1.0) have changed."""
    if _same(before, after):
        return NOTHING
    if isinstance(before, dict) and isinstance(after, dict):
        changes: dict[str, Patch] = {key: None for key in before if key not in after}
        for key, value in after.items():
            if key not in before:
                changes[key] = [value]
            elif not _same(before[key], value):
                changes[key] = patch(before[key], value)
        return changes
    if isinstance(before, list) and isinstance(after, list) and before and after:
        return _list_patch(before, after)
    return [after]


def patched(before: Json, change: Patch) -> Json:
    """Return what `patch` was given as `after`. Raises Unfit."""
    try:
        return _patched(before, change)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise Unfit(f"a change that is not for the line before it ({error!r})") from error


def _patched(before: Json, change: Patch) -> Json:
    if isinstance(change, dict):
        if not change:
            return before
        if not isinstance(before, dict):
            raise Unfit("expected an object to change")
        gone = {key for key, part in change.items() if part is None}
        result = {key: value for key, value in before.items() if key not in gone}
        for key, part in change.items():
            if part is not None:
                result[key] = _patched(before.get(key), part)
        return result
    if len(change) == 1:
        return change[0]
    first, second = change
    if isinstance(first, int):
        return [*before[first:], *second]
    known = {one["id"]: one for one in before}
    order = list(known) if first is None else first
    return [_patched(known.get(one), second.get(one, NOTHING)) for one in order]


def _list_patch(before: list[Any], after: list[Any]) -> Patch:
    known, wanted = _by_id(before), _by_id(after)
    if known is not None and wanted is not None:
        changes = {}
        for one, value in wanted.items():
            if one not in known:
                changes[one] = [value]
            elif not _same(known[one], value):
                changes[one] = patch(known[one], value)
        return [None if list(known) == list(wanted) else list(wanted), changes]
    for first in range(len(before)):
        kept = before[first:]
        if len(kept) <= len(after) and _same(kept, after[: len(kept)]):
            return [first, after[len(kept) :]]
    return [after]


def _by_id(values: list[Any]) -> Mapping[str, Any] | None:
    ids = {
        one["id"]: one for one in values if isinstance(one, dict) and isinstance(one.get("id"), str)
    }
    return ids if len(ids) == len(values) else None


def _same(one: Json, other: Json) -> bool:
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return all(map(_same, one, other))
    return True
