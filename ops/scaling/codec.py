"""Frozen dataclasses as JSON and back, the strict way; one pair of functions a type, made once.

For the types of `model`, `settings` and decisions: dataclasses (generic ones too), enums of text,
tuples, frozensets of text, unions and literals. A field is left out where its value is nothing
(None, "", 0, False, empty) and that is its default. A time that is the document's `now` is written
as "now", since most are; numbers that JSON has not are "inf", "-inf" and "nan". Pure.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal, Union, get_args, get_origin
from typing import get_type_hints as _hints

from ops.scaling.codec_kinds import (
    Codec,
    Json,
    NotOne,
    a_set,
    enum,
    literal,
    many,
    number,
    plain,
    some,
    wrong,
)

__all__ = ["Json", "NotOne", "decode", "encode"]

_NOTHING: Final[tuple[Any, ...]] = (None, "", 0, False, (), frozenset())


def encode(kind: Any, value: Any, now: float) -> Json:
    """Return a value as JSON has it."""
    return _codec(kind)[0](value, now)


def decode(kind: Any, data: Json, now: float) -> Any:
    """Return the value that `encode` wrote. Raises NotOne for anything else."""
    return _codec(kind)[1](data, now)


@functools.cache
def _codec(kind: Any) -> Codec:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(origin or kind):
        return _dataclass(kind)
    if origin is None:
        return _single(kind)
    parts = get_args(kind)
    if origin is Literal:
        return literal(parts)
    if origin is frozenset:
        return a_set(_codec(parts[0]))
    if origin is tuple:
        endless = parts[1:] == (Ellipsis,)
        return many(_codec(parts[0])) if endless else some([_codec(part) for part in parts])
    return _union(parts)


def _single(kind: Any) -> Codec:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return enum(kind)
    return number() if kind is float else plain(kind)


def _dataclass(kind: Any) -> Codec:
    made = get_origin(kind) or kind
    hints = _hints(made)
    if get_args(kind):
        # The model's generics have one parameter: what a reading is of.
        (given,) = get_args(kind)
        (parameter,) = made.__parameters__
        hints = {name: _filled(hint, parameter, given) for name, hint in hints.items()}
    fields = [
        (field.name, *_codec(hints[field.name]), _left_out(field), field.default)
        for field in dataclasses.fields(made)
    ]
    names = frozenset(name for name, *_ in fields)

    def encoded(value: Any, now: float) -> Json:
        data = {}
        for name, encode_field, _, left_out, default in fields:
            one = getattr(value, name)
            if not (left_out and one == default):
                data[name] = encode_field(one, now)
        return data

    def decoded(data: Json, now: float) -> Any:
        if not isinstance(data, dict) or not data.keys() <= names:
            raise wrong(made.__name__, data)
        values = {}
        for name, _, decode_field, left_out, default in fields:
            if name in data:
                try:
                    values[name] = decode_field(data[name], now)
                except NotOne as error:
                    raise NotOne(f"{made.__name__}.{name}: {error}") from None
            elif left_out:
                values[name] = default
            else:
                raise NotOne(f"{made.__name__}.{name}: expected it, found nothing")
        return made(**values)

    return encoded, decoded


def _left_out(field: dataclasses.Field[Any]) -> bool:
    # Only where the default is nothing: another one may change, and old documents would with it.
    return any(field.default is each or field.default == each for each in _NOTHING)


def _filled(hint: Any, parameter: Any, given: Any) -> Any:
    parts = tuple(_filled(part, parameter, given) for part in get_args(hint))
    if hint is parameter:
        return given
    if not parts:
        return hint
    if get_origin(hint) in (Union, types.UnionType):
        return functools.reduce(operator.or_, parts)
    return get_origin(hint)[parts]


def _union(kinds: tuple[Any, ...]) -> Codec:
    codecs = {kind: _codec(kind) for kind in kinds if kind is not types.NoneType}
    by_type = {(get_origin(kind) or kind): codec for kind, codec in codecs.items()}
    tagged = {_tag(kind): codec for kind, codec in codecs.items() if _tag(kind)}
    others = [codec for kind, codec in codecs.items() if not _tag(kind)]

    def encoded(value: Any, now: float) -> Json:
        if value is None:
            return None
        codec = by_type.get(type(value)) or others[-1]
        return codec[0](value, now)

    def decoded(data: Json, now: float) -> Any:
        if data is None and len(codecs) < len(kinds):
            return None
        if tagged and isinstance(data, dict):
            codec = tagged.get(str(data.get("kind")))
            if codec is None:
                raise wrong(f"one of {', '.join(tagged)}", data.get("kind"))
            return codec[1](data, now)
        error: NotOne = wrong("a value", data)
        for _, decode_one in others:
            try:
                return decode_one(data, now)
            except NotOne as refused:
                error = refused
        raise error

    return encoded, decoded


def _tag(kind: Any) -> str:
    """Return the `kind` of one of several dataclasses that are told apart by it."""
    fields: Mapping[str, Any] = getattr(kind, "__dataclass_fields__", {})
    return str(fields["kind"].default) if "kind" in fields else ""
