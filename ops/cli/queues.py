"""`ops queues`: the fleet's queues on SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ops.cli.context import Ops, json_option, pass_ops
from ops.cli.output import print_json, print_table, progress, say
from ops.errors import Exit, OpsError

if TYPE_CHECKING:
    from ops.queues.plan import Plan


@click.group()
def queues() -> None:
    """Create and correct the fleet's queues on SQS."""


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
    if not as_json:
        _print_plan(planned)
    if yes and planned.steps:
        with progress("applying", len(planned.steps)) as step:
            act(client, planned, found, step)
        say(f"{len(planned.steps)} steps done; SQS may take a minute to show all of them")
    if as_json:
        print_json({"fleet": fleet.name, "applied": yes, "changes": _as_data(planned)})
    if planned.steps and not yes:
        say("nothing was changed: run it again with --yes to apply this plan")
        return Exit.DRIFTED
    return Exit.DONE


def _print_plan(planned: Plan) -> None:
    if not planned.steps:
        say("the queues on SQS are as the manifest wants them")
        return
    print_table(
        ("queue", "what", "why", "from", "to"),
        [(c.queue, c.what, c.why, c.before or "-", c.after) for c in planned.changes],
    )


def _as_data(planned: Plan) -> list[dict[str, str | None]]:
    return [
        {"queue": c.queue, "what": c.what, "why": c.why, "from": c.before, "to": c.after}
        for c in planned.changes
    ]
