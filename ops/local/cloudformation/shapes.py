"""Properties of a template as parameters of an API call. Pure: botocore's models tell the shapes.

CloudFormation's names differ from those of the API by the case of letters alone, and its scalars
may be texts. What an operation does not take is refused and named, since moto would forget it.
"""

from __future__ import annotations

import json
from typing import Any

from ops.local.cloudformation.errors import Refused


def shaped(value: Any, shape: Any, path: str) -> Any:
    """Return `value` as botocore's `shape` wants it: names, numbers, booleans, JSON as text.

    `path` names the place for what is refused. Raises Refused.
    """
    try:
        return _shaped(value, shape, path)
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{path}: expected {shape.type_name}, found {value!r}") from error


def _shaped(value: Any, shape: Any, path: str) -> Any:  # noqa: PLR0911  # one a type
    match shape.type_name:
        case "structure":
            members = {name.lower(): name for name in shape.members}
            made: dict[str, Any] = {}
            for key, item in value.items():
                name = members.get(key.lower())
                if name is None:
                    raise Refused(f"{path}.{key}: the API has no such parameter")
                made[name] = shaped(item, shape.members[name], f"{path}.{key}")
            return made
        case "list":
            items = value if isinstance(value, list) else [value]
            return [shaped(item, shape.member, f"{path}[{i}]") for i, item in enumerate(items)]
        case "map":
            return {key: shaped(item, shape.value, f"{path}.{key}") for key, item in value.items()}
        case "string":
            return text(value)
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case "boolean":
            return {"true": True, "false": False}[str(value).lower()]
        case _:
            return value


def text(value: Any) -> str:
    """Return a property as the text that an API takes: JSON for what has parts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def pairs(tags: Any, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags, listed or by name, as a list under other names."""
    return [{key: name, value: label} for name, label in by_key(tags).items()]


def by_key(tags: Any) -> dict[str, str]:
    """Return tags, a list of Key and Value or a table already, by their keys."""
    if isinstance(tags, dict):
        return {str(name): text(label) for name, label in tags.items()}
    return {tag["Key"]: text(tag["Value"]) for tag in tags or []}
