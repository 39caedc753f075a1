"""What IAM policies allow: statements, and the requests that are held against them. Pure.

After the IAM User Guide ("IAM JSON policy elements"): what no statement allows is denied, and a
denial wins. It is stricter than IAM in one thing: a wildcard stays within its part of an ARN.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

Values = Sequence[str]
Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """An action on a resource, "*" for an action that knows none; `context` is what is known."""

    action: str
    resource: str
    context: Mapping[str, str | Values] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One action on one resource of a statement: the smallest thing that can be taken back.

    `place` is the resource's place in its statement, so that the same template's grants are the
    same ones whatever its parameters.
    """

    statement: str
    action: str
    place: int
    resource: str


def grants(statements: Iterable[Statement]) -> list[tuple[Grant, Statement]]:
    """Return the grants of statements, each with the statement it is of."""
    return [
        (Grant(str(statement["Sid"]), action, place, resource), statement)
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in _list(statement["Action"])
        for place, resource in enumerate(_list(statement["Resource"]))
    ]


def granting(statements: Iterable[Statement], request: Request) -> list[Grant]:
    """Return the grants that allow a request: none where it is denied.

    Raises ValueError for what is not known here of a statement.
    """
    every = list(statements)
    for statement in every:
        unknown = set(statement) - _KNOWN
        if unknown or statement["Effect"] not in ("Allow", "Deny"):
            raise ValueError(f"a statement with {sorted(unknown) or statement['Effect']}")
        if statement["Effect"] == "Deny" and meets(statement, request):
            return []
    return [
        grant
        for grant, statement in grants(every)
        if _like(grant.action.lower(), request.action.lower())
        and _arn_like(grant.resource, request.resource)
        and holds(statement.get("Condition", {}), request.context)
    ]


def meets(statement: Statement, request: Request) -> bool:
    """Whether a statement, whatever its effect, is about a request."""
    return (
        any(_like(one.lower(), request.action.lower()) for one in _list(statement["Action"]))
        and any(_arn_like(one, request.resource) for one in _list(statement["Resource"]))
        and holds(statement.get("Condition", {}), request.context)
    )


def holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str | Values]) -> bool:
    """Whether all of a condition's operators hold. Raises ValueError for one not known here."""
    return all(
        _holds(operator, _list(wanted), None if key not in context else _list(context[key]))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def keys_of(statement: Statement) -> set[str]:
    """Return the condition keys of a statement."""
    return {key for keys in statement.get("Condition", {}).values() for key in keys}


def _holds(operator: str, wanted: Values, found: Values | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"{operator}: not known here")
    if name == "Null":
        return (found is None) == (wanted[0].lower() == "true")
    base = name.removesuffix("IfExists")
    negated = base in _NEGATED
    matches = _OPERATORS.get(_NEGATED.get(base, base))
    if matches is None:
        raise ValueError(f"{operator}: not known here")
    if any("${" in one for one in wanted):
        raise ValueError(f"{wanted}: policy variables are not known here")
    if found is None:
        # Of a key that is not there: what negates holds, and so does what is said of all values.
        return negated or name.endswith("IfExists") or quantifier == "ForAllValues"

    def met(value: str) -> bool:
        return any(matches(each, value) for each in wanted) != negated

    if quantifier == "ForAllValues":
        return all(map(met, found))
    if quantifier == "ForAnyValue":
        return any(map(met, found))
    if len(found) != 1:
        raise ValueError(f"{operator}: expected one value, found {found}: it wants a quantifier")
    return met(found[0])


def _like(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(one, re.escape(one)) for one in text), re.DOTALL)


def _arn_like(pattern: str, arn: str) -> bool:
    """Compare ARNs part by part; the sixth, the resource's own, may hold colons."""
    if "${" in pattern:
        raise ValueError(f"{pattern}: policy variables are not known here")
    if pattern == "*":
        return True
    parts, found = pattern.split(":", 5), arn.split(":", 5)
    return len(parts) == len(found) and all(map(_like, parts, found))


def _list(value: Any) -> Values:
    return [value] if isinstance(value, str) else [str(each) for each in value]


_KNOWN: Final = {"Sid", "Effect", "Action", "Resource", "Condition"}
_NEGATED: Final = {
    "ArnNotEquals": "ArnLike",
    "ArnNotLike": "ArnLike",
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
}
_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
    "StringEquals": lambda wanted, found: wanted == found,
    "StringLike": _like,
}
