"""`ops schedules`: tasks that are sent by themselves, at the times of the manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_line, print_table, progress, say
from ops.cli.params import Duration
from ops.cli.plans import show_and_apply
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ops.schedules.listing import Listed
    from ops.schedules.sending import Sent

_TIME = "%a %Y-%m-%d %H:%M"


@click.group()
def schedules() -> None:
    """Send tasks at the times of the manifest's schedules: EventBridge Scheduler, or a runner."""


@schedules.command()
@click.option(
    "--next",
    "count",
    type=click.IntRange(1, 100),
    default=1,
    help="How many times to show of each.",
)
@json_option
@pass_ops
def show(ops: Ops, count: int, as_json: bool) -> None:
    """Show the schedules, when they fire next, and what a clock change does to them."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from ops.schedules.listing import listing  # noqa: PLC0415

    fleet = ops.fleet()
    listed = listing(fleet, datetime.now(UTC), count)
    if as_json:
        print_json({"fleet": fleet.name, "schedules": [each.as_data() for each in listed]})
    elif listed:
        _print_listed(listed)
    else:
        say(f"{fleet.path}: no schedules: add one as [schedules.NAME]")


@schedules.command()
@click.option(
    "--catch-up",
    type=Duration(at_most="1d", remedy="send what is older by hand"),
    default="0s",
    show_default=True,
    help="Also send what came due up to this long ago, at the start and after a sleep.",
)
@json_option
@pass_ops
def run(ops: Ops, catch_up: timedelta, as_json: bool) -> int:
    """Send each firing at its time, until SIGTERM or Ctrl-C; a line, or a JSON object, for each.

    For a laptop, and for a fleet without EventBridge Scheduler: where both run, each firing is
    sent by both, with two task ids. Firings have the same task id from every runner.
    """
    from ops.aws import sqs_calls  # noqa: PLC0415
    from ops.schedules.runner import Runner, Told, announce  # noqa: PLC0415
    from ops.schedules.stopping import Stopped, stoppable  # noqa: PLC0415

    fleet = ops.fleet()
    say(announce(fleet))
    runner = Runner(
        fleet, sqs_calls(fleet), Told(_print_sent_json if as_json else _print_sent, say)
    )
    code = Exit.DONE
    try:
        with stoppable():
            runner.run(catch_up)
    except Stopped:
        pass
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    for line in runner.unsent:
        say(line)
    say("stopped")
    return code


@schedules.command()
@click.option(
    "--role-arn",
    required=True,
    metavar="ARN",
    help="The role EventBridge Scheduler sends with: sqs:SendMessage on the queues.",
)
@click.option("--yes", is_flag=True, help="Make the changes of the plan.")
@json_option
@pass_ops
def apply(ops: Ops, role_arn: str, yes: bool, as_json: bool) -> int:
    """Show what differs on EventBridge Scheduler; with --yes, create, update and delete it.

    Only the schedule group named after the fleet is read or changed. Without --yes nothing is
    changed, and the command exits 3 if something differs.
    """
    from ops.aws import scheduler, sqs  # noqa: PLC0415
    from ops.queues.read import read as read_queues  # noqa: PLC0415
    from ops.schedules.act import act  # noqa: PLC0415
    from ops.schedules.eventbridge import group_name  # noqa: PLC0415
    from ops.schedules.plan import plan  # noqa: PLC0415
    from ops.schedules.read import read  # noqa: PLC0415
    from ops.schedules.wanted import checked, queue_names, wanted  # noqa: PLC0415

    fleet = ops.fleet()
    checked(fleet, role_arn)
    client, group, names = scheduler(fleet), group_name(fleet), queue_names(fleet)
    with progress("reading", len(names) + 1 + len(fleet.schedules)) as step:
        queues = read_queues(sqs(fleet), names, step)
        arns = {name: None if state is None else state.arn for name, state in queues.items()}
        wants = wanted(fleet, arns, role_arn)
        found = read(client, group, step)
    planned = plan(fleet.name, group, wants, found)
    if planned.refusal is not None:
        raise OpsError(planned.refusal)
    return show_and_apply(
        fleet.name,
        [
            {"schedule": c.schedule, "what": c.what, "from": c.before, "to": c.after}
            for c in planned.changes
        ],
        yes=yes,
        as_json=as_json,
        nothing="the schedules on EventBridge Scheduler are as the manifest wants them",
        steps=len(planned.steps),
        take=lambda step: act(client, group, planned, step),
        afterwards="; EventBridge may take a minute to follow them",
    )


def _print_listed(listed: Sequence[Listed]) -> None:
    rows = []
    for each in listed:
        about = (each.schedule.name, each.words, each.schedule.timezone)
        task = (each.schedule.task, each.queue)
        for number, at in enumerate(each.next or (None,)):
            shown = ("", "", "", "", "") if number else (*about, *task)
            when = (
                ("disabled" if not each.schedule.enabled else "never", "-")
                if at is None
                else (f"{at.astimezone(each.zone):{_TIME}}", f"{at:%Y-%m-%d %H:%M}")
            )
            rows.append((*shown, *when))
    print_table(("schedule", "when", "zone", "task", "queue", "next", "next in UTC"), rows)
    for each in listed:
        for change in each.clock_changes:
            print_line(f"{each.schedule.name}: caution: {change} ({each.schedule.timezone})")
        for problem in each.problems:
            print_line(f"{problem.place}: caution: not for EventBridge Scheduler: {problem.what}")


def _print_sent(sent: Sent) -> None:
    print_line(" ".join(sent.as_data().values()))


def _print_sent_json(sent: Sent) -> None:
    print_line(json.dumps(sent.as_data()))
