"""`ops queues`: the fleet's queues on SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_line, print_table, progress, say
from ops.cli.plans import show_and_apply
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.queues.delayed import Delayed


@click.group()
def queues() -> None:
    """Create and correct the fleet's queues on SQS; move delayed tasks on."""


@queues.command()
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def apply(ops: Ops, yes: bool, as_json: bool) -> int:
    """Show what differs from the manifest on SQS; with --yes, create and correct it.

    Without --yes nothing is changed, and the command exits 3 if something differs.
    """
    from ops.aws import sqs  # noqa: PLC0415
    from ops.queues.act import act  # noqa: PLC0415
    from ops.queues.plan import plan  # noqa: PLC0415
    from ops.queues.read import read  # noqa: PLC0415
    from ops.queues.wanted import wanted  # noqa: PLC0415

    fleet = ops.fleet()
    client = sqs(fleet)
    wants = wanted(fleet)
    with progress("reading queues", len(wants)) as step:
        found = read(client, [want.name for want in wants], step)
    planned = plan(wants, found)
    if planned.refusals:
        raise OpsError("\n".join(planned.refusals))
    return show_and_apply(
        fleet.name,
        [
            {"queue": c.queue, "what": c.what, "why": c.why, "from": c.before, "to": c.after}
            for c in planned.changes
        ],
        yes=yes,
        as_json=as_json,
        nothing="the queues on SQS are as the manifest wants them",
        steps=len(planned.steps),
        take=lambda step: act(client, planned, found, step),
        afterwards="; SQS may take a minute to show all of them",
    )


@queues.command()
@click.option("--once", is_flag=True, help="Move on what is shown now, and end.")
@json_option
@pass_ops
def forward(ops: Ops, once: bool, as_json: bool) -> int:
    """Move tasks that are due in more than 15 minutes on, from the delay queue to their own.

    Runs until SIGTERM (exit 0) or Ctrl-C (exit 130), and finishes what it has in hand. Any number
    of them may run. Prints what was moved when it ends; once a minute it says so on stderr.
    """
    from ops.cli.signals import until_ended  # noqa: PLC0415
    from ops.queues.forward import start  # noqa: PLC0415

    running = start(ops.fleet(), once=once)
    said: dict[str, int] = {}

    def minute() -> None:
        nonlocal said
        now = running.tally.as_data()
        if now != said:
            say(f"so far: {_moved(now)}")
            said = now

    if not once:
        say("moving on what becomes due; Ctrl-C ends it")
    code = until_ended(running.forwarder.wait, minute)
    if not running.end():
        say("some messages were still in hand: they are shown again within 5 minutes")
    moved = running.tally.as_data()
    if as_json:
        print_json(moved)
    else:
        print_line(_moved(moved))
    if running.forwarder.error is not None:
        raise OpsError(f"not all was moved on: {running.forwarder.error}")
    return Exit.FAILED if once and moved["failed"] else code


@queues.command()
@json_option
@pass_ops
def delayed(ops: Ops, as_json: bool) -> int:
    """Count the tasks that wait until they are due, by task and time.

    What SQS hides it does not list: the delay queue's tasks are counted from the table that
    forwarders write, and the rest by SQS's own counts, which may lag by a minute.
    """
    import time  # noqa: PLC0415

    from ops.aws import dynamodb, sqs  # noqa: PLC0415
    from ops.queues.counts import backlog  # noqa: PLC0415
    from ops.queues.delayed import delayed  # noqa: PLC0415
    from ops.queues.waiting_table import read_all  # noqa: PLC0415

    fleet = ops.fleet()
    client = sqs(fleet)
    with progress("counting", len(fleet.queues) + 2) as step:
        step(fleet.delay_queue_name)
        waiting = backlog(client, fleet.delay_queue_name)
        step(fleet.waiting_table)
        items, missing = read_all(dynamodb(fleet), fleet.waiting_table)
        near = {}
        for name in fleet.queues:
            step(fleet.physical_name(name))
            near[name] = backlog(client, fleet.physical_name(name)).delayed
    found = delayed(items, waiting, time.time())
    if missing is not None:
        say(missing)
    if as_json:
        print_json(found.as_data(near))
    else:
        _print_delayed(found, near)
    return Exit.DONE


def _moved(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _print_delayed(found: Delayed, near: dict[str, int]) -> None:
    from ops.queues.delayed import WITHIN  # noqa: PLC0415

    rows = [
        (task, queue, *(str(counts[name]) for name in WITHIN), str(counts.total()))
        for (task, queue), counts in found.tasks.items()
    ]
    if found.unseen:
        rows.append(("(not looked at yet)", "", *("?" for _ in WITHIN), str(found.unseen)))
    rows += [
        ("(in its queue already)", queue, "", str(count), "", "", "", "", str(count))
        for queue, count in near.items()
        if count
    ]
    if not rows:
        say("nothing waits")
        return
    print_table(("task", "queue", *WITHIN, "all"), rows)
