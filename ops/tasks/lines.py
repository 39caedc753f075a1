"""A file of calls, one a line: JSON Lines to the calls they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from ops.errors import Exit, OpsError
from worker.publish.items import Call

if TYPE_CHECKING:
    from worker.publish.items import Report

#: Arguments larger than this are in no message, also not by way of S3.
LINE_AT_MOST_BYTES: Final = 64 * 1024 * 1024

_WANTED: Final = "expected a JSON array of arguments or object of keyword arguments"
_REMEDY: Final = 'write one call a line, such as [1, "a"] or {"id": 1}'


def calls(file: IO[bytes], place: str, skip: int = 0) -> Iterator[Call]:
    """Give the call of each line but the first ``skip``, which are not looked at.

    An array holds positional arguments, an object keyword arguments; an object's key ``*``, which
    no parameter of a Python function can have as its name, holds positional ones beside them.
    Raises OpsError (exit 2) that names ``place`` and the line.
    """
    number = 0
    while line := file.readline(LINE_AT_MOST_BYTES + 1):
        number += 1
        if number > skip:
            yield _call(line, f"{place}:{number}")


def _call(line: bytes, place: str) -> Call:
    if len(line) > LINE_AT_MOST_BYTES:
        _refuse(place, f"expected a line of at most {LINE_AT_MOST_BYTES} bytes", "a longer one")
    if not line.strip():
        _refuse(place, _WANTED, "an empty line")
    try:
        value = json.loads(line, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        _refuse(place, _WANTED, f"no JSON ({_where(error)})")
    if isinstance(value, list):
        return Call(value)
    if not isinstance(value, dict):
        _refuse(place, _WANTED, f"a {_JSON_NAMES[type(value)]}")
    args = value.pop("*", [])
    if not isinstance(args, list):
        _refuse(place, 'expected an array under "*"', f"a {_JSON_NAMES[type(args)]}")
    return Call(args, value)


_JSON_NAMES: Final[dict[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "not in UTF-8"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _refuse(place: str, wanted: str, found: str) -> NoReturn:
    raise OpsError(f"{place}: {wanted}, found {found}: {_REMEDY}", Exit.USAGE)


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return rising whole numbers as ranges, first and last: 4, 7, 8, 9 are (4, 4), (7, 9)."""
    found: list[tuple[int, int]] = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        found.append((members[0], members[-1]))
    return found


def shown(numbers: Iterable[int]) -> str:
    """Return whole numbers as a person writes them: ``4, 7-9``."""
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(numbers))


def as_data(report: Report, skipped: int) -> dict[str, Any]:
    """Return a report of ``worker.publish`` by line numbers, which count from 1."""
    first = skipped + 1
    return {
        "sent": report.sent,
        "refused": report.refused,
        "refusals": [
            {"line": first + refusal.index, "reason": refusal.reason} for refusal in report.refusals
        ],
        "unconfirmed": [first + index for index in report.unconfirmed],
        "skip": skipped + report.next_index,
    }
