"""`ops scaling replay` and `explain`: what was decided, why, and whether it would be again."""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_line, say
from ops.cli.scaling_pin import queue_of
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ops.scaling.replay import Difference, Replay, Replayed
    from ops.scaling.tick import QueueTick

#: Seconds since the epoch from 2001 to 2286; ISO 8601's dates without dashes have eight digits.
_EPOCH: Final = re.compile(r"[0-9]{10}(\.[0-9]+)?")


class Moment(click.ParamType["float"]):
    """A time: ISO 8601, in UTC unless it says otherwise, epoch seconds, or so long ago."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it in seconds since the epoch."""
        from worker.manifest.problems import RefusedValueError  # noqa: PLC0415
        from worker.manifest.units import parse_duration  # noqa: PLC0415

        if _EPOCH.fullmatch(value):
            return float(value)  # as a journal's lines and --json have it
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            try:
                return time.time() - parse_duration(value).total_seconds()
            except RefusedValueError:
                self.fail(
                    f"expected a time such as 2026-11-03T14:05 (UTC) or 10m (ago), got {value!r}",
                    param,
                    ctx,
                )
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


_AT = click.option(
    "--at", metavar="TIME", type=Moment(), help="2026-11-03T14:05 (UTC), or 10m for so long ago."
)


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--queue", "queue_name", metavar="NAME", help="This queue's decisions alone.")
@_AT
@json_option
def replay(file: str, queue_name: str | None, at: float | None, as_json: bool) -> int:
    """Decide anew from each line of the journal FILE, and compare byte for byte; `-` is stdin.

    With --at, only the last decisions until then are compared. Exits 3 where one comes out
    otherwise, and shows the first. FILE may be compressed with gzip. What is torn, of another
    version, or follows from lines that are not there is told and left out.
    """
    from ops.scaling.journal_read import lines  # noqa: PLC0415
    from ops.scaling.replay import Replayed, replay  # noqa: PLC0415

    found = Replayed()
    last: dict[str, Replay] = {}
    for each in replay(lines(file), found, queue_name, math.inf if at is None else at):
        last[each.recorded.settings.queue] = each
    if at is not None:
        found.first = next((e.difference for e in last.values() if e.difference), None)
        found.differ = sum(each.difference is not None for each in last.values())
        found.decisions = len(last)
    for told in found.told:
        say(f"{file}: {told}")
    if as_json:
        print_json(_as_data(found))
    if not found.decisions:
        whose = "" if queue_name is None else f" about {queue_name}"
        raise OpsError(
            f"{file}: expected decisions{whose}, got none{_left_out(found)}: "
            "name a journal of ops scaling run --journal, and a queue and time that it has"
        )
    if not as_json:
        _print(found)
    return Exit.DRIFTED if found.differ else Exit.DONE


@click.command()
@click.argument("queue_name", metavar="QUEUE")
@click.option("--journal", metavar="PATH", help="Explain from this journal; else what is now.")
@_AT
@json_option
@pass_ops
def explain(ops: Ops, queue_name: str, journal: str | None, at: float | None, as_json: bool) -> int:
    """Say of QUEUE what was seen, what each policy wished, what was held back, what was done.

    From the journal: the last decision, or the last one until --at. Without a journal: what would
    be decided now, from what is read now; nothing is written, and it exits 3 where something it
    decides on is not known, as ops scaling plan does.
    """
    from ops.scaling.explain import explained, overview  # noqa: PLC0415

    outcomes: tuple[tuple[str, str], ...] = ()
    known = True
    if journal is None:
        if at is not None:
            raise OpsError(
                "--at: expected with a journal, got without: add --journal PATH", Exit.USAGE
            )
        tick, known = _now(ops, queue_name)
    else:
        tick, outcomes = _then(journal, queue_name, at)
    if as_json:
        data = {"at": tick.snapshot.now, **overview(tick).as_data()}
        for action, (result, why) in zip(data["actions"], outcomes, strict=False):
            action |= {"result": result, "trouble": why}
        wishes = [
            {"policy": w.policy, "nodes": w.nodes, "why": w.why} for w in tick.decision.wishes
        ]
        print_json({**data, "wishes": wishes, "held_back": list(tick.decision.cautions)})
    else:
        for line in explained(tick, outcomes, live=journal is None):
            print_line(line)
    return Exit.DONE if known else Exit.DRIFTED


def _now(ops: Ops, queue_name: str) -> tuple[QueueTick, bool]:
    """Return what would be decided now, and whether all that it is decided on is known."""
    from ops.scaling.explain import unknown  # noqa: PLC0415
    from ops.scaling.looking import look  # noqa: PLC0415
    from ops.scaling.starting import TICK_SECONDS, parts_of  # noqa: PLC0415

    fleet = ops.fleet()
    queue_of(fleet, queue_name)
    with parts_of(fleet, (queue_name,)) as parts, waiting("explain", parts.signals.waiting_for):
        ticked = look(parts, round(time.time(), 3), TICK_SECONDS)
    for trouble in ticked.troubles:
        say(trouble)
    tick = ticked.queues[queue_name]
    return tick, not (ticked.troubles or unknown(tick))


def _then(
    journal: str, queue_name: str, at: float | None
) -> tuple[QueueTick, tuple[tuple[str, str], ...]]:
    from ops.scaling.explain import as_recorded, stamp  # noqa: PLC0415
    from ops.scaling.journal_read import STDIN, all_lines, lines  # noqa: PLC0415
    from ops.scaling.replay import Replayed, replay  # noqa: PLC0415

    text: Iterable[str] = lines(STDIN) if journal == STDIN else all_lines(Path(journal))
    found, last = Replayed(), None
    for each in replay(text, found, queue_name, math.inf if at is None else at):
        last = each
    if last is None:
        until = "" if at is None else f" until {stamp(at)}"
        remedy = "check the name" if at is None else "take a later --at, or check the name"
        raise OpsError(
            f"{journal}: expected a decision about {queue_name}{until}, "
            f"got none{_left_out(found)}: {remedy}"
        )
    return as_recorded(last.recorded, last.again), last.recorded.outcomes


def _print(found: Replayed) -> None:
    sentence = f"{found.decisions:,} decisions, "
    same = "all the same" if not found.differ else f"{found.differ:,} of them otherwise"
    print_line(f"{sentence}{same}{_left_out(found)}")
    if found.first is not None:
        for line in _shown(found.first):
            print_line(line)


def _shown(difference: Difference) -> Iterable[str]:
    from ops.scaling.explain import stamp  # noqa: PLC0415

    recorded = difference.recorded
    yield (
        f"the first: line {difference.line}, {recorded.settings.queue} at "
        f"{stamp(recorded.snapshot.now)}"
    )
    for name, before, now in difference.parts():
        yield f"  {name}"
        yield f"    was    {before}"
        yield f"    is now {now}"


def _left_out(found: Replayed) -> str:
    words = {
        "torn": "torn or no lines of a journal's",
        "gap": "that follow from lines which are not there",
        "version": "of another version",
    }
    parts = [f"{count:,} {words[kind]}" for kind, count in found.unread.items()]
    return f" (left out: {', '.join(parts)})" if parts else ""


def _as_data(found: Replayed) -> dict[str, Any]:
    first = found.first
    return {
        "decisions": found.decisions,
        "differ": found.differ,
        "left_out": dict(found.unread),
        "first": None
        if first is None
        else {
            "line": first.line,
            "queue": first.recorded.settings.queue,
            "at": first.recorded.snapshot.now,
            "parts": {name: {"was": was, "is": now} for name, was, now in first.parts()},
        },
    }
