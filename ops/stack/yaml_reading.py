"""Read a template: YAML with CloudFormation's tags, as the mappings that JSON would have."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

#: Beside the code in a checkout; inside the package where it is installed.
_PLACES: Final = (
    Path(__file__).parents[2] / "deploy" / "cloudformation",
    Path(__file__).parent / "templates",
)


def template(name: str) -> dict[str, Any]:
    """Return the template `deploy/cloudformation/{name}.yaml`, to do with as one likes.

    Raises FileNotFoundError.
    """
    document: dict[str, Any] = json.loads(_as_json(path(name)))
    return document


def path(name: str) -> Path:
    """Return where a template is. Raises FileNotFoundError."""
    for place in _PLACES:
        file = place / f"{name}.yaml"
        if file.is_file():
            return file
    raise FileNotFoundError(f"{name}.yaml: expected it in {_PLACES[0]} or {_PLACES[1]}")


def parse(text: str) -> dict[str, Any]:
    """Return a template's text as mappings, lists, texts, numbers and booleans.

    Raises yaml.YAMLError, also for a tag that is none of CloudFormation's: a safe loader makes
    nothing else.
    """
    document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    if not isinstance(document, dict):
        raise yaml.YAMLError(f"expected a mapping, got {type(document).__name__}")
    return document


@cache
def _as_json(file: Path) -> str:
    # YAML is a tenth of a second a template, JSON a millisecond, and each queue has its own copy.
    return json.dumps(parse(file.read_text(encoding="utf-8")))


# libyaml's parser takes a tenth of the time, where PyYAML was built with it.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):
    """A safe loader that knows CloudFormation's short forms, and leaves dates as they are."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    key = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if suffix not in _KNOWN:
        raise yaml.constructor.ConstructorError(None, None, f"unknown tag !{suffix}")
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {key: value}


_KNOWN: Final = frozenset(
    {
        "And",
        "Base64",
        "Condition",
        "Equals",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Not",
        "Or",
        "Ref",
        "Select",
        "Split",
        "Sub",
    }
)

_Loader.add_multi_constructor("!", _function)
# A version such as 2012-10-17 is a text to CloudFormation, quoted or not.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
