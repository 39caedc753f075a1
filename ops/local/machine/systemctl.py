"""As much of `systemctl` as a node's user data, commands and operators use: systemctl(1)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ops.local.machine.client import Unreachable, ask

_FAILED: Final = 1
_USAGE: Final = 2
_NOT_RUNNING: Final = 3
_NO_SUCH: Final = 4
_ASKED: Final = ("start", "stop", "restart", "reset-failed")
_KEPT: Final = ("enable", "disable")
_SHOWN: Final = ("is-active", "is-failed", "status", "show")
_OPTIONS: Final = ("--no-block", "--quiet", "-q", "--value", "--no-pager")

_PROPERTIES: Final[Mapping[str, Callable[[Mapping[str, Any]], object]]] = {
    "ActiveState": lambda unit: unit["active"],
    "SubState": lambda unit: unit["sub"],
    "Result": lambda unit: unit["result"],
    "MainPID": lambda unit: unit["pid"] or 0,
    "NRestarts": lambda unit: unit["restarts"],
    "StatusText": lambda unit: unit["status"],
    "InvocationID": lambda unit: unit["invocation"],
}
_UNKNOWN: Final[Mapping[str, Any]] = {
    "active": "inactive",
    "sub": "dead",
    "result": "success",
    "pid": None,
    "restarts": 0,
    "exit": None,
    "status": "",
    "invocation": "",
}


def main(folder: Path, arguments: Sequence[str]) -> int:
    """Run one command on the machine of a node's folder; return systemctl's exit code."""
    words, options, properties = list[str](), list[str](), list[str]()
    given = iter(arguments)
    for each in given:
        if each in ("-p", "--property"):
            properties += next(given, "").split(",")
        elif each.startswith("--property="):
            properties += each.partition("=")[2].split(",")
        else:
            (options if each.startswith("-") else words).append(each)
    verb, *units = words or [""]
    known = verb in (*_ASKED, *_KEPT, *_SHOWN, "daemon-reload")
    if not known or not set(options) <= set(_OPTIONS):
        return _say(
            f"{' '.join(arguments)}: expected {', '.join((*_ASKED, *_KEPT, *_SHOWN))} or "
            f"daemon-reload, with {' '.join(_OPTIONS)} -p: this is a machine of the local AWS",
            _USAGE,
        )
    try:
        return _do(folder, verb, units, options, properties)
    except Unreachable as error:
        return _say(str(error), _FAILED)


def _do(
    folder: Path,
    verb: str,
    units: Sequence[str],
    options: Sequence[str],
    properties: Sequence[str],
) -> int:
    if verb == "daemon-reload":  # units are read when they start
        return 0
    if verb in _KEPT:
        return _keep(folder, units, wanted=verb == "enable")
    if verb in _ASKED:
        request = {"verb": verb, "units": units, "wait": "--no-block" not in options}
        answer = ask(folder, request, timeout_seconds=None)
        return 0 if answer["ok"] else _say(answer["error"], _FAILED)
    known = ask(folder, {"verb": "status"})["units"]
    found = {each: known.get(_whole(each)) for each in units}
    if verb == "status":
        return _status(found)
    if verb == "show":
        return _show(found, properties, value="--value" in options)
    return _is(verb, found, quiet=bool({"-q", "--quiet"} & set(options)))


def _keep(folder: Path, units: Sequence[str], *, wanted: bool) -> int:
    """Have units started with the machine, or not: a link to the unit's file says so."""
    # The other verbs need not wait for these.
    from ops.local.machine.unit_files import WANTS, sources  # noqa: PLC0415
    from ops.local.machine.unit_text import UnitError  # noqa: PLC0415
    from ops.local.machine.units import name  # noqa: PLC0415

    for each in units:
        link = folder / WANTS / _whole(each)
        try:
            file = sources(name(each), folder)[0].path
        except UnitError as error:
            return _say(str(error), _FAILED)
        link.unlink(missing_ok=True)
        if wanted:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    return 0


def _is(verb: str, found: Mapping[str, Any], *, quiet: bool) -> int:
    wanted = verb.removeprefix("is-")
    states = [(unit or _UNKNOWN)["active"] for unit in found.values()]
    if not quiet:
        print("\n".join(states))  # noqa: T201
    if wanted in states:
        return 0
    return _FAILED if wanted == "failed" else _NOT_RUNNING


def _status(found: Mapping[str, Any]) -> int:
    for name, unit in found.items():
        if unit is None:
            return _say(f"Unit {_whole(name)} could not be found.", _NO_SUCH)
        print(  # noqa: T201
            f"{_whole(name)}\n"
            f"     Active: {unit['active']} ({unit['sub']}), result {unit['result']}, "
            f"{unit['restarts']} restarts, last end: {unit['exit'] or 'none'}\n"
            f"   Main PID: {unit['pid'] or '-'}\n"
            f"     Status: {unit['status']}"
        )
    return 0 if all(unit["active"] == "active" for unit in found.values()) else _NOT_RUNNING


def _show(found: Mapping[str, Any], names: Sequence[str], *, value: bool) -> int:
    for name in found:
        for asked in names or _PROPERTIES:
            if asked not in _PROPERTIES:
                return _say(f"{asked}: expected one of {', '.join(_PROPERTIES)}", _USAGE)
            shown = _PROPERTIES[asked](found[name] or _UNKNOWN)
            print(shown if value else f"{asked}={shown}")  # noqa: T201
    return 0


def _whole(name: str) -> str:
    return name if name.endswith(".service") else f"{name}.service"


def _say(text: str, code: int) -> int:
    print(f"systemctl: {text}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
