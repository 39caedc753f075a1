"""How long a wait is that the code spells out: numbers, sums and products, `timedelta`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

_OPERATORS: Final = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}

Names = Mapping[str, ast.expr]


def seconds(node: ast.expr, names: Names) -> float | None:
    """Return what a countdown comes to in seconds; None where only running the code would tell.

    `names` are the module's constants, by name.
    """
    value = _value(node, names, depth=0)
    return _finite(value) if not isinstance(value, timedelta) else None


def seconds_ahead(node: ast.expr, names: Names) -> float | None:
    """Return how far ahead an eta such as `now() + timedelta(hours=2)` lies, in seconds."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
        return None
    for side in (node.left, node.right):
        value = _value(side, names, depth=0)
        if isinstance(value, timedelta):
            return value.total_seconds()
    return None


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what a module's top level assigns once to a name in capitals."""
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name.isupper():
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if (
                name.isupper()
            ):
                found[name] = value
    return found


def _finite(value: float | timedelta | None) -> float | None:
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    return None


def _value(  # noqa: PLR0911  # one a form of expression
    node: ast.expr, names: Names, depth: int
) -> float | timedelta | None:
    # Constants may name each other; what a person writes is never this deep.
    if depth > 20:
        return None
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand, names, depth + 1)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right):
            return _computed(op, _value(left, names, depth + 1), _value(right, names, depth + 1))
        case ast.Name(id=name) if name in names:
            return _value(names[name], names, depth + 1)
        case ast.Call(func=ast.Attribute(value=inner, attr="total_seconds"), args=[]):
            value = _value(inner, names, depth + 1)
            return value.total_seconds() if isinstance(value, timedelta) else None
        case ast.Call(func=ast.Name(id="timedelta") | ast.Attribute(attr="timedelta")):
            return _timedelta(node, names, depth)
    return None


def _timedelta(call: ast.Call, names: Names, depth: int) -> timedelta | None:
    positional = [_finite(_value(arg, names, depth + 1)) for arg in call.args]
    named = {str(k.arg): _finite(_value(k.value, names, depth + 1)) for k in call.keywords}
    known = [value for value in positional if value is not None]
    known_named = {name: value for name, value in named.items() if value is not None}
    if (len(known), len(known_named)) != (len(positional), len(named)):
        return None
    try:
        return timedelta(*known, **known_named)
    except (TypeError, OverflowError):  # `timedelta(**told)`, and more than a timedelta holds
        return None


def _computed(
    op: ast.operator, left: float | timedelta | None, right: float | timedelta | None
) -> float | timedelta | None:
    if left is None or right is None or type(op) not in _OPERATORS:
        return None
    try:
        result: float | timedelta = _OPERATORS[type(op)](left, right)
    except (TypeError, ZeroDivisionError, OverflowError):
        return None
    return result
