"""How a resource as it is differs from what a template said of it. Pure.

Only what the template says is compared: what AWS adds by default is no difference. Names are
compared without case, since those of some APIs begin in lower case; texts that hold JSON by what
they mean, numbers by their value, and lists without their order, as most of them are sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ops.local.cloudformation.shapes import text

_KEYS: Final = ("key", "id", "policyname", "attributename", "lifecyclehookname", "name")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A property that is not as the template said: `kind` is NOT_EQUAL, ADD or REMOVE."""

    path: str
    expected: str
    actual: str
    kind: str

    @property
    def is_tag_of_others(self) -> bool:
        """Whether it is a tag that the template does not name, which CloudFormation leaves."""
        return self.kind == "ADD" and self.path.startswith("/Tags/")


def differences(expected: Any, actual: Any, path: str = "") -> Iterator[Difference]:
    """Yield where `actual` is not what `expected` says."""
    expected, actual = _meant(expected), _meant(actual)
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        there = {str(name).lower(): value for name, value in actual.items()}
        for name, value in expected.items():
            found = there.get(str(name).lower())
            if found is None:
                if value not in (False, "", [], {}, None):
                    yield Difference(f"{path}/{name}", text(value), "null", "REMOVE")
            else:
                yield from differences(value, found, f"{path}/{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _listed(expected, actual, path)
    elif not _same(expected, actual):
        yield Difference(path or "/", text(expected), text(actual), "NOT_EQUAL")


def _listed(expected: list[Any], actual: list[Any], path: str) -> Iterator[Difference]:
    wanted, found = _by_key(expected), _by_key(actual)
    for i, (key, value) in enumerate(wanted.items()):
        if key not in found:
            # Of a list of one, what differs says more than that it is another one.
            if len(expected) == len(actual) == 1:
                yield from differences(value, actual[0], f"{path}/{i}")
                return
            yield Difference(f"{path}/{i}", text(value), "null", "REMOVE")
        else:
            yield from differences(value, found[key], f"{path}/{i}")
    for key, value in found.items():
        if key not in wanted and not key.startswith("aws:"):
            yield Difference(f"{path}/{len(wanted)}", "null", text(value), "ADD")


def _by_key(items: list[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for item in items:
        key = (
            json.dumps(item, sort_keys=True, default=str) if isinstance(item, list) else text(item)
        )
        if isinstance(item, Mapping):
            lower = {str(name).lower(): value for name, value in item.items()}
            own = next((str(lower[name]) for name in _KEYS if name in lower), _MISSING)
            key = own if isinstance(own, str) else json.dumps(_canonical(item), sort_keys=True)
        named[key] = item
    return named


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name).lower(): _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return text(value)


def _meant(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _same(expected: Any, actual: Any) -> bool:
    if text(expected) == text(actual):
        return True
    # A policy may say one action or a list of one.
    if isinstance(expected, list) and len(expected) == 1:
        return _same(expected[0], actual)
    if isinstance(actual, list) and len(actual) == 1:
        return _same(expected, actual[0])
    try:
        return float(expected) == float(actual)
    except (TypeError, ValueError):
        return False
