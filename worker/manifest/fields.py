"""The types of the manifest's keys: how each is read, bounded, and described to an editor."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from worker.manifest.problems import RefusedValueError, quoted
from worker.manifest.units import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

# SQS: "alphanumeric characters, hyphens (-), and underscores (_)", at most 80 characters. The
# first is a letter or digit so that a name is never taken for a command line's option.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
REGION_PATTERN = r"^[a-z]+(-[a-z]+)+-[0-9]+$"
# S3's rules for general purpose buckets; dots are allowed there and break TLS for virtual hosts.
BUCKET_PATTERN = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
MODULE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"


def between(low: str, high: str, *, low_reason: str = "", high_reason: str = "") -> AfterValidator:
    """Bound a duration from `low` to `high`, both allowed and written as in a manifest."""

    def check(value: timedelta) -> timedelta:
        if value < parse_duration(low):
            raise RefusedValueError(
                f"at least {low}", _because("lengthen it", low_reason), format_duration(value)
            )
        if value > parse_duration(high):
            raise RefusedValueError(
                f"at most {high}", _because("shorten it", high_reason), format_duration(value)
            )
        return value

    return AfterValidator(check)


def matching(pattern: str, expected: str, remedy: str) -> AfterValidator:
    """Hold a text to a regular expression, with words for the person who wrote it."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise RefusedValueError(expected, remedy)
        return value

    return AfterValidator(check)


def no_boolean(value: object) -> object:
    """Refuse `true` where 1 is a choice: to Python the two are equal."""
    if isinstance(value, bool):
        raise RefusedValueError('1 or "auto"', "choose one of them")
    return value


def _because(remedy: str, reason: str) -> str:
    return f"{remedy} ({reason})" if reason else remedy


def tuple_of_list(value: object) -> object:
    """Take TOML's list for a tuple, and leave the rest for the type to refuse."""
    return tuple(value) if isinstance(value, list) else value


def _standard(name: object) -> object:
    if isinstance(name, str) and name.endswith(".fifo"):
        raise RefusedValueError(
            "a standard queue",
            "rename it (leases, hand-backs and batched deletes give up the order FIFO promises)",
        )
    return name


def _some_memory(size_bytes: int) -> int:
    if size_bytes < 32 << 20:
        raise RefusedValueError(
            "at least 32MiB",
            "raise it (a Python process with Celery in it starts above that)",
            format_size(size_bytes),
        )
    return size_bytes


def _some_tasks(globs: tuple[str, ...]) -> tuple[str, ...]:
    if not globs:
        raise RefusedValueError("at least one glob", 'name its tasks, such as ["mail.*"]')
    for glob in globs:
        if not glob or glob != glob.strip():
            raise RefusedValueError("globs without blanks around them", "trim it", quoted(glob))
    return globs


def _json(write: Callable[..., str]) -> PlainSerializer:
    return PlainSerializer(write, return_type=str, when_used="json")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    _json(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "minLength": 2}),
]
"""Whole seconds, not negative; `"1h30m"` in a manifest and in JSON."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    AfterValidator(_some_memory),
    _json(format_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
]
"""Bytes; `"512MiB"` in a manifest and in JSON."""

Name = Annotated[
    str,
    matching(
        NAME_PATTERN,
        "letters, digits, - and _, a letter or digit first",
        "rename it (AWS allows no others)",
    ),
    WithJsonSchema({"type": "string", "pattern": NAME_PATTERN}),
]

QueueName = Annotated[Name, BeforeValidator(_standard)]

Region = Annotated[
    str,
    matching(REGION_PATTERN, 'an AWS region such as "eu-west-1"', "write the region's code"),
    WithJsonSchema({"type": "string", "pattern": REGION_PATTERN}),
]

Bucket = Annotated[
    str,
    matching(
        BUCKET_PATTERN,
        "an S3 bucket: 3 to 63 lower-case letters, digits and -",
        "write the bucket's name alone",
    ),
    WithJsonSchema({"type": "string", "pattern": BUCKET_PATTERN}),
]

Module = Annotated[
    str,
    matching(
        MODULE_PATTERN, 'a module such as "app.tasks"', "write it as an import statement does"
    ),
    WithJsonSchema({"type": "string", "pattern": MODULE_PATTERN}),
]

Modules = Annotated[tuple[Module, ...], BeforeValidator(tuple_of_list)]

Globs = Annotated[
    tuple[str, ...],
    BeforeValidator(tuple_of_list),
    AfterValidator(_some_tasks),
    WithJsonSchema({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}),
]
