"""Checks requests against the API model that botocore carries: the real shapes, none of our own.

Compiled once a server into closures, so that a check costs microseconds.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from tests.sqs.errors import SqsError

Check = Callable[[Any, str], None]


@cache
def load_checks() -> Mapping[str, Check]:
    """One check an action of SQS: ``check(parameters, action)``.

    A check raises :class:`SqsError` for a parameter that the model does not have
    (``UnknownParameter``), a required one that is missing (``MissingParameter``) and a value of
    the wrong JSON type (``SerializationException``).
    """
    model = ServiceModel(Loader().load_service_model("sqs", "service-2"), "sqs")
    compiled: dict[str, Check] = {}
    return {
        name: _compile(shape, compiled)
        for name in model.operation_names
        if (shape := model.operation_model(name).input_shape) is not None
    }


def _compile(shape: Shape, compiled: dict[str, Check]) -> Check:
    known = compiled.get(shape.name)
    if known is None:
        known = compiled[shape.name] = _compile_new(shape, compiled)
    return known


def _compile_new(shape: Shape, compiled: dict[str, Check]) -> Check:
    if isinstance(shape, StructureShape):
        return _structure(shape, compiled)
    if isinstance(shape, ListShape):
        member = _compile(shape.member, compiled)

        def check_list(value: Any, where: str) -> None:
            _expect(value, list, where)
            for index, item in enumerate(value):
                member(item, f"{where}[{index}]")

        return check_list
    if isinstance(shape, MapShape):
        each = _compile(shape.value, compiled)

        def check_map(value: Any, where: str) -> None:
            _expect(value, dict, where)
            for key, item in value.items():
                each(item, f"{where}.{key}")

        return check_map
    return _SCALARS[shape.type_name]


def _structure(shape: StructureShape, compiled: dict[str, Check]) -> Check:
    members = {name: _compile(member, compiled) for name, member in shape.members.items()}
    required = tuple(shape.required_members)

    def check_structure(value: Any, where: str) -> None:
        _expect(value, dict, where)
        for name in required:
            if value.get(name) is None:
                raise SqsError(
                    "MissingParameter", f"The request must contain the parameter {name}."
                )
        for name, item in value.items():
            member = members.get(name)
            if member is None:
                raise SqsError("UnknownParameter", f"Unknown parameter {name} in {where}.")
            if item is not None:
                member(item, f"{where}.{name}")

    return check_structure


def _expect(value: Any, kind: type, where: str) -> None:
    # bool is an int in Python and is not one in JSON.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SqsError(
            "SerializationException",
            f"{where}: expected {kind.__name__}, got {type(value).__name__}.",
        )


def _string(value: Any, where: str) -> None:
    if not isinstance(value, str):
        _expect(value, str, where)


def _integer(value: Any, where: str) -> None:
    _expect(value, int, where)


def _boolean(value: Any, where: str) -> None:
    _expect(value, bool, where)


def _blob(value: Any, where: str) -> None:
    _expect(value, str, where)
    try:
        base64.b64decode(value, validate=True)
    except ValueError as error:
        raise SqsError("SerializationException", f"{where}: not base64: {error}.") from None


_SCALARS: dict[str, Check] = {
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "boolean": _boolean,
    "blob": _blob,
}
