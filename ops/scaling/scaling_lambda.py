"""The scaling engine as a scheduled Lambda: `ops.scaling.scaling_lambda:handler`.

Configured by its environment: `FLEET_MANIFEST` (else `fleet.toml` beside the code),
`FLEET_SCALING_EVERY`, the schedule's rate (else 1m), and `FLEET_SCALING_JOURNAL`: `stdout` (the
default, which Lambda brings to its log group), `off`, or `logs:GROUP`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from ops.errors import Exit, OpsError
from ops.registry.lease import LONGEST_SECONDS
from ops.scaling.engine import LEASE_AT_LEAST_SECONDS, Engine
from ops.scaling.explain import missing, nothing_there
from ops.scaling.starting import LOGS, journal_at, parts_of
from ops.scaling.told import queue_as_data
from worker.fleet import load
from worker.manifest.problems import RefusedValueError
from worker.manifest.units import parse_duration

if TYPE_CHECKING:
    from ops.scaling.journal_file import Journal
    from ops.scaling.tick import Ticked
    from worker.fleet import Fleet

_EVERY: Final = "FLEET_SCALING_EVERY"
_JOURNAL: Final = "FLEET_SCALING_JOURNAL"
# An error's text is a line of a log: fifty queues may each have their own reason.
_REASONS: Final = 5


class Context(Protocol):
    """The part of Lambda's context that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left."""


class StdoutJournal:
    """Lines on stdout, which Lambda takes to CloudWatch, an event a line."""

    fresh: Final = False

    def write(self, lines: Sequence[str], now: float) -> str:
        """Print lines."""
        for line in lines:
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        return ""

    def close(self) -> None:
        """Nothing is open."""


def handler(_event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do one tick and give the lease up; a second one at the same time stands by.

    Returns a summary: whether it acted, how many queues were decided and actions carried out, and
    what was not held. Raises OpsError and ManifestError, so that Lambda counts an error: also where
    the tick came to nothing by trouble (`in_vain`).
    """
    fleet = load(None)
    left = context.get_remaining_time_in_millis() / 1000
    # As long as this can run, nobody else acts; then somebody does.
    lease = min(LONGEST_SECONDS, LEASE_AT_LEAST_SECONDS + left)
    with parts_of(fleet) as parts:
        engine = Engine(
            parts,
            tick_seconds=_tick_seconds(os.environ),
            lease_seconds=lease,
            journal=_journal(fleet, os.environ),
            once=True,
        )
        try:
            ticked = engine.tick()
        finally:
            engine.release()
    if why := in_vain(ticked):
        raise OpsError(why)
    return summary(ticked)


def summary(ticked: Ticked) -> dict[str, Any]:
    """Return a tick in few words, as JSON has it."""
    results = Counter(out.result for tick in ticked.queues.values() for out in tick.outcomes)
    return {
        "at": ticked.at,
        "acts": ticked.acts,
        "queues": len(ticked.queues),
        "results": dict(results),
        "acted_on": {
            queue: queue_as_data(tick) for queue, tick in ticked.queues.items() if tick.outcomes
        },
        "troubles": list(ticked.troubles),
    }


def in_vain(ticked: Ticked) -> str:
    """Return why a tick scaled nothing where trouble is what kept it from that, "" where not.

    That is: nobody could be asked for the lease, no queue's state was known, or of all launches not
    one was made. Another engine's lease is no trouble, and one queue's holds no other.
    """
    if not ticked.acts:
        return "; ".join(ticked.troubles)
    ticks = list(ticked.queues.values())
    if ticks and all(map(missing, ticks)) and not nothing_there(ticks):
        found = {f"{what} not known: {why}": None for tick in ticks for what, why in missing(tick)}
        return _several("no queue could be decided on", list(found))
    launches = [out for tick in ticks for out in tick.outcomes if out.action.kind == "launch"]
    if launches and all(out.result != "done" for out in launches):
        return _several("nothing could be launched", [out.why for out in launches])
    return ""


def _several(what: str, reasons: Sequence[str]) -> str:
    shown = [*reasons[:_REASONS], *(["..."] if len(reasons) > _REASONS else [])]
    return f"{what}: {'; '.join(shown)}"


def _tick_seconds(env: Mapping[str, str]) -> float:
    text = env.get(_EVERY, "1m")
    try:
        seconds = parse_duration(text).total_seconds()
    except RefusedValueError as error:
        raise OpsError(f"{_EVERY}: {error}", Exit.USAGE) from error
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise OpsError(f"{_EVERY}: expected 1s to 15m, got {text}", Exit.USAGE)
    return seconds


def _journal(fleet: Fleet, env: Mapping[str, str]) -> Journal | None:
    place = env.get(_JOURNAL, "stdout")
    if place == "stdout":
        return StdoutJournal()
    if place == "off":
        return None
    if not place.startswith(LOGS):
        raise OpsError(
            f"{_JOURNAL}: expected stdout, off or logs:GROUP, got {place[:100]!r}: "
            "a Lambda's files are gone with it",
            Exit.USAGE,
        )
    return journal_at(fleet, place)
