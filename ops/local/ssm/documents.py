"""A command document with its parameters filled in: no I/O.

Schema 2.2, steps of aws:runShellScript ("Data elements and parameters" and "Command document
plugin reference" in the Systems Manager User Guide).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_PLUGIN: Final = "aws:runShellScript"
_TIMEOUT_SECONDS: Final = 3_600
_PARAMETER: Final = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_LISTS: Final = ("StringList", "MapList")

Value = str | list[str]


class ParametersError(Exception):
    """Parameters that the document does not take; SendCommand's InvalidParameters."""


class DocumentError(Exception):
    """A document that cannot be run here; SendCommand's InvalidDocument."""


@dataclass(frozen=True, slots=True)
class Step:
    """A script of a document: `timeout_seconds` is the step's execution timeout."""

    name: str
    script: str
    timeout_seconds: float


def steps(content: Mapping[str, Any], given: Mapping[str, Sequence[str]]) -> tuple[Step, ...]:
    """Return a document's steps with what was given. Raises ParametersError, DocumentError."""
    if str(content.get("schemaVersion")) != "2.2":
        raise DocumentError(f"expected schemaVersion 2.2, found {content.get('schemaVersion')}")
    values = _values(content.get("parameters") or {}, given)
    found = tuple(_step(each, values) for each in content.get("mainSteps") or ())
    if not found:
        raise DocumentError("expected mainSteps, found none")
    return found


def _values(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, Sequence[str]]
) -> dict[str, Value]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ParametersError(f"{', '.join(unknown)}: the document has no such parameter")
    values: dict[str, Value] = {}
    for name, wanted in declared.items():
        if name in given:
            values[name] = _taken(name, wanted, list(given[name]))
        elif "default" in wanted:
            values[name] = _default(wanted["default"])
        else:
            raise ParametersError(f"{name}: expected a value, found none")
    return values


def _default(value: Any) -> Value:
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def _taken(name: str, wanted: Mapping[str, Any], given: list[str]) -> Value:
    several = wanted.get("type") in _LISTS
    if not several and len(given) != 1:
        raise ParametersError(f"{name}: expected one value, found {len(given)}")
    allowed, pattern = wanted.get("allowedValues"), wanted.get("allowedPattern")
    least, most = int(wanted.get("minChars", 0)), int(wanted.get("maxChars", 1 << 20))
    for value in given:
        if allowed is not None and value not in [str(each) for each in allowed]:
            raise ParametersError(f"{name}: expected one of {allowed}, found {value!r}")
        if pattern is not None and re.search(pattern, value) is None:
            raise ParametersError(f"{name}: expected {pattern}, found {value!r}")
        if not least <= len(value) <= most:
            raise ParametersError(f"{name}: expected {least} to {most} characters")
    return given if several else given[0]


def _step(step: Mapping[str, Any], values: Mapping[str, Value]) -> Step:
    name = str(step.get("name", ""))
    if step.get("action") != _PLUGIN:
        raise DocumentError(f"{name}: expected {_PLUGIN}, found {step.get('action')}")
    inputs = step.get("inputs") or {}
    unknown = sorted(set(inputs) - {"runCommand", "timeoutSeconds", "workingDirectory"})
    if unknown:
        raise DocumentError(f"{name}: {', '.join(unknown)}: not known to the local AWS")
    lines = _lines(inputs.get("runCommand") or [], values)
    if folder := inputs.get("workingDirectory"):
        lines.insert(0, f"cd {_filled(str(folder), values)} || exit 1")
    timeout = _filled(str(inputs.get("timeoutSeconds", _TIMEOUT_SECONDS)), values)
    try:
        return Step(name, "\n".join(lines) + "\n", float(timeout))
    except ValueError as error:
        raise ParametersError(
            f"{name}: timeoutSeconds: expected seconds, found {timeout}"
        ) from error


def _lines(wanted: Any, values: Mapping[str, Value]) -> list[str]:
    if isinstance(wanted, str):  # "{{ commands }}", a list of its own
        whole = _PARAMETER.fullmatch(wanted.strip())
        value = values.get(whole[1]) if whole else None
        return list(value) if isinstance(value, list) else [_filled(wanted, values)]
    return [_filled(str(line), values) for line in wanted]


def _filled(text: str, values: Mapping[str, Value]) -> str:
    def fill(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise DocumentError(f"{found[0]}: the document declares no such parameter")
        value = values[found[1]]
        return " ".join(value) if isinstance(value, list) else value

    return _PARAMETER.sub(fill, text)
