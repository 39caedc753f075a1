"""The key under which an effect happens once, from the arguments of a call. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from string import Formatter
from typing import Any, TypeAlias

from worker.once.errors import BadKey
from worker.once.items import KEY_AT_MOST_BYTES

#: A text (with fields, `mail:{statement_id}`, where it decorates), or a function of the arguments.
Key: TypeAlias = str | Callable[..., str]


def for_calls(key: Key, signature: inspect.Signature, name: str) -> Callable[..., str]:
    """Return what makes the key of each call of a function with that signature.

    Raises BadKey where the text names a field that is no parameter of the function.
    """
    if not isinstance(key, str):
        return lambda *args, **kwargs: checked(key(*args, **kwargs))
    unknown = sorted(_fields(key) - signature.parameters.keys())
    if unknown:
        known = ", ".join(signature.parameters) or "none"
        raise BadKey(
            f"once: {key!r}: expected fields among {name}'s parameters ({known}), got "
            f"{', '.join(unknown)}: name a parameter, or give a function of the arguments"
        )

    def make(*args: Any, **kwargs: Any) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        try:
            text = key.format_map(bound.arguments)
        except (LookupError, AttributeError, ValueError, TypeError) as error:
            raise BadKey(f"once: {key!r}: {type(error).__name__}: {error}") from None
        return checked(text)

    return make


def for_one_call(key: Key, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the key of the one call at hand: the text as it is, or what the function makes.

    Raises BadKey for a text with braces: `mail:{id}` whose f was forgotten would be one key for
    all mails.
    """
    if not isinstance(key, str):
        return checked(key(*args, **kwargs))
    if "{" in key or "}" in key:
        raise BadKey(
            f"once: {key!r}: expected the key itself, got a text with braces: write an f-string "
            "(or give a function of the arguments, whose braces are taken as they are)"
        )
    return checked(key)


def checked(key: object) -> str:
    """Return a key; raise BadKey where DynamoDB would refuse it."""
    if not isinstance(key, str):
        raise BadKey(f"once: key: expected a text, got {type(key).__name__}: return one")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise BadKey(f"once: key: expected text that is UTF-8, got {key[:80]!r}") from None
    if not 0 < size <= KEY_AT_MOST_BYTES:
        raise BadKey(
            f"once: key: expected 1 to {KEY_AT_MOST_BYTES} bytes, got {size} ({key[:80]!r}): "
            "shorten it, with a hash of its parts if need be"
        )
    return key


def shown(key: str) -> str:
    """Return a key for a log's line: on one line, and its first 200 characters."""
    return key[:200] if key.isprintable() else repr(key[:200])


def _fields(template: str) -> set[str]:
    try:
        parsed = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise BadKey(f"once: {template!r}: expected a format text: {error}") from None
    return {field.partition(".")[0].partition("[")[0] for field in parsed}
