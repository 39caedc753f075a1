"""The intrinsic functions of a template, over what is known of its references. Pure.

The functions and their meaning are those of the "Intrinsic function reference" of the
CloudFormation User Guide. One that is not here is refused by name.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.local.cloudformation.errors import Invalid

#: What AWS::NoValue stands for: the property is left out.
NO_VALUE: Final = object()

_SUB: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_ZONES: Final = "abc"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that only a resource which is not made yet will have: `resource`'s `attribute`."""

    resource: str
    attribute: str

    def __str__(self) -> str:
        return f"{{{{changeSet:KNOWN_AFTER_APPLY:{self.resource}.{self.attribute}}}}}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template's functions look up.

    `reference` answers Ref with a parameter's, a pseudo parameter's or a resource's value,
    `attribute` Fn::GetAtt, `imported` Fn::ImportValue; each raises Invalid for what it does not
    know, and may answer with an Unknown.
    """

    reference: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    imported: Callable[[str], str]
    conditions: Mapping[str, Any]
    mappings: Mapping[str, Any]
    region: str


def resolved(value: Any, scope: Scope) -> Any:
    """Return `value` with every function in it replaced by what it stands for."""
    if isinstance(value, list):
        items = (resolved(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref":
            return scope.reference(argument)
        if name == "Condition" and isinstance(argument, str):
            return holds(argument, scope)
        if isinstance(name, str) and name.startswith("Fn::"):
            function = _FUNCTIONS.get(name)
            if function is None:
                raise Invalid(f"Template error: {name} is not handled by the local AWS")
            return function(argument, scope)
    pairs = ((key, resolved(item, scope)) for key, item in value.items())
    return {key: item for key, item in pairs if item is not NO_VALUE}


def holds(name: str, scope: Scope) -> bool:
    """Return whether a condition of the template holds."""
    if name not in scope.conditions:
        raise Invalid(f"Template format error: Unresolved condition {name}")
    return bool(resolved(scope.conditions[name], scope))


def references(value: Any) -> Iterator[str]:
    """Yield every name that `value` refers to by Ref, Fn::GetAtt or Fn::Sub, repeats included."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield (item.split(".", 1) if isinstance(item, str) else item)[0]
            elif key == "Fn::Sub":
                yield from _sub_references(item)
            else:
                yield from references(item)


def _sub_references(argument: Any) -> Iterator[str]:
    text, own = argument if isinstance(argument, list) else (argument, {})
    yield from references(own)
    for literal, name in _SUB.findall(text):
        if not literal and name not in own:
            yield name.partition(".")[0]


def _joined(parts: list[Any], delimiter: str = "") -> Any:
    unknown = [part for part in parts if isinstance(part, Unknown)]
    return unknown[0] if unknown else delimiter.join(_text(part) for part in parts)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _get_att(argument: Any, scope: Scope) -> Any:
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return scope.attribute(name, resolved(attribute, scope))


def _if(argument: Any, scope: Scope) -> Any:
    name, then, otherwise = argument
    return resolved(then if holds(name, scope) else otherwise, scope)


def _join(argument: Any, scope: Scope) -> Any:
    parts = resolved(argument[1], scope)
    return parts if isinstance(parts, Unknown) else _joined(parts, argument[0])


def _split(argument: Any, scope: Scope) -> Any:
    text = resolved(argument[1], scope)
    return text if isinstance(text, Unknown) else text.split(argument[0])


def _select(argument: Any, scope: Scope) -> Any:
    index, items = resolved(argument[0], scope), resolved(argument[1], scope)
    if isinstance(items, Unknown):
        return items
    if not 0 <= int(index) < len(items):
        raise Invalid(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        )
    return items[int(index)]


def _sub(argument: Any, scope: Scope) -> Any:
    text, own = argument if isinstance(argument, list) else (argument, {})
    parts: list[Any] = []
    end = 0
    for match in _SUB.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        literal, name = match.groups()
        resource, dot, attribute = name.partition(".")
        if literal:
            parts.append(f"${{{name}}}")
        elif name in own:
            parts.append(resolved(own[name], scope))
        elif dot:
            parts.append(scope.attribute(resource, attribute))
        else:
            parts.append(scope.reference(name))
    return _joined([*parts, text[end:]])


def _import(argument: Any, scope: Scope) -> Any:
    return scope.imported(resolved(argument, scope))


def _find_in_map(argument: Any, scope: Scope) -> Any:
    names = [resolved(part, scope) for part in argument[:3]]
    found: Any = scope.mappings
    for name in names:
        if not isinstance(found, dict) or name not in found:
            raise Invalid(f"Template error: Unable to get mapping for {'::'.join(map(str, names))}")
        found = found[name]
    return found


def _base64(argument: Any, scope: Scope) -> Any:
    text = resolved(argument, scope)
    return text if isinstance(text, Unknown) else base64.b64encode(text.encode()).decode()


def _zones(argument: Any, scope: Scope) -> list[str]:
    region = resolved(argument, scope) or scope.region
    return [f"{region}{zone}" for zone in _ZONES]


def _equals(argument: Any, scope: Scope) -> bool:
    first, second = (_text(resolved(item, scope)) for item in argument)
    return first == second


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Scope], Any]]] = {
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::Sub": _sub,
    "Fn::ImportValue": _import,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::GetAZs": _zones,
    "Fn::Equals": _equals,
    "Fn::Not": lambda argument, scope: not resolved(argument[0], scope),
    "Fn::And": lambda argument, scope: all(resolved(each, scope) for each in argument),
    "Fn::Or": lambda argument, scope: any(resolved(each, scope) for each in argument),
    "Fn::ToJsonString": lambda argument, scope: json.dumps(resolved(argument, scope)),
}
