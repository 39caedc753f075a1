"""What a machine is asked through its control socket, one verb a method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ops.local.machine.control import BadRequest, Reply, seconds, text
from ops.local.machine.runs import TooMany
from ops.local.machine.unit_text import UnitError

if TYPE_CHECKING:
    from ops.local.machine.machine import Machine

#: What a shutdown gives units where it is not told, before it kills them; EC2 does not document
#: its own, which is minutes.
SHUTDOWN_SECONDS: Final = 120.0
_DAY_SECONDS: Final = 86_400.0
_UNITS_AT_MOST: Final = 20


class Requests:
    """Answers requests, some of them later."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def answer(self, request: dict[str, Any], reply: Reply) -> None:
        """Do what is asked. Raises BadRequest."""
        match request.get("verb"):
            case "status":
                reply({"ok": True, **self._machine.status()})
            case "run":
                self._run(request, reply)
            case "shutdown":
                within = seconds(request, "within_seconds", SHUTDOWN_SECONDS, _DAY_SECONDS)
                self._machine.shut_down(within)
                reply({"ok": True})
            case "start" | "stop" | "restart" | "reset-failed" as verb:
                self._units(verb, request, reply)
            case other:
                raise BadRequest(
                    "verb: expected status, run, shutdown, start, stop, restart or reset-failed, "
                    f"found {other!r:.80}"
                )

    def _run(self, request: Mapping[str, Any], reply: Reply) -> None:
        script = text(request, "script", 65_536)
        timeout = seconds(request, "timeout_seconds", 3600.0, 2 * _DAY_SECONDS)
        try:
            self._machine.run_script(
                script, lambda found: reply({"ok": True, **found}), timeout or math.inf
            )
        except (TooMany, OSError) as error:
            raise BadRequest(str(error)) from None

    def _units(self, verb: str, request: Mapping[str, Any], reply: Reply) -> None:
        asked = request.get("units")
        if not isinstance(asked, list) or not 0 < len(asked) <= _UNITS_AT_MOST:
            raise BadRequest(f"units: expected 1 to {_UNITS_AT_MOST} names, found {asked!r:.80}")
        try:
            units = [self._machine.service(str(each)) for each in asked]
        except UnitError as error:
            raise BadRequest(str(error)) from None
        if verb in ("start", "restart") and self._machine.stopping:
            raise BadRequest("the machine is shutting down: nothing starts any more")
        if verb == "reset-failed":
            for each in units:
                each.reset()
            reply({"ok": True})
            return
        waits = request.get("wait") is not False
        if not waits:
            reply({"ok": True})
        troubles: list[str | None] = []

        def told(trouble: str | None) -> None:
            troubles.append(trouble)
            if waits and len(troubles) == len(units):
                wrong = "; ".join(filter(None, troubles))
                reply({"ok": False, "error": wrong} if wrong else {"ok": True})

        for each in units:
            if verb == "start":
                self._machine.start(each, told)
            else:
                (each.stop if verb == "stop" else each.restart)(told)
