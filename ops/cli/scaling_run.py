"""`ops scaling run` and `plan`: the engine, and what it would do now."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.counting import waiting
from ops.cli.output import print_json, print_line, print_table, say
from ops.cli.params import Duration
from ops.cli.scaling_pin import queue_of
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.scaling.tick import QueueTick, Ticked


@click.command()
@click.option(
    "--every",
    type=Duration("1s", "5m", "nodes speak every 15 s, and the lease is as long as three ticks"),
    default="15s",
    show_default=True,
    help="The time from one tick to the next.",
)
@click.option(
    "--journal",
    "place",
    metavar="PATH|logs:GROUP",
    help="Write every decision there: a file, or a CloudWatch log group. Else nowhere.",
)
@click.option("--once", is_flag=True, help="Do one tick, give the lease up, and end.")
@json_option
@pass_ops
def run(ops: Ops, every: timedelta, place: str | None, once: bool, as_json: bool) -> int:
    """Scale the queues until SIGTERM (exit 0) or Ctrl-C (exit 130).

    Any number of them may run: the one that holds the lease acts, the others stand by. Says a
    line, or with --json an object a tick, where something was done or the reason is a new one.
    The tick in hand is finished; a second signal ends it at once, and the lease then lapses by
    itself. Nothing that AWS answers ends it. With --once it exits 1 where the tick had trouble.
    """
    from ops.scaling.engine import Engine  # noqa: PLC0415
    from ops.scaling.running import Runner  # noqa: PLC0415
    from ops.scaling.starting import journal_at, lease_seconds, parts_of  # noqa: PLC0415
    from ops.scaling.told import Told, as_data, line  # noqa: PLC0415
    from ops.waking import Waking  # noqa: PLC0415
    from worker.notify import take  # noqa: PLC0415

    # The socket is this process's alone: out of the environment before anything is started.
    supervisor = take()
    fleet = ops.fleet()
    seconds = every.total_seconds()
    said = Told()

    def tell(ticked: Ticked) -> None:
        for talk in said.talk(ticked):
            say(talk)
        news = said.queues(ticked)
        if as_json and (news or once):
            print_line(json.dumps(as_data(ticked, news), ensure_ascii=False))
        elif not as_json:
            for tick in news:
                print_line(line(tick))

    with parts_of(fleet) as parts, Waking() as ending:
        journal = None if place is None else journal_at(fleet, place)
        engine = Engine(
            parts,
            tick_seconds=seconds,
            lease_seconds=lease_seconds(seconds),
            journal=journal,
            once=once,
        )
        runner = Runner(engine, seconds, tell, supervisor)
        try:
            last = runner.run(ending, once=once)
        finally:
            if trouble := runner.end():
                say(trouble)
            if journal is not None:
                journal.close()
    return Exit.FAILED if once and last.troubles else ending.code


@click.command()
@click.option("--queue", "queue_name", metavar="NAME", help="This queue alone.")
@json_option
@pass_ops
def plan(ops: Ops, queue_name: str | None, as_json: bool) -> int:
    """Show what the engine would do now, and why. Nothing is written, and no lease is taken.

    Exits 0 also where something would be done, for that is the engine's daily work, and 3 where
    something it decides on is not known.
    """
    import time  # noqa: PLC0415

    from ops.scaling.explain import nothing_there, overview, unknown  # noqa: PLC0415
    from ops.scaling.looking import look  # noqa: PLC0415
    from ops.scaling.starting import TICK_SECONDS, parts_of  # noqa: PLC0415

    fleet = ops.fleet()
    queues = () if queue_name is None else (queue_of(fleet, queue_name).name,)
    with parts_of(fleet, queues) as parts, waiting("plan", parts.signals.waiting_for):
        ticked = look(parts, round(time.time(), 3), TICK_SECONDS)
    shown = list(ticked.queues.values())
    if not as_json and shown and nothing_there(shown):
        raise OpsError(
            f"fleet {fleet.name}: expected its queues and groups, found none of them: "
            "ops stack apply --yes (who has no stacks: ops queues apply --yes, ops stores apply "
            "--yes)",
            Exit.DRIFTED,
        )
    for trouble in ticked.troubles:
        say(trouble)
    if as_json:
        print_json({"fleet": fleet.name, "queues": [overview(tick).as_data() for tick in shown]})
    else:
        _print_plan(shown)
        _say_unknown(shown)
    return Exit.DRIFTED if ticked.troubles or any(map(unknown, shown)) else Exit.DONE


_COLUMNS = ("queue", "nodes", "waiting", "oldest", "would", "why")


def _print_plan(ticks: Sequence[QueueTick]) -> None:
    from ops.scaling.explain import overview  # noqa: PLC0415

    if not ticks:
        raise OpsError("queues: expected one to scale, got none", Exit.USAGE)
    seen = [overview(tick) for tick in ticks]
    print_table(
        _COLUMNS,
        [
            (each.queue, each.nodes, each.waiting, each.oldest, each.would, each.why)
            for each in seen
        ],
    )


def _say_unknown(ticks: Sequence[QueueTick]) -> None:
    """Say all that is not known: a row has the first that holds its queue, and others wait behind.

    What is the same for many queues, such as the registry, is said once.
    """
    from ops.scaling.explain import missing  # noqa: PLC0415

    found: dict[tuple[str, str], list[str]] = {}
    for tick in ticks:
        for each in missing(tick):
            found.setdefault(each, []).append(tick.snapshot.queue)
    for (what, why), queues in found.items():
        named = ", ".join(queues) if len(queues) < len(ticks) or len(ticks) == 1 else "all queues"
        say(f"{named}: {what} not known: {why}")
