"""The text of a template, JSON or YAML with its short forms, as plain dictionaries. Pure."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final

import yaml

from ops.local.cloudformation.errors import Invalid

#: Of a template body ("CloudFormation quotas").
_LIMIT_BYTES: Final = 1 << 20
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: a date such as 2012-10-17 is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "Fn::GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)


def _loaded(text: str) -> Any:
    # Most templates are JSON, of which YAML is made a hundred times as slowly.
    if text.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader


def parsed(text: str) -> dict[str, Any]:
    """Return a template's text as a dictionary.

    Raises Invalid where it is none, is larger than CloudFormation takes, or has no resources.
    """
    if len(text.encode()) > _LIMIT_BYTES:
        raise Invalid(f"Template may not exceed {_LIMIT_BYTES} bytes in size.")
    try:
        template = _loaded(text)
    except yaml.YAMLError as error:
        raise Invalid(f"Template format error: YAML not well-formed. ({error})") from error
    if not isinstance(template, dict):
        raise Invalid("Template format error: unsupported structure.")
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise Invalid("Template format error: At least one Resources member must be defined.")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise Invalid(
                f"Template format error: [/Resources/{name}] Every Resources object must contain "
                "a Type member."
            )
    return template
