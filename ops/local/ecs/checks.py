"""The health checks of a definition's containers: what ECS takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ops.local.ecs.host.facts import Check

#: By the names of HealthCheck (API reference): the least, the most and the default. All but
#: `retries` are in seconds.
_BOUNDS: Final = {
    "interval": (5, 300, 30),
    "timeout": (2, 60, 5),
    "retries": (1, 10, 3),
    "startPeriod": (0, 300, 0),
}
_SHELL: Final = ("/bin/sh", "-c")


class BadCheck(ValueError):
    """A health check that is none; the text says what was expected."""


def check_of(container: Mapping[str, Any]) -> Check | None:
    """Return the health check of a container's definition, None where it has none.

    Raises BadCheck.
    """
    found = container.get("healthCheck")
    if not found:
        return None
    place = f"{container.get('name')}: healthCheck"
    if unknown := sorted(set(found) - {"command", *_BOUNDS}):
        raise BadCheck(f"{place}: expected command, {', '.join(_BOUNDS)}, got {unknown[0]!r:.80}")
    seconds = {name: _number(place, name, found.get(name)) for name in _BOUNDS}
    return Check(
        _words(place, found.get("command")),
        interval_seconds=float(seconds["interval"]),
        timeout_seconds=float(seconds["timeout"]),
        retries=seconds["retries"],
        start_seconds=float(seconds["startPeriod"]),
    )


def _number(place: str, name: str, given: Any) -> int:
    least, most, default = _BOUNDS[name]
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise BadCheck(f"{place}.{name}: expected {least} to {most}, got {given!r:.80}")
    return given


def _words(place: str, given: Any) -> tuple[str, ...]:
    match given:
        case ["CMD", str(program), *rest]:
            return (program, *map(str, rest))
        case ["CMD-SHELL", str(line)]:
            return (*_SHELL, line)
    raise BadCheck(
        f"{place}.command: expected CMD and a command's words, or CMD-SHELL and a line for the "
        f"shell, got {given!r:.80}"
    )
