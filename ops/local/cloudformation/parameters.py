"""The parameters of a template: their values, checked as CloudFormation checks them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ops.local.cloudformation.errors import Invalid

_SSM: Final = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST: Final = re.compile(r"List<.+>|CommaDelimitedList")
_HIDDEN: Final = "****"


def values(
    declared: Mapping[str, Any],
    given: Mapping[str, str],
    previous: Mapping[str, str],
    kept: frozenset[str],
) -> dict[str, str]:
    """Return the text of each declared parameter: given, kept from `previous`, or its default.

    Raises Invalid for one that has none, that nobody declared, or that breaks its constraints.
    """
    undeclared = sorted({*given, *kept} - set(declared))
    if undeclared:
        raise Invalid(f"Parameters: [{', '.join(undeclared)}] do not exist in the template")
    texts: dict[str, str] = {}
    for name, rule in declared.items():
        if name in given:
            texts[name] = given[name]
        elif name in kept and name in previous:
            texts[name] = previous[name]
        elif "Default" in rule:
            texts[name] = _text(rule["Default"])
    missing = [name for name in declared if name not in texts]
    if missing:
        raise Invalid(f"Parameters: [{', '.join(missing)}] must have values")
    for name, text in texts.items():
        _check(name, text, declared[name])
    return texts


def typed(
    declared: Mapping[str, Any], texts: Mapping[str, str], look_up: Callable[[str], str]
) -> dict[str, Any]:
    """Return what Ref gives for each parameter: a text, a list, or what SSM has under the text.

    `look_up` returns the value of an SSM parameter, and raises Invalid where there is none.
    """
    return {name: _typed(declared[name]["Type"], text, look_up) for name, text in texts.items()}


def shown(declared: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts as DescribeStacks may show them: NoEcho is hidden."""
    return {
        name: _HIDDEN if _text(declared.get(name, {}).get("NoEcho", "")) == "true" else text
        for name, text in texts.items()
    }


def _typed(kind: str, text: str, look_up: Callable[[str], str]) -> Any:
    ssm = _SSM.fullmatch(kind)
    if ssm is not None:
        return _typed(ssm.group(1), look_up(text), look_up)
    if _LIST.fullmatch(kind):
        return [item.strip() for item in text.split(",")] if text else []
    return text


def _check(name: str, text: str, rule: Mapping[str, Any]) -> None:
    allowed = rule.get("AllowedValues")
    if allowed is not None and text not in [_text(value) for value in allowed]:
        raise Invalid(
            f"Parameter '{name}' must be one of AllowedValues: [{', '.join(map(_text, allowed))}]"
        )
    pattern = rule.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        raise Invalid(f"Parameter '{name}' must match pattern {pattern}")
    if rule.get("Type") == "Number":
        try:
            number = float(text)
        except ValueError:
            raise Invalid(f"Parameter '{name}' must be a number") from None
        low, high = float(rule.get("MinValue", number)), float(rule.get("MaxValue", number))
        if not low <= number <= high:
            raise Invalid(f"Parameter '{name}' must be a number from {low:g} to {high:g}")
    low, high = int(rule.get("MinLength", 0)), int(rule.get("MaxLength", len(text)))
    if not low <= len(text) <= high:
        raise Invalid(f"Parameter '{name}' must contain from {low:g} to {high:g} characters")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value)
