"""Mappings that nobody changes, and that still travel to another process as plain tables."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

_Value = TypeVar("_Value")


def frozen_mapping(mapping: Mapping[str, _Value]) -> Mapping[str, _Value]:
    """Return a view of a copy: nobody can change it."""
    return MappingProxyType(dict(mapping))


def plain(value: Any) -> Any:
    """Return the value with every mapping a dict."""
    return dict(value) if isinstance(value, Mapping) else value
