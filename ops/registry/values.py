"""Values as they lie in the registry: short numbers, lists as one text each. Pure.

A list of numbers in DynamoDB's own type costs a nested object each on the wire and in botocore's
parser; as one text, 3,000 nodes are read in a tenth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Value: TypeAlias = dict[str, Any]
"""A value as DynamoDB's JSON has it: {"S": "run"}."""
Item: TypeAlias = Mapping[str, Mapping[str, Any]]

#: 2100-01-01: no time in here is later.
_LATEST = 4_102_444_800.0


class Unreadable(ValueError):
    """An item that is not what this protocol writes; the text says which part of it."""


def text(value: str) -> Value:
    """Return a text as DynamoDB has it."""
    return {"S": value}


def flag(value: bool) -> Value:
    """Return a truth as DynamoDB has it."""
    return {"BOOL": value}


def whole(value: int) -> Value:
    """Return a whole number as DynamoDB has it."""
    return {"N": str(value)}


def moment(seconds: float) -> Value:
    """Return a time since the epoch as DynamoDB has it, in milliseconds."""
    return {"N": f"{seconds:.3f}".rstrip("0").rstrip(".")}


def duration(seconds: float) -> Value:
    """Return seconds as DynamoDB has them, to 5 ms or one part in two hundred."""
    return {"N": _short(seconds)}


def moments(times: Sequence[float]) -> Value:
    """Return times as one text: a whole second, and each time's distance from it."""
    return _since(times, [_short(time - _base(times)) for time in times])


def completions(ended: Sequence[tuple[float, float]]) -> Value:
    """Return times and how long each took as one text, as `moments` does."""
    times = [time for time, _ in ended]
    return _since(times, [f"{_short(t - _base(times))}:{_short(took)}" for t, took in ended])


def read_text(item: Item, name: str, at_most: int, default: str | None = None) -> str:
    """Return a text of an item, or `default` where it has none. Raises Unreadable."""
    found = _get(item, name, "S", "a text")
    if found is None:
        if default is None:
            raise Unreadable(f"{name}: expected a text, got nothing")
        return default
    if len(found) > at_most:
        raise Unreadable(f"{name}: expected at most {at_most} characters, got {len(found)}")
    return str(found)


def read_flag(item: Item, name: str) -> bool:
    """Return a truth of an item, False where it has none. Raises Unreadable."""
    return bool(_get(item, name, "BOOL", "true or false"))


def read_whole(item: Item, name: str, least: int, most: int) -> int:
    """Return a whole number of an item. Raises Unreadable."""
    value = read_number(item, name, least, most)
    if value is None or value != int(value):
        raise Unreadable(f"{name}: expected a whole number, got {value}")
    return int(value)


def read_number(item: Item, name: str, least: float, most: float) -> float | None:
    """Return a number of an item, or None where it has none. Raises Unreadable."""
    found = _get(item, name, "N", "a number")
    return None if found is None else _number(name, found, least, most)


def read_moment(item: Item, name: str) -> float:
    """Return a time of an item. Raises Unreadable."""
    value = read_number(item, name, 0, _LATEST)
    if value is None:
        raise Unreadable(f"{name}: expected a time, got nothing")
    return value


def read_moments(item: Item, name: str, at_most: int) -> tuple[float, ...]:
    """Return the times of a text of `moments`. Raises Unreadable."""
    base, parts = _parts(item, name, at_most)
    return tuple(_later(name, base, part) for part in parts)


def read_completions(item: Item, name: str, at_most: int) -> tuple[tuple[float, float], ...]:
    """Return the times and durations of a text of `completions`. Raises Unreadable."""
    base, parts = _parts(item, name, at_most)
    found = []
    for part in parts:
        time, _, took = part.partition(":")
        found.append((_later(name, base, time), _number(name, took, 0, _LATEST)))
    return tuple(found)


def _base(times: Sequence[float]) -> int:
    return math.floor(min(times))


def _since(times: Sequence[float], parts: Sequence[str]) -> Value:
    return {"S": " ".join([str(_base(times)), *parts]) if parts else ""}


def _parts(item: Item, name: str, at_most: int) -> tuple[float, list[str]]:
    found = _get(item, name, "S", "a text")
    if not found:
        return 0.0, []
    base, *parts = found.split(" ", at_most + 2)
    if len(parts) > at_most:
        raise Unreadable(f"{name}: expected at most {at_most} of them, got more")
    return _number(name, base, 0, _LATEST), parts


def _later(name: str, base: float, part: str) -> float:
    return round(base + _number(name, part, 0, _LATEST), 3)


def _get(item: Item, name: str, kind: str, what: str) -> Any:
    value = item.get(name)
    if value is None:
        return None
    if kind not in value:
        raise Unreadable(f"{name}: expected {what}, got {_shown(value)}")
    return value[kind]


def _number(name: str, found: str, least: float, most: float) -> float:
    try:
        value = float(found)
    except ValueError:
        raise Unreadable(f"{name}: expected a number, got {_shown(found)}") from None
    if not least <= value <= most:  # nor is nan
        raise Unreadable(f"{name}: expected {least:g} to {most:g}, got {_shown(found)}")
    return value


def _shown(value: object) -> str:
    return repr(value)[:100]


def _short(seconds: float) -> str:
    """Write seconds to 5 ms or one part in two hundred; whole ones from a hundred on."""
    size = abs(seconds)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    written = f"{seconds:.{digits}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
