"""The simple kinds of `codec`: literals, tuples, sets, enums, numbers and texts. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
Encode: TypeAlias = Callable[[Any, float], Json]
Decode: TypeAlias = Callable[[Json, float], Any]
Codec: TypeAlias = tuple[Encode, Decode]
"""How a kind of value becomes JSON and back; both take the document's `now`."""

#: No list of a document is longer; what is came from elsewhere.
LIST_AT_MOST: Final = 100_000
_NOW: Final = "now"
_ODD: Final = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class NotOne(ValueError):
    """JSON that is not of the type asked for; the text says where, what was expected and found."""


def literal(values: tuple[Any, ...]) -> Codec:
    """One of these values."""

    def decoded(data: Json, _now: float) -> Any:
        for value in values:
            if type(value) is type(data) and value == data:
                return value
        raise wrong(" or ".join(map(repr, values)), data)

    return _same, decoded


def many(codec: Codec) -> Codec:
    """A tuple of any number of one kind."""
    encode_one, decode_one = codec

    def encoded(value: Any, now: float) -> Json:
        return [encode_one(one, now) for one in value]

    def decoded(data: Json, now: float) -> Any:
        return tuple(decode_one(one, now) for one in _listed(data))

    return encoded, decoded


def some(codecs: Sequence[Codec]) -> Codec:
    """A tuple of one of each kind."""

    def encoded(value: Any, now: float) -> Json:
        return [codec[0](one, now) for codec, one in zip(codecs, value, strict=True)]

    def decoded(data: Json, now: float) -> Any:
        if len(_listed(data)) != len(codecs):
            raise wrong(f"{len(codecs)} values", data)
        return tuple(codec[1](one, now) for codec, one in zip(codecs, data, strict=True))

    return encoded, decoded


def a_set(codec: Codec) -> Codec:
    """A frozenset of one kind, written sorted."""

    def encoded(value: Any, now: float) -> Json:
        return sorted(codec[0](one, now) for one in value)

    def decoded(data: Json, now: float) -> Any:
        return frozenset(codec[1](one, now) for one in _listed(data))

    return encoded, decoded


def enum(kind: type[StrEnum]) -> Codec:
    """An enum of text."""
    members = {member.value: member for member in kind}

    def decoded(data: Json, _now: float) -> Any:
        if not isinstance(data, str) or data not in members:
            raise wrong(" or ".join(members), data)
        return members[data]

    return lambda value, _: value.value, decoded


def number() -> Codec:
    """A float; the document's `now` is written as a word."""

    def encoded(value: float, now: float) -> Json:
        if value == now:
            return _NOW
        return value if math.isfinite(value) else str(value)

    def decoded(data: Json, now: float) -> float:
        if type(data) in (int, float) and math.isfinite(data):
            return data  # type: ignore[no-any-return]  # an int stays one: it is written as it was
        if data == _NOW:
            return now
        if isinstance(data, str) and data in _ODD:
            return _ODD[data]
        raise wrong("a number", data)

    return encoded, decoded


def plain(kind: Any) -> Codec:
    """A text, a whole number or a truth."""
    if kind not in (str, int, bool):
        raise TypeError(f"no codec for {kind!r}")

    def decoded(data: Json, _now: float) -> Any:
        if type(data) is not kind:
            raise wrong(kind.__name__, data)
        return data

    return _same, decoded


def _same(value: Any, _now: float) -> Json:
    return value


def _listed(data: Json) -> list[Any]:
    if not isinstance(data, list) or len(data) > LIST_AT_MOST:
        raise wrong("a list", data)
    return data


def wrong(expected: str, found: object) -> NotOne:
    """Return the error of what was found in the place of what was expected."""
    return NotOne(f"expected {expected}, found {repr(found)[:100]}")
